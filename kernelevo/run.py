"""Joins the parts: which compiler, wall, device, evaluators, proposers, store and executor make a run.

`Joints` names the three places where concrete parts are chosen; tests put scripted ones there. Adding a proposer or an
evaluator is one line in the functions at the end, a device or a compiler one in `joining.py`, and nothing else changes.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kernelevo.answer import Answer, Floor
from kernelevo.archive import ENDED_NOTE, FINAL, SEARCH, Archive
from kernelevo.counting import counted
from kernelevo.errors import BadInput, Interrupted
from kernelevo.executors.local import LocalExecutor, PerWorker
from kernelevo.floors import floors
from kernelevo.initialise import samples_folder
from kernelevo.interfaces import Evaluator, Listener, Proposer
from kernelevo.joining_models import open_policy
from kernelevo.language_model import ModelUse
from kernelevo.models.use import model_use, questions
from kernelevo.report_file import settled
from kernelevo.run_record import make_record, require_same
from kernelevo.search import Judges, Search, SearchTime
from kernelevo.settings import DEFAULT_FINDINGS, Level, Limits, ModelRequest, Request, Settings
from kernelevo.snapshots import snapshot
from kernelevo.stores.folders import find_run, new_run_folder, run_folders
from kernelevo.stores.lock import writer_of
from kernelevo.stores.sqlite import SqliteStore
from kernelevo.tasks import Task, open_task
from kernelevo.types import Attempt, Budget, Candidate, How, RunRecord, Verdict

if TYPE_CHECKING:
    from kernelevo.joining_decisions import DecisionPolicy
    from kernelevo.joining_models import Policy

    AnyPolicy = Policy | DecisionPolicy

EVALUATION = Budget(seconds=30.0, memory_bytes=4 << 30, warp_instructions=2_000_000_000)
"""Of one candidate: about ten times what the slowest shipped start needs, so that a slow kernel ends and an endless
one is killed.
"""


class Bench(Protocol):
    """What one worker judges with: its own wall, compiler and device, and the evaluators made of them: two for a
    search, and `at_level` for any level of checks, with a seed and sizes of its own, telling so many findings.
    """

    light: Evaluator
    full: Evaluator
    device: str
    how: How
    band: float
    calibration: str
    properties: Mapping[str, int]
    versions: Mapping[str, str]
    note: str

    def at_level(
        self, level: Level, *, seed: int | None = None, cases: Sequence[str] = (), most_findings: int = DEFAULT_FINDINGS
    ) -> Evaluator: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Proposers:
    """Who proposes, in the order in which they are asked, and by which harness."""

    members: Sequence[Proposer]
    note: str
    harness: str = ""
    """Hash of the harness's texts, kept in the run's record."""
    policy: AnyPolicy | None = None
    """The model that is asked before the others, where there is one."""

    @property
    def notes(self) -> list[str]:
        """What is said of them before anything is judged."""
        return [note for note in (self.policy and self.policy.note, self.note) if note]

    def opened(self, store: SqliteStore, archive: Archive, left: Callable[[], float]) -> Sequence[Proposer]:
        """All of them on this record; `left` tells how many seconds the search may still take."""
        asked = [] if self.policy is None else [self.policy.proposer(store, archive.children, left)]
        return [*asked, *self.members]


@dataclass(frozen=True)
class Joints:
    """Where concrete parts are chosen."""

    open_task: Callable[..., Task]
    """Of a Request; as tasks.open_task, it may be told what a problem file must pass before it is executed."""
    open_bench: Callable[[Request, Task, Settings], Bench]
    proposers: Callable[[Task, Bench, Settings], Proposers]
    policy: Callable[[ModelRequest, Task, Bench, Settings], AnyPolicy] = open_policy


@dataclass(frozen=True)
class Outcome:
    """What `optimize` and `resume` came to: the answer, or the start's verdict if it did not pass. `task` is what was
    judged, and None where only the record was read; `model` what was asked of a model, if one was.
    """

    folder: Path
    record: RunRecord
    answer: Answer | None
    start: Attempt
    task: Task | None = None
    model: ModelUse | None = None


Announce = Callable[[str], None]


def optimize(
    request: Request,
    limits: Limits,
    settings: Settings,
    joints: Joints,
    listener: Listener,
    announce: Announce,
    why: str = "",
) -> Outcome:
    """Searches for a faster kernel and records everything under a new folder of `settings.runs`."""
    task = joints.open_task(request)
    with contextlib.ExitStack() as closing:
        benches = _benches(request, task, settings, joints, closing)
        bench = benches.first()
        notes = introduce(bench, task, announce, why)
        proposers = _proposers(request, task, bench, settings, joints, announce, closing)
        folder = new_run_folder(settings.runs)
        store = closing.enter_context(SqliteStore.create(folder))
        said, command = [*notes, *proposers.notes], f"optimize {request.kernel}"
        store.begin(make_record(folder.name, command, request, limits, task, bench, said, proposers.harness))
        store.propose(Candidate(task.text))
        return _search(store, limits, proposers, task, benches, request.workers, listener)


def resume(
    name: str, changes: Mapping[str, Any], settings: Settings, joints: Joints, listener: Listener, announce: Announce
) -> Outcome:
    """Goes on with a recorded run, on the same task and device; `changes` are limits or workers given anew."""
    folder = find_run(settings.runs, name)
    with contextlib.ExitStack() as closing:
        store = closing.enter_context(SqliteStore.resume(folder))
        record = store.run()
        request, limits = asked(record, changes)
        task = joints.open_task(request)
        require_same(record, task)
        benches = _benches(request, task, settings, joints, closing)
        bench = benches.first()
        introduce(bench, task, announce, f"as run {record.id} began on")
        proposers = _proposers(request, task, bench, settings, joints, announce, closing)
        if not store.candidates():
            store.propose(Candidate(task.text))
        return _search(store, limits, proposers, task, benches, request.workers, listener)


def _benches(
    request: Request, task: Task, settings: Settings, joints: Joints, closing: contextlib.ExitStack
) -> PerWorker[Bench]:
    benches = PerWorker(lambda: joints.open_bench(request, task, settings))
    closing.callback(benches.close)
    return benches


def _proposers(
    request: Request, task: Task, bench: Bench, settings: Settings, joints: Joints, announce: Announce,
    closing: contextlib.ExitStack,
) -> Proposers:
    """Those of the task, and before them the model that the request names; said before anything is judged."""
    proposers = joints.proposers(task, bench, settings)
    if request.model is not None:
        policy = joints.policy(request.model, task, bench, settings)
        closing.callback(policy.close)
        if request.model.alone:
            proposers = Proposers([], "")
        proposers = replace(proposers, policy=policy, harness=policy.joined_key(proposers.harness))
    for note in proposers.notes:
        announce(note)
    return proposers


@dataclass(frozen=True)
class Judged:
    """One verdict, what was judged, and the least time per case on the same device, whose properties these are.
    `record` says on what and with what, as that of a run does.
    """

    task: Task
    verdict: Verdict
    floors: Mapping[str, Floor]
    properties: Mapping[str, int]
    band: float
    record: RunRecord


def judge(
    request: Request, settings: Settings, joints: Joints, announce: Announce, why: str, findings: int | None = None
) -> Judged:
    """One verdict on the request's kernel file, with full checks (light ones of a sample); nothing is recorded. With
    `findings`, faults are searched for at all sizes, and at most so many are told.
    """
    task = joints.open_task(request)
    bench = joints.open_bench(request, task, settings)
    try:
        notes = introduce(bench, task, announce, why)
        record = make_record("", f"check {request.kernel}", request, Limits(), task, bench, notes)
        evaluator = bench.light if request.sample is not None else _judge_of(bench, findings)
        verdict = evaluator.evaluate(Candidate(task.text), EVALUATION)
        return Judged(task, verdict, floors(task.problem, bench.properties), bench.properties, bench.band, record)
    finally:
        bench.close()


def _judge_of(bench: Bench, findings: int | None) -> Evaluator:
    return bench.full if findings is None else bench.at_level("sanitize", most_findings=findings)


def introduce(bench: Bench, task: Task, announce: Announce, why: str) -> list[str]:
    """Says on what, how and why, first of all: nothing is chosen in silence. Gives what was said of task and checks."""
    announce(f"device {bench.device} ({', '.join(filter(None, (bench.how, bench.calibration)))}): {why}")
    notes = [note for note in (*task.notes, bench.note) if note]
    for note in notes:
        announce(note)
    return notes


def recorded(settings: Settings, name: str) -> Outcome:
    """What a run came to, or stands at, from its record alone."""
    folder = find_run(settings.runs, name)
    return read_outcome(folder)


def head(settings: Settings, name: str) -> RunRecord:
    """The head of a run's record: what was asked, on what."""
    return head_of(find_run(settings.runs, name))


def head_of(folder: Path) -> RunRecord:
    with SqliteStore.read(folder) as store:
        return store.run()


def unfinished(folder: Path) -> str:
    """What is to be said of a run that has not ended."""
    return "it was stopped" if writer_of(folder) is None else "it is running"


def read_outcome(folder: Path) -> Outcome:
    with SqliteStore.read(folder) as store:
        record = store.run()
        archive = Archive.load(store, float(record.settings["band"]))
        ended, model = store.notes(ENDED_NOTE), model_use(store)
    outcome = _outcome(folder, record, archive, str(ended[-1]["reason"]) if ended else unfinished(folder))
    return replace(outcome, model=model)


def asked_of_model(settings: Settings, name: str) -> list[dict[str, Any]]:
    """Every question to a model that a run's record holds, with its answers."""
    with SqliteStore.read(find_run(settings.runs, name)) as store:
        return questions(store)


def all_runs(settings: Settings) -> list[Path]:
    return run_folders(settings.runs)


MODEL_CHANGES = {
    "max_tokens": "--max-tokens", "max_cost": "--max-cost", "base_url": "--base-url", "key_variable": "--key-variable",
}  # fmt: skip
"""What may be given anew of how a run's model is asked."""


def asked(record: RunRecord, changes: Mapping[str, Any]) -> tuple[Request, Limits]:
    """The request and limits a run was begun with, with some replaced."""
    stored = dict(record.settings["request"])
    limits = dict(record.settings["limits"])
    given = {name: value for name, value in changes.items() if value is not None}
    stored |= {name: given[name] for name in given if name in stored}
    limits |= {name: given[name] for name in given if name in limits}
    model = stored.get("model")
    if model is None and any(name in given for name in MODEL_CHANGES):
        raise BadInput(f"run {record.id} asks no model; leave out {', '.join(MODEL_CHANGES.values())}")
    if model is not None:
        model = {**model, **{name: given[name] for name in given if name in model}}
        price = model["price"] and tuple(model["price"])
        stored["model"] = ModelRequest(**{**model, "price": price})
    paths = {"kernel": Path(stored["kernel"]), "problem": Path(stored["problem"])}
    sequences = {name: tuple(stored[name]) for name in ("cases", "include_folders")}
    return Request(**{**stored, **paths, **sequences}), Limits(**limits)


def _search(
    store: SqliteStore,
    limits: Limits,
    proposers: Proposers,
    task: Task,
    benches: PerWorker[Bench],
    workers: int,
    listener: Listener,
) -> Outcome:
    archive = Archive.load(store, benches.first().band)
    light, full = _WorkersOwn(lambda: benches.get().light), _WorkersOwn(lambda: benches.get().full)
    judges = Judges(light, full, EVALUATION)
    executor = LocalExecutor(workers)
    settle = functools.partial(settled, language=task.language)
    span = SearchTime(limits)
    try:
        members = proposers.opened(store, archive, span.left)
        answer = Search(store, archive, judges, members, executor, limits, listener, settle, span).run()
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped after {counted(len(store.attempts()), 'evaluation')}, all of them kept; "
            f"go on with `kernelevo resume {store.folder.name}`"
        ) from None
    finally:
        executor.close()
    ended = answer.ended if answer else "the start did not pass"
    return replace(_outcome(store.folder, store.run(), archive, ended), task=task, model=model_use(store))


def _outcome(folder: Path, record: RunRecord, archive: Archive, ended: str) -> Outcome:
    if not archive.candidates:
        raise BadInput(f"run {record.id} was stopped before anything was judged; start a new one")
    start = archive.verdict(FINAL, archive.start.id) or archive.verdict(SEARCH, archive.start.id)
    if start is None:
        raise BadInput(
            f"run {record.id} was stopped before its start was judged; go on with `kernelevo resume {record.id}`"
        )
    return Outcome(folder, record, archive.answer(record, ended), start)


@dataclass(frozen=True)
class _WorkersOwn:
    """An evaluator that is, in each worker, the worker's own."""

    mine: Callable[[], Evaluator]

    def evaluate(self, candidate: Candidate, budget: Budget) -> Verdict:
        return self.mine().evaluate(candidate, budget)


# Where concrete parts are chosen. They are imported when needed: a command that judges nothing loads none of them.


class KernelBench:
    """One worker's tools for kernels: a wall of its own, a compiler and a device behind it, and two evaluators."""

    def __init__(self, request: Request, task: Task, settings: Settings) -> None:
        from kernelevo.joining import open_compilers, open_device, target_note

        copies = settings.cache / "include"
        self.include_folders = tuple(str(snapshot(Path(folder), copies)) for folder in request.include_folders)
        self._walls, self.compiler, self._cuda = open_compilers(request, task.language, settings, self.include_folders)
        self._device, readers, self._unread = open_device(request, self._walls, self._cuda, settings)
        self._target = target_note(self.compiler, self._device)
        self.device, self.how, self.band = self._device.name, self._device.how, self._device.band
        self.calibration = self._device.calibration
        self.properties = self._device.properties
        self.versions = {self.compiler.name: self.compiler.version, "numpy": version("numpy"), **readers}
        self._evaluator = functools.partial(self._make_evaluator, request, task)
        self.light, self.full = self.at_level("search"), self.at_level("final")

    @property
    def note(self) -> str:
        """Whether this problem's check tells right from wrong; costs a second, so it is asked once in a run."""
        sentence: str = self.full.self_test().sentence
        return "\n".join(note for note in (self._target, self._unread, sentence) if note)

    def at_level(
        self, level: Level, *, seed: int | None = None, cases: Sequence[str] = (), most_findings: int = DEFAULT_FINDINGS
    ) -> Evaluator:
        """An evaluator of this level; a seed and sizes of its own take the place of the request's."""
        if level == "sanitize" and not self._device.capabilities:
            raise BadInput(f"{self.device} does not search for faults; give --sanitize with --device virtual:h100")
        return self._evaluator(level, seed=seed, cases=tuple(cases), most_findings=most_findings)

    def close(self) -> None:
        self._device.close()
        for wall in self._walls:
            wall.close()

    def _make_evaluator(
        self, request: Request, task: Task, mode: Level, seed: int | None, cases: tuple[str, ...], **settings: int
    ) -> Any:
        from kernelevo.evaluators import kernels

        seed = request.seed if seed is None else seed
        generator = kernels.secret_generator if seed is None else kernels.seeded_generator(seed)
        problem = task.problem.with_cases(cases) if cases else task.problem
        return kernels.KernelEvaluator(
            problem, self.compiler, self._device, mode=mode, options=request.compiler_options,
            include_folders=self.include_folders, generator=generator, language=task.language,
            oracle_compiler=self._cuda, sample_blocks=request.sample or kernels.SAMPLE_BLOCKS,
            file_name=task.file_name, start=Candidate(task.text), first=_first_example(request), **settings,
        )  # fmt: skip


def _first_example(request: Request) -> Any:
    """The trial that the request wants to come first, or None."""
    from kernelevo.evaluators.example import Example

    if request.inputs is None or request.seed is None:
        return None
    return Example(request.cases[0], request.inputs, tuple(request.offsets.items()), request.seed)


def kernel_proposers(task: Task, bench: Bench, settings: Settings) -> Proposers:
    """Structure first, then its parameters; the rules' settings are those of the harness. Rules read CUDA only."""
    from kernelevo.kernel.languages import CUDA
    from kernelevo.proposers.rules import RulesProposer, read_rule_settings
    from kernelevo.proposers.tune import TuneProposer

    tune = TuneProposer(task.language)
    if task.language is not CUDA:
        return Proposers([tune], f"no rules: they do not read {task.language.name}; only tuned values are changed")
    folder, why = settings.choose_harness(samples_folder() / "harness")
    text = _read_text(file := folder / "rules.toml")
    rules = RulesProposer(task.problem, bench.properties, read_rule_settings(text, str(file)))
    return Proposers([rules, tune], f"rules of {file}: {why}", hashlib.sha256(text.encode()).hexdigest())


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read ({error}); `kernelevo init` writes the default") from error


REAL = Joints(open_task, KernelBench, kernel_proposers)
