"""Begins a run of the loop, goes on with one, and tells what one came to."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelevo.counting import counted
from kernelevo.errors import BadInput, Interrupted, KernelevoError
from kernelevo.harness import read_harness
from kernelevo.joining_backends import open_asked
from kernelevo.joining_loop import (
    EVOLVER,
    GAIN,
    JUDGE,
    LoopRequest,
    Opened,
    Workers,
    gain_words,
    introduction,
    loop_record,
    open_loop,
    require_as_begun,
)
from kernelevo.loop.budget import LoopLimits
from kernelevo.loop.export import export_generation
from kernelevo.loop.lever_view import LeverView
from kernelevo.loop.summary import mean_log2, run_summary
from kernelevo.models.use import model_use
from kernelevo.report_model import talk_json
from kernelevo.run_record import is_loop
from kernelevo.settings import Settings
from kernelevo.stores.folders import find_run, new_run_folder
from kernelevo.stores.sqlite import DATABASE, SqliteStore
from kernelevo.types import RunRecord

if TYPE_CHECKING:
    from kernelevo.harness import Harness
    from kernelevo.interfaces import Dialogue, Store
    from kernelevo.language_model import ModelUse
    from kernelevo.learning import Step, TaskResult
    from kernelevo.loop.run_loop import Loop
    from kernelevo.loop.task_state import Phase

Say = Callable[[str], None]


@dataclass(frozen=True)
class LoopOutcome:
    """What a run of the loop came to, or stands at."""

    run: str
    record: RunRecord
    folder: Path
    summary: Mapping[str, Any]
    models: Mapping[str, ModelUse]
    """By what they were asked for."""

    def plain(self) -> dict[str, Any]:
        asked = self.record.settings["loop"]
        head = {"run": self.run, "task": asked["task"], "model": asked["model"], "device": self.record.device}
        models = [talk_json(role, use) for role, use in self.models.items()]
        gain = self.record.settings.get("gain", GAIN)
        return {**head, "how": self.record.how, "gain": gain, **self.summary, "models": models}


def start_loop(request: LoopRequest, settings: Settings, say: Say, why: str) -> LoopOutcome:
    """A new run under `settings.runs`. What is wrong with the request raises BadInput before anything is recorded."""
    with closing(Workers(lambda: open_asked(request, settings))) as workers:
        backend = workers.backend()
        folder = new_run_folder(settings.runs)
        record = loop_record(folder.name, f"run {request.task}", request, backend)
        with ExitStack() as stack:
            store = stack.enter_context(SqliteStore.create(folder))
            store.begin(record)
            try:
                opened = _open(request, folder, store, settings, say, workers)
            except KernelevoError:
                stack.close()
                shutil.rmtree(folder)
                raise
            return _go_on(opened, request, record, folder, say, why)


def resume_loop(name: str, changes: Mapping[str, Any], settings: Settings, say: Say) -> LoopOutcome:
    """Goes on with a recorded run; `changes` are a budget, a gap or workers given anew."""
    folder = find_run(settings.runs, name)
    with SqliteStore.resume(folder) as store:
        record = store.run()
        request = changed(read_request(record), changes)
        with closing(Workers(lambda: open_asked(request, settings))) as workers:
            require_as_begun(record, workers.backend())
            opened = _open(request, folder, store, settings, say, workers)
            return _go_on(opened, request, record, folder, say, f"as run {record.id} began")


def changed(request: LoopRequest, changes: Mapping[str, Any]) -> LoopRequest:
    given = {name: value for name, value in changes.items() if value is not None}
    limits = given.pop("limits", None)
    if isinstance(limits, Mapping):
        given["limits"] = LoopLimits(**{**dataclasses.asdict(request.limits), **limits})
    return dataclasses.replace(request, **given)


def read_request(record: RunRecord) -> LoopRequest:
    if not is_loop(record):
        raise BadInput(f"run {record.id} is a search, not a loop; go on with `kernelevo resume {record.id}`")
    return LoopRequest.read(record.settings["loop"])


def recorded_loop(folder: Path) -> LoopOutcome:
    """What a run came to, or stands at, from its record alone."""
    from kernelevo.loop.record import Record
    from kernelevo.models.recorded import recorded_turns

    with SqliteStore.read(folder) as store, store.at_one_moment():
        record = store.run()
        loop = Record(store, record.versions["backend"], lambda: recorded_turns(store))
        return LoopOutcome(record.id, record, folder, run_summary(loop, folder), _models_used(store, folder))


def _open(
    request: LoopRequest, folder: Path, store: SqliteStore, settings: Settings, say: Say, workers: Workers
) -> Opened:
    made: list[Opened] = []
    gain = gain_words(workers.backend())

    def exported(loop: Loop, generation: int) -> None:
        told = telemetry_of(loop, generation, made[0].judge)
        export_generation(loop.record, loop.parts.folder, generation, gain, told)

    progress = _Shown(say, gain).progress
    made.append(open_loop(request, folder, store, settings, say, progress, None, workers, exported))
    return made[0]


def _go_on(opened: Opened, request: LoopRequest, record: RunRecord, folder: Path, say: Say, why: str) -> LoopOutcome:
    with closing(opened):
        backend = opened.loop.parts.backend
        say(f"backend {backend.name} on {record.device} ({record.how}), {opened.notes[0]}; {why}")
        for line in introduction(backend):
            say(line)
        say(_plan_words(opened.loop, request, record))
        try:
            opened.loop.run()
        except KeyboardInterrupt:
            evaluations = opened.loop.record.spent().evaluations
            raise Interrupted(
                f"stopped after {evaluations:,} evaluations, all of them kept; "
                f"go on with `kernelevo run --resume {record.id}`"
            ) from None
        summary = run_summary(opened.loop.record, folder)
        return LoopOutcome(record.id, record, folder, summary, _models_used(opened.store, folder))


def _models_used(store: Store, folder: Path) -> dict[str, ModelUse]:
    """What each model was asked and what that took: the one that acts, and those beside it that have records of their
    own.
    """
    used = {"acts": model_use(store)}
    for role in (EVOLVER, JUDGE):
        if (folder / role / DATABASE).exists():
            with SqliteStore.read(folder / role) as aside:
                used[role] = model_use(aside)
    return {role: use for role, use in used.items() if use is not None}


def telemetry_of(loop: Loop, generation: int, judge: Dialogue | None = None) -> dict[str, Any]:
    """How the policy went by its harness, what that changed since the generation before, and what a judge says of it,
    if there is one.
    """
    from kernelevo.following import judge_following
    from kernelevo.telemetry import effects, telemetry

    def steps_under(number: int) -> tuple[Sequence[Step], Harness]:
        steps = LeverView(loop.record, loop.parts.folder).steps(number)
        return steps, read_harness(loop.present(number).harness)

    told = telemetry(*steps_under(generation))
    moved = effects(telemetry(*steps_under(generation - 1)), told) if generation else []
    found = {"telemetry": told.plain(), "telemetry_effects": [each.plain() for each in moved]}
    if judge is not None:
        found["judged_following"] = judge_following(*steps_under(generation), judge, generation)
    return found


def _plan_words(loop: Loop, request: LoopRequest, record: RunRecord) -> str:
    plan = loop.plan
    gate = f", its gate {plan.pairs} pairs of {plan.per_pair} evaluations on each side" if request.levers else ""
    return (
        f"run {record.id}: {counted(request.generations, 'generation')} of about {plan.learning} evaluations on "
        f"{counted(plan.tasks, 'task')}"
        f"{gate}; levers: {', '.join(request.levers) or 'none'}; budget: {_limits_words(request.limits)}"
    )


def _limits_words(limits: LoopLimits) -> str:
    given = {name: value for name, value in vars(limits).items() if value is not None}
    return ", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in given.items())


class _Shown:
    """Says how a phase goes: at its first round, and after every eight evaluations of each task."""

    def __init__(self, say: Say, gain: str) -> None:
        self._say = say
        self._gain = gain
        self._told: dict[str, int] = {}

    def progress(self, phase: Phase, results: Sequence[TaskResult]) -> None:
        done = sum(result.evaluations for result in results)
        best = mean_log2(results)
        quarter = done // max(1, 8 * len(results))
        if quarter > self._told.get(phase.name, -1):
            self._told[phase.name] = quarter
            found = "nothing passed yet" if best is None else f"{2**best:.2f} {self._gain} (geometric mean)"
            self._say(f"  {phase.name}: {done} evaluations on {len(results)} tasks: {found}")


def as_json(outcome: LoopOutcome) -> str:
    return json.dumps(outcome.plain())
