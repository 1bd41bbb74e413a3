"""Runs a study of arms: the same tasks and seeds for every arm, each with the same number of evaluations.

One folder holds the study's record (run.db: what every arm came to, as soon as it is there) and one run for each arm
and seed (arms/NAME-SEED/). A study that was killed goes on with the arm it was at.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kernelevo.counting import counted
from kernelevo.errors import BadInput, Interrupted
from kernelevo.harness import pipeline_file, read_decision_file, read_harness, write_files
from kernelevo.initialise import samples_folder
from kernelevo.joining_backends import open_asked
from kernelevo.joining_levers import OWN_AGENT
from kernelevo.joining_loop import (
    GAIN,
    LoopRequest,
    Opened,
    Workers,
    harness_folder,
    introduction,
    loop_record,
    open_loop,
    require_as_begun,
    writes_programs,
)
from kernelevo.learning import Split, folder_key
from kernelevo.loop.budget import Account, LoopLimits
from kernelevo.loop.curves import after, curve
from kernelevo.loop.generation import Tools, execute
from kernelevo.loop.judging import Memo
from kernelevo.loop.ledger import open_sealed, require_unopened, write_outcome
from kernelevo.loop.seeds import seed_of
from kernelevo.loop.summary import run_summary
from kernelevo.loop.task_state import Phase, Share
from kernelevo.run_record import is_study
from kernelevo.settings import Settings
from kernelevo.stores.folders import find_run, new_run_folder
from kernelevo.stores.memory import MemoryStore
from kernelevo.stores.sqlite import DATABASE, SqliteStore
from kernelevo.studies.arms import ARMS, Arm, Costs
from kernelevo.studies.figures import KINDS, Told, figures_of
from kernelevo.studies.results import EQUAL_TOTAL, SOON, WAYS, Learned, Outcome, study_results
from kernelevo.study_anew import Anew, first_candidate
from kernelevo.types import RunRecord

FINISHED, STUDY_ENDED = "study_arm", "study_ended"
DECISIONS = "decisions.toml"
START, HARNESS, BY_HAND, BY_HAND_PIPELINE = "start", "harness", "by-hand.toml", "by-hand.txt"
"""In the study's folder: what its arms begin with, as it was when the study began."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class StudyRequest:
    """`test` evaluations in each of `searches` searches of each task, `learning` ones for an arm's loop; `on` is the
    split that is tested on, which needs a `claim` if it is the sealed one. `by_hand` is the decisions.toml that a
    person wrote.
    """

    task: str
    arms: tuple[str, ...]
    model: str
    seeds: int = 5
    learning: int = 400
    test: int = 40
    generations: int = 3
    on: str = "development"
    claim: str | None = None
    by_hand: str | None = None
    workers: int = 1
    tasks: tuple[str, ...] = ()
    cells: tuple[Arm, ...] = ()
    """The arms of a matrix, which have no names of their own."""
    searches: int = 1
    data: str | None = None
    metric: str | None = None

    def __post_init__(self) -> None:
        for name in ("seeds", "test", "searches", "generations", "workers"):
            if getattr(self, name) < 1:
                raise BadInput(f"--{name} {getattr(self, name)} leaves nothing to be done; give at least 1")
        if self.learning < 0:
            raise BadInput(f"--learning {self.learning} is negative; give the evaluations of an arm's loop")
        if (self.on == Split.SEALED) != (self.claim is not None):
            raise BadInput(
                "sealed tasks are opened for a claim, once: give --on sealed and --claim WORDS together; "
                "without them a study runs on the development split"
            )


@dataclass(frozen=True)
class StudyOutcome:
    run: str
    folder: Path
    record: RunRecord
    results: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        asked = self.record.settings["study"]
        head = {name: asked[name] for name in ("task", "model", "on", "claim", "seeds")}
        record = self.record
        named = {
            "run": self.run, "started": record.started, "versions": dict(record.versions),
            "data": record.hashes.get("data"), "device": record.device, "how": record.how,
            "gain": record.settings.get("gain", GAIN),
        }  # fmt: skip
        return {**named, **head, **self.results}


def start_study(request: StudyRequest, settings: Settings, say: Say) -> StudyOutcome:
    """Everything that is wrong with the request raises BadInput before the sealed tasks are opened."""
    with closing(Workers(lambda: open_asked(request, settings))) as workers:
        request = dataclasses.replace(request, tasks=tuple(_tasks_of(request, workers)))
        _check(request, settings, workers)
        if request.claim is not None:
            require_unopened(settings.runs, request.claim)
        folder = new_run_folder(settings.runs)
        asked_of = LoopRequest(request.task, data=request.data, metric=request.metric)
        head = loop_record(folder.name, f"study arms {request.task}", asked_of, workers.backend())
        asked = {"study": dataclasses.asdict(request), "band": 0.0, "gain": head.settings["gain"]}
        record = dataclasses.replace(head, settings=asked, task=f"{request.task} (study)")
        with SqliteStore.create(folder) as store:
            store.begin(record)
            return _Study(request, record, folder, store, settings, workers, say).run()


def resume_study(name: str, settings: Settings, say: Say, workers_count: int | None = None) -> StudyOutcome:
    folder = find_run(settings.runs, name)
    with SqliteStore.resume(folder) as store:
        record = store.run()
        request = read_study(record)
        if workers_count is not None:
            request = dataclasses.replace(request, workers=workers_count)
        with closing(Workers(lambda: open_asked(request, settings))) as workers:
            require_as_begun(record, workers.backend())
            return _Study(request, record, folder, store, settings, workers, say).run()


def read_study(record: RunRecord) -> StudyRequest:
    if not is_study(record):
        raise BadInput(f"run {record.id} is no study; `kernelevo resume {record.id}` goes on with it")
    plain = record.settings["study"]
    cells = tuple(Arm(**{**cell, "levers": tuple(cell["levers"])}) for cell in plain["cells"])
    return StudyRequest(**{**plain, "arms": tuple(plain["arms"]), "tasks": tuple(plain["tasks"]), "cells": cells})


def kept_by(name: str, settings: Settings) -> tuple[str, str | None, str]:
    """What a run of the loop kept: the folders of its harness and adapter, and the model that acted."""
    from kernelevo.run_of_loop import recorded_loop

    told = recorded_loop(find_run(settings.runs, name))
    policy = told.summary["policy"]
    if not policy:
        raise BadInput(f"run {name} has kept nothing yet; let it begin first")
    harness, adapter = told.folder / policy["harness"], told.folder / policy["adapter"] if policy["adapter"] else None
    version = policy["version"]
    if read_harness(harness).key != version["harness"] or (adapter and folder_key(adapter) != version["adapter"]):
        raise BadInput(f"what run {name} kept was changed since, in {told.folder}; put it back, or name another run")
    return str(harness), None if adapter is None else str(adapter), str(told.record.settings["loop"]["model"])


def _tasks_of(request: StudyRequest, workers: Workers) -> list[str]:
    there = list(workers.backend().tasks(Split(request.on)))
    if wrong := next((task for task in request.tasks if task not in there), None):
        raise BadInput(f"--only {wrong!r} is no task of the split {request.on}; there are {', '.join(there)}")
    return [task for task in there if not request.tasks or task in request.tasks]


def _loop_request(request: StudyRequest, arm: Arm, seed: int, settings: Settings) -> LoopRequest:
    """The loop of an arm that learns, and the policy of one that does not. Every generation begins from the starts, as
    the gate and the test do: in trees that are grown nothing is left to tell a good decision from another.
    """
    model = arm.model or request.model
    limits = LoopLimits(request.learning) if arm.learns else LoopLimits()
    return LoopRequest(
        request.task, model, levers=arm.levers, generations=request.generations, seed=seed, limits=limits,
        reuse=False, workers=request.workers, harness=arm.harness, adapter=arm.adapter, data=request.data,
        metric=request.metric,
    )  # fmt: skip


def arms_of(request: StudyRequest) -> dict[str, Arm]:
    """In the order in which they run."""
    return {arm.name: arm for arm in request.cells} or {name: ARMS[name] for name in request.arms}


def _check(request: StudyRequest, settings: Settings, workers: Workers) -> None:
    """Opens every arm once, without a record, so that what is wrong with one is said now."""
    for arm in arms_of(request).values():
        if arm.by_hand:
            hand = read_decision_file(_hand_text(request), str(request.by_hand))
            hand.settings(workers.backend().grammar)  # before the sealed tasks are opened
        asked = _loop_request(request, arm, 0, settings)
        with TemporaryDirectory() as place:
            open_loop(asked, Path(place), MemoryStore(), settings, lambda line: None, workers=workers).close()


def _hand_text(request: StudyRequest) -> str:
    if request.by_hand is None:
        raise BadInput("the arm by_hand needs --by-hand FILE, the decisions.toml that a person wrote")
    try:
        return Path(request.by_hand).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--by-hand {request.by_hand} cannot be read ({error}); give a decisions.toml") from error


def costs_of(request: StudyRequest) -> Costs:
    learns = any(arm.learns for arm in arms_of(request).values())
    return Costs(request.learning if learns else 0, request.test, max(1, len(request.tasks)), request.searches)


class _Study:
    def __init__(
        self, request: StudyRequest, record: RunRecord, folder: Path, store: SqliteStore, settings: Settings,
        workers: Workers, say: Say,
    ) -> None:  # fmt: skip
        self.request, self.record, self.folder, self.store = request, record, folder, store
        self.settings, self.workers, self.say = settings, workers, say
        self.memo = Memo()
        self.tasks = request.tasks
        self.costs = costs_of(request)

    def run(self) -> StudyOutcome:
        self._freeze()
        if self.request.claim is not None:
            open_sealed(self.settings.runs, self.request.claim, self.record.id, self.tasks)
        self._introduce()
        finished = {(note["arm"], note["seed"]) for note in self.store.notes(FINISHED)}
        for seed in range(self.request.seeds):
            for name, arm in arms_of(self.request).items():
                if (name, seed) not in finished:
                    self._arm(arm, seed)
        return self._ended()

    def _freeze(self) -> None:
        """Copies what arms begin with, once: what is edited or adopted meanwhile is no part of this study."""
        start, unfinished = self.folder / START, self.folder / f".{START}"
        if start.exists():
            return
        shutil.rmtree(unfinished, ignore_errors=True)
        programs = writes_programs(self.request.model, self.workers.backend())
        source = harness_folder(LoopRequest(self.request.task), self.settings, programs)
        write_files(unfinished / HARNESS, read_harness(source).files)
        if any(arm.by_hand for arm in arms_of(self.request).values()):
            (unfinished / BY_HAND).write_text(_hand_text(self.request), encoding="utf-8")
            pipeline = samples_folder() / "harness" / f"by-hand.{self.request.task}.txt"
            if self.request.model == OWN_AGENT and pipeline.is_file():
                shutil.copyfile(pipeline, unfinished / BY_HAND_PIPELINE)
        unfinished.rename(start)

    def _introduce(self) -> None:
        request, costs = self.request, self.costs
        self.say(
            f"study {self.record.id}: backend {request.task} on {self.record.device} ({self.record.how}), model "
            f"{request.model}, {counted(len(arms_of(request)), 'arm')}, {counted(request.seeds, 'seed')}, "
            f"{counted(len(self.tasks), 'task')} "
            f"({request.on}): {counted(costs.searches, 'search')} of {costs.test} evaluations on each task, "
            f"{costs.learning} to learn from, {costs.total} in all for each arm and seed"
        )
        for line in introduction(self.workers.backend()):
            self.say(line)

    def _ended(self) -> StudyOutcome:
        results = results_of(self.store.notes(FINISHED), self.request)
        if not self.store.notes(STUDY_ENDED):
            self.store.note(STUDY_ENDED, {"arms": results["arms"], "comparisons": results["comparisons"]})
        if self.request.claim is not None:
            means = {way: {row["arm"]: row[way] for row in results["arms"]} for way in WAYS}
            write_outcome(self.settings.runs, self.request.claim, self.record.id, means)
        return StudyOutcome(self.record.id, self.folder, self.record, results)

    def _arm(self, arm: Arm, seed: int) -> None:
        """Learns, if the arm does, then searches the test tasks, and notes what was found."""
        place = self.folder / "arms" / f"{arm.name}-{seed}"
        request = _loop_request(self.request, arm, seed, self.settings)
        request = dataclasses.replace(request, harness=arm.harness or str(self.folder / START / HARNESS))
        with ExitStack() as stack:
            store = stack.enter_context(self._store(place, request))
            self._write_harness(arm, place)
            opened = open_loop(
                request, place, store, self.settings, lambda line: None, memo=self.memo, workers=self.workers
            )
            stack.callback(opened.close)
            try:
                learned = self._learned(arm, seed, opened, place)
                spent = 0 if learned is None else learned.evaluations
                searches = range(self.request.searches)
                outcomes = [each for search in searches for each in self._test(arm, seed, opened, spent, search)]
            except KeyboardInterrupt:
                raise Interrupted(
                    f"stopped in arm {arm.name} with seed {seed}; all that finished is kept: "
                    f"go on with `kernelevo study arms --resume {self.record.id}`"
                ) from None
        plain = [dataclasses.asdict(each) for each in outcomes]
        taught = None if learned is None else dataclasses.asdict(learned)
        self.store.note(FINISHED, {"arm": arm.name, "seed": seed, "outcomes": plain, "learned": taught})
        self._told(arm, seed, outcomes, learned)

    def _store(self, place: Path, request: LoopRequest) -> SqliteStore:
        place.mkdir(parents=True, exist_ok=True)
        if (place / DATABASE).exists():
            return SqliteStore.resume(place, survives_power_loss=False)
        store = SqliteStore.create(place, survives_power_loss=False)
        store.begin(loop_record(place.name, f"study arm {place.name}", request, self.workers.backend()))
        return store

    def _write_harness(self, arm: Arm, place: Path) -> None:
        """The harness that the arm of a person begins with, which differs in its decisions, or in the pipeline of the
        domain's own agent.
        """
        harness, start = place / START / HARNESS, self.folder / START
        if arm.by_hand and not harness.exists():
            hand = (start / BY_HAND).read_text(encoding="utf-8")
            files = {**read_harness(start / HARNESS).files, DECISIONS: hand}
            if (start / BY_HAND_PIPELINE).is_file():
                written = (start / BY_HAND_PIPELINE).read_text(encoding="utf-8")
                files[pipeline_file(self.request.task)] = written
            write_files(harness, files)

    def _learned(self, arm: Arm, seed: int, opened: Opened, place: Path) -> Learned | None:
        if not arm.learns:
            opened.loop.begin()
            return None
        opened.loop.run()
        told = run_summary(opened.loop.record, place)
        spent = opened.loop.record.charged("reward:") + opened.loop.record.charged("gate:")
        return Learned(arm.name, seed, spent, told["accepted"], told["ended"] or "")

    def _test(self, arm: Arm, seed: int, opened: Opened, learned: int, search: int) -> list[Outcome]:
        """A search of each of the test's tasks with the policy that is kept, on draws that all arms share, and with
        replies drawn from streams that they share, another for each search.
        """
        loop = opened.loop
        each = self.costs.of(arm, learned)
        shares = [
            Share(task, self.workers.session(task).family, each, seed_of(seed, "test inputs", task))
            for task in self.tasks
        ]
        account = Account(LoopLimits(10**9), loop.record.spent)
        stream = seed_of(seed, "test replies", *([search] if search else []))
        phase = Phase(_test_phase(search), self.request.generations, strategy=arm.strategy, stream=stream)
        execute(phase, loop.open_present(), shares, Tools(loop.record, loop.parts.tools.court, account))
        return [self._outcome(arm, seed, share, loop, search) for share in shares]

    def _outcome(self, arm: Arm, seed: int, share: Share, loop: Any, search: int) -> Outcome:
        rounds = loop.record.rounds(_test_phase(search))
        found = curve(rounds, share.task)
        anew = Anew(self.workers.backend(), loop.record, loop.parts.tools.court, seed)
        at_test, at_total = after(found, self.costs.test), found[-1] if found else after(found, 0)
        rewards = {
            name: anew.reward(share.task, name)
            for name in dict.fromkeys((at_test.candidate, at_total.candidate)) if name is not None
        }  # fmt: skip
        told: dict[str, Mapping[str, float]] = {}
        if not search and anew.tells(share.task):
            first, best = first_candidate(rounds, share.task), at_total.candidate
            told = {
                "first": anew.figures(share.task, first), "found": anew.figures(share.task, best),
                "audited": anew.figures(share.task, best, "audit"), "reference": anew.reference(share.task),
            }  # fmt: skip
        return Outcome(
            arm.name, seed, share.task, rewards.get(at_test.candidate or ""), rewards.get(at_total.candidate or ""),
            tuple(each.reward for each in found), len(found), search, told,
        )  # fmt: skip

    def _told(self, arm: Arm, seed: int, outcomes: Sequence[Outcome], learned: Learned | None) -> None:
        results = study_results(outcomes, [] if learned is None else [learned], self.costs, {arm.name: arm.words})
        (row,) = results["arms"]
        taught = ""
        if learned is not None:
            accepted = counted(learned.accepted, "change")
            taught = f", {accepted} accepted in {learned.evaluations} evaluations: {learned.ended}"
        total, soon = (2 ** row[way]["mean"] for way in (EQUAL_TOTAL, SOON))
        gain = self.record.settings["gain"]
        words = f"{total:.3f} {gain}, {soon:.3f} over the first four candidates"
        self.say(f"  seed {seed}, {arm.name}: {words}{taught}")


def _test_phase(search: int) -> str:
    return f"test {search + 1}" if search else "test"


def recorded_study(folder: Path) -> StudyOutcome:
    """What a study stands at, from its record alone."""
    with SqliteStore.read(folder) as store:
        record = store.run()
        request = read_study(record)
        results = results_of(store.notes(FINISHED), request)
    return StudyOutcome(record.id, folder, record, results)


def results_of(notes: Sequence[Mapping[str, Any]], request: StudyRequest) -> dict[str, Any]:
    outcomes = [Outcome(**{**each, "curve": tuple(each["curve"])}) for note in notes for each in note["outcomes"]]
    learned = [Learned(**note["learned"]) for note in notes if note["learned"] is not None]
    arms = {name: arm.words for name, arm in arms_of(request).items()}
    results = study_results(outcomes, learned, costs_of(request), arms)
    told = [
        Told(each.arm, each.seed, each.task, {kind: each.told[kind] for kind in KINDS}, each.told["reference"])
        for each in outcomes if each.told
    ]  # fmt: skip
    results["figures"] = figures_of(told) if told else None
    return {**results, "finished": len(notes), "planned": len(arms) * request.seeds}
