"""The one file that joins parts: which compiler, wall, device, evaluators, proposers, store and executor make a run.

`Joints` names the three places where concrete parts are chosen; tests put scripted ones there. Adding a device, a
proposer or an evaluator is one line in the functions at the end, and nothing else changes.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import kernelevo
from kernelevo.answer import Answer, Floor
from kernelevo.archive import ENDED_NOTE, FINAL, SEARCH, Archive
from kernelevo.errors import BadInput, Interrupted
from kernelevo.executors.local import LocalExecutor, PerWorker
from kernelevo.floors import floors
from kernelevo.initialise import samples_folder
from kernelevo.interfaces import Compiler, Device, Evaluator, Listener, Proposer
from kernelevo.report_file import settled
from kernelevo.search import Judges, Search
from kernelevo.settings import DEFAULT_FINDINGS, Level, Limits, Request, Settings
from kernelevo.snapshots import snapshot
from kernelevo.stores.folders import find_run, new_run_folder, run_folders
from kernelevo.stores.sqlite import SqliteStore
from kernelevo.types import Attempt, Budget, Candidate, How, RunRecord, Verdict

if TYPE_CHECKING:
    from kernelevo.kernel.languages import Language
    from kernelevo.sandbox import Sandbox

EVALUATION = Budget(seconds=30.0, memory_bytes=4 << 30, warp_instructions=2_000_000_000)
"""Of one candidate: about ten times what the slowest shipped start needs, so that a slow kernel ends and an endless
one is killed.
"""


@dataclass(frozen=True)
class Task:
    """A kernel file that is ready to be judged. `text` is device code and pragmas; `notes` say what was done to get
    there.
    """

    kernel: Path
    name: str
    problem: Any
    problem_path: Path
    text: str
    notes: tuple[str, ...]
    language: Language


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


@dataclass(frozen=True)
class Joints:
    """Where concrete parts are chosen."""

    open_task: Callable[[Request], Task]
    open_bench: Callable[[Request, Task, Settings], Bench]
    proposers: Callable[[Task, Bench, Settings], Proposers]


@dataclass(frozen=True)
class Outcome:
    """What `optimize` and `resume` came to: the answer, or the start's verdict if it did not pass."""

    folder: Path
    record: RunRecord
    answer: Answer | None
    start: Attempt


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
    benches = PerWorker(lambda: joints.open_bench(request, task, settings))
    try:
        bench = benches.first()
        notes = introduce(bench, task, announce, why)
        proposers = joints.proposers(task, bench, settings)
        announce(proposers.note)
        folder = new_run_folder(settings.runs)
        with SqliteStore.create(folder) as store:
            store.begin(_record(folder.name, request, limits, task, bench, [*notes, proposers.note], proposers.harness))
            store.propose(Candidate(task.text))
            return _search(store, limits, proposers, task.language, benches, request.workers, listener)
    finally:
        benches.close()


def resume(
    name: str, changes: Mapping[str, Any], settings: Settings, joints: Joints, listener: Listener, announce: Announce
) -> Outcome:
    """Goes on with a recorded run, on the same task and device; `changes` are limits or workers given anew."""
    folder = find_run(settings.runs, name)
    with SqliteStore.resume(folder) as store:
        record = store.run()
        request, limits = asked(record, changes)
        task = joints.open_task(request)
        _require_same(record, task)
        benches = PerWorker(lambda: joints.open_bench(request, task, settings))
        try:
            bench = benches.first()
            introduce(bench, task, announce, f"as run {record.id} began on")
            proposers = joints.proposers(task, bench, settings)
            announce(proposers.note)
            if not store.candidates():
                store.propose(Candidate(task.text))
            return _search(store, limits, proposers, task.language, benches, request.workers, listener)
        finally:
            benches.close()


@dataclass(frozen=True)
class Judged:
    """One verdict, what was judged, and the least time per case on the same device, whose properties these are."""

    task: Task
    verdict: Verdict
    floors: Mapping[str, Floor]
    properties: Mapping[str, int]
    band: float


def judge(
    request: Request, settings: Settings, joints: Joints, announce: Announce, why: str, findings: int | None = None
) -> Judged:
    """One verdict on the request's kernel file, with full checks (light ones of a sample); nothing is recorded. With
    `findings`, faults are searched for at all sizes, and at most so many are told.
    """
    task = joints.open_task(request)
    bench = joints.open_bench(request, task, settings)
    try:
        introduce(bench, task, announce, why)
        evaluator = bench.light if request.sample is not None else _judge_of(bench, findings)
        verdict = evaluator.evaluate(Candidate(task.text), EVALUATION)
        return Judged(task, verdict, floors(task.problem, bench.properties), bench.properties, bench.band)
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


def read_outcome(folder: Path) -> Outcome:
    with SqliteStore.read(folder) as store:
        record = store.run()
        archive = Archive.load(store, float(record.settings["band"]))
        ended = store.notes(ENDED_NOTE)
    return _outcome(folder, record, archive, str(ended[-1]["reason"]) if ended else "it was stopped")


def all_runs(settings: Settings) -> list[Path]:
    return run_folders(settings.runs)


def asked(record: RunRecord, changes: Mapping[str, Any]) -> tuple[Request, Limits]:
    """The request and limits a run was begun with, with some replaced."""
    stored = dict(record.settings["request"])
    limits = dict(record.settings["limits"])
    given = {name: value for name, value in changes.items() if value is not None}
    stored |= {name: given[name] for name in given if name in stored}
    limits |= {name: given[name] for name in given if name in limits}
    paths = {"kernel": Path(stored["kernel"]), "problem": Path(stored["problem"])}
    sequences = {name: tuple(stored[name]) for name in ("cases", "include_folders")}
    return Request(**{**stored, **paths, **sequences}), Limits(**limits)


def _search(
    store: SqliteStore,
    limits: Limits,
    proposers: Proposers,
    language: Language,
    benches: PerWorker[Bench],
    workers: int,
    listener: Listener,
) -> Outcome:
    archive = Archive.load(store, benches.first().band)
    light, full = _WorkersOwn(lambda: benches.get().light), _WorkersOwn(lambda: benches.get().full)
    judges = Judges(light, full, EVALUATION)
    executor = LocalExecutor(workers)
    settle = functools.partial(settled, language=language)
    search = Search(store, archive, judges, proposers.members, executor, limits, listener, settle)
    try:
        answer = search.run()
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped after {len(store.attempts())} evaluations, all of them kept; "
            f"go on with `kernelevo resume {store.folder.name}`"
        ) from None
    finally:
        executor.close()
    return _outcome(store.folder, store.run(), archive, answer.ended if answer else "the start did not pass")


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


def _record(
    run_id: str, request: Request, limits: Limits, task: Task, bench: Bench, notes: list[str], harness: str
) -> RunRecord:
    stored = dataclasses.asdict(request) | {"kernel": str(request.kernel), "problem": str(task.problem_path)}
    return RunRecord(
        id=run_id,
        command=f"optimize {request.kernel}",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        device=bench.device,
        how=bench.how,
        task=task.name,
        settings={
            "request": stored, "limits": dataclasses.asdict(limits), "band": bench.band, "notes": notes,
            "calibration": bench.calibration,
            "floors": {name: vars(floor) for name, floor in floors(task.problem, bench.properties).items()},
        },
        versions={"kernelevo": kernelevo.__version__, "python": platform.python_version(), **bench.versions},
        hashes={**_hashes(task), "harness": harness},
    )  # fmt: skip


def _hashes(task: Task) -> dict[str, str]:
    contents = {"kernel": task.text.encode(), "problem": task.problem_path.read_bytes()}
    return {what: hashlib.sha256(content).hexdigest() for what, content in contents.items()}


def _require_same(record: RunRecord, task: Task) -> None:
    """Verdicts of another problem or another start must not be mixed with new ones."""
    for what, value in _hashes(task).items():
        if record.hashes[what] != value:
            path = task.kernel if what == "kernel" else task.problem_path
            raise BadInput(
                f"{path} has changed since run {record.id} began; "
                "restore it, or start a new run with `kernelevo optimize`"
            )


# Where concrete parts are chosen. They are imported when needed: a command that judges nothing loads none of them.


def open_task(request: Request) -> Task:
    """Reads the kernel and loads its problem, at the sizes asked for; raises BadInput."""
    from kernelevo.kernel.directives import PlanError
    from kernelevo.kernel.languages import language_of
    from kernelevo.kernel.problem import load_problem
    from kernelevo.kernel.source import read_kernel

    language = language_of(request.kernel)
    problem_file = _problem_file(request)
    problem = load_problem(problem_file)
    if request.cases:
        problem = problem.with_cases(request.cases)
    text, notes = read_kernel(request.kernel, problem)
    try:
        language.read_plan(text, request.kernel.name, {})
    except PlanError as fault:
        # Of a candidate this is a verdict; this is the user's own file.
        raise BadInput(str(fault)) from fault
    return Task(request.kernel, problem.name, problem, problem_file, text, notes, language)


def _problem_file(request: Request) -> Path:
    """Where the problem of the request's kernel is; raises BadInput unless both files are there."""
    from kernelevo.kernel.problem import problem_path

    kernel = request.kernel
    if kernel.is_dir():
        raise BadInput(f"{kernel} is a folder; give the kernel file (.cu) itself")
    if not kernel.is_file():
        raise BadInput(f"there is no kernel file {kernel}; check the path")
    path = request.problem or problem_path(kernel)
    if not path.is_file():
        raise BadInput(
            f"there is no problem file {path} for {kernel}; give one with --problem, or write one with `kernelevo new`"
        )
    return path


class KernelBench:
    """One worker's tools for kernels: a wall of its own, a compiler and a device behind it, and two evaluators."""

    def __init__(self, request: Request, task: Task, settings: Settings) -> None:
        copies = settings.cache / "include"
        self.include_folders = tuple(str(snapshot(Path(folder), copies)) for folder in request.include_folders)
        self._walls, self.compiler, self._cuda = _open_compilers(request, task.language, settings, self.include_folders)
        self._device, readers, self._unread = _open_device(request, self._walls)
        self._target = _target_note(self.compiler, self._device)
        self.device, self.how, self.band = self._device.name, self._device.how, self._device.band
        self.calibration = self._device.calibration
        self.properties = self._device.properties
        self.versions = {self.compiler.name: self.compiler.version, **readers}
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
            oracle_compiler=self._cuda, sample_blocks=request.sample or kernels.SAMPLE_BLOCKS, **settings,
        )  # fmt: skip


def _open_compilers(
    request: Request, language: Language, settings: Settings, include_folders: tuple[str, ...]
) -> tuple[list[Sandbox], Compiler, Compiler]:
    """The walls (the first runs kernels), this language's compiler, and one for CUDA, in which an oracle is written."""
    from kernelevo.compilers.nvcc import NvccCompiler
    from kernelevo.compilers.nvrtc import NvrtcCompiler
    from kernelevo.compilers.toolkit import find_toolkit
    from kernelevo.compilers.triton import TritonCompiler
    from kernelevo.compilers.triton_install import find_triton
    from kernelevo.kernel.languages import TRITON
    from kernelevo.sandbox import Sandbox, Worker

    triton = find_triton(request.compiler) if language is TRITON else None
    toolkit, cache = find_toolkit(), settings.cache / "builds"
    wall = Sandbox(toolkit.library, (*toolkit.read_only, *map(Path, include_folders)), request.unsafe)
    nvrtc = NvrtcCompiler(wall, toolkit, cache)
    if triton is not None:
        script = Sandbox(unsafe=request.unsafe, script=Worker(triton.words, triton.readable))
        return [wall, script], TritonCompiler(script, triton, cache), nvrtc
    compiler = nvrtc if request.compiler == "nvrtc" else NvccCompiler(wall, cache)
    return [wall], compiler, compiler


def _target_note(compiler: Compiler, device: Device) -> str:
    """What is to be said where the code is not for the device's own architecture."""
    target = compiler.target(device.arch)
    if target == device.arch:
        return ""
    return f"{compiler.name} compiles for {target}, not for the device's own {device.arch}: times are further off"


def _open_device(request: Request, walls: Sequence[Sandbox]) -> tuple[Device, dict[str, str], str]:
    """The device, the version of what reads machine code for it, and what is to be said where nothing does."""
    from kernelevo.devices.virtual import open_virtual
    from kernelevo.disassembler import open_disassembler

    disassembler, versions, note = None, {}, "times are modelled from the PTX, as asked: no machine code is read"
    if request.times_from == "machine-code":
        disassembler, versions, note = open_disassembler(walls[0])
    try:
        return open_virtual(request.device, walls[0], disassembler), versions, note
    except BadInput:
        for wall in walls:
            wall.close()
        raise


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
