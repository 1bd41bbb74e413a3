"""The Python door: `kernelevo.evaluate` for one verdict, `kernelevo.Judge` for many on the same problem.

    verdict = kernelevo.evaluate("softmax", source)
    with kernelevo.Judge("kernels/softmax.problem.py", seed=7) as judge:
        verdicts = [judge.evaluate(source) for source in sources]

They judge with the very parts, checks and devices of `kernelevo check` and `eval` (run.py joins them); given the same
seed all doors give the same verdict. A candidate's faults are in the verdict (`status`, `feedback`; only a passed one
has a `score`); what is raised is never a candidate's fault: BadInput for arguments, Infrastructure for this machine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, get_args

from kernelevo import api_arguments as arguments
from kernelevo import run
from kernelevo.errors import BadInput
from kernelevo.executors.local import PerWorker
from kernelevo.initialise import samples_folder
from kernelevo.settings import DEFAULT_FINDINGS, MOST_FINDINGS, Level, Request, Settings
from kernelevo.types import Budget, Candidate, Verdict

if TYPE_CHECKING:
    from kernelevo.kernel.languages import Language
    from kernelevo.kernel.problem import Problem

KERNEL_SUFFIXES = (".cu", ".cuh", ".py")
EXAMPLE = "rows=64,cols=100"


def evaluate(
    problem: Problem | Path | str,
    source: Path | str,
    *,
    device: str | None = None,
    mode: Level = "final",
    defines: Mapping[str, int] | None = None,
    cases: Sequence[str] = (),
    seed: int | None = None,
    budget: Budget | None = None,
    **options: object,
) -> Verdict:
    """Judges one kernel for a problem, behind a wall that is opened and closed for it; arguments as for `Judge` (whose
    further ones are `options`) and `Judge.evaluate`.

    Raises BadInput for arguments that cannot be used, Infrastructure where this machine fails.
    """
    with Judge(problem, device=device, mode=mode, **options) as judge:  # type: ignore[arg-type]
        return judge.evaluate(source, defines=defines, cases=cases, seed=seed, budget=budget)


class Judge:
    """Judges candidates for one problem on one device. Its walls stay open until `close`, so that the second candidate
    does not pay for them again.

    problem: a `kernelevo.Problem`, the path of a NAME.problem.py (trusted code: it is imported), or the name of a
        shipped one ("softmax")
    device: "virtual:h100" and the like; None is KERNELEVO_DEVICE, or else virtual:h100, as on the command line
    mode: "search" (light checks), "final" (those of what is reported) or "sanitize" (faults at all sizes, too)
    seed: draws the same inputs for every candidate; None (the default) draws secret ones for each
    cases: sizes to time instead of the problem's own, like "rows=64,cols=100"
    compiler: "nvrtc" or "nvcc"; include_folders, macros (name: value) and standard ("c++17") are passed on to it
    times_from: "machine-code" or "ptx": what modelled times rest on
    most_findings: how many findings a verdict of mode "sanitize" tells
    unsafe: run where no wall can be built; only for kernels of your own

    Threads: any number may call `evaluate` at the same time, and each gets walls of its own, which stay open for it; so
    use a few long-lived threads. `close` ends what is still running. A Judge is of the process that made it:
    a fork of that is refused, and makes one of its own.

    Raises BadInput for what cannot be used. Walls are opened by the first call of `evaluate`.
    """

    def __init__(
        self,
        problem: Problem | Path | str,
        *,
        device: str | None = None,
        mode: Level = "final",
        seed: int | None = None,
        cases: Sequence[str] = (),
        compiler: str = "nvrtc",
        include_folders: Sequence[Path | str] = (),
        macros: Mapping[str, str] | None = None,
        standard: str | None = None,
        times_from: str = "machine-code",
        most_findings: int = DEFAULT_FINDINGS,
        unsafe: bool = False,
        joints: run.Joints = run.REAL,
    ) -> None:
        if not isinstance(mode, str) or mode not in get_args(Level):
            raise BadInput(f"there is no mode {mode!r}; choose one of {', '.join(get_args(Level))}")
        self.mode: Level = mode
        self.problem = _loaded(problem, arguments.texts("cases", cases, EXAMPLE))
        self._settings = Settings.from_environment()
        self._joints = joints
        self._most_findings = arguments.whole("most_findings", most_findings, 1, MOST_FINDINGS + 1)
        wanted = arguments.optional_text("device", device)
        self._request = Request(
            kernel=Path(f"{self.problem.name}.cu"), device=self._settings.choose_device(wanted)[0], compiler=compiler,
            include_folders=arguments.texts("include_folders", include_folders, "include"),
            defines=arguments.macros(macros), standard=arguments.optional_text("standard", standard),
            seed=arguments.seed(seed), unsafe=arguments.flag("unsafe", unsafe), times_from=times_from,
        )  # fmt: skip
        self._guard = threading.Lock()
        self._rooms: dict[str, PerWorker[run.Bench]] = {}
        self._closed = False
        self._process = os.getpid()

    def evaluate(
        self,
        source: Path | str,
        *,
        defines: Mapping[str, int] | None = None,
        cases: Sequence[str] = (),
        seed: int | None = None,
        budget: Budget | None = None,
        language: str | None = None,
    ) -> Verdict:
        """The verdict on `source`: the text of a kernel with its launch plan, or the path of a kernel file (a Path, or
        a str in one line that ends in .cu or .triton.py), whose host code is taken off as by `check`.

        `defines` are values of tuned macros; `cases` and `seed` take the place of the Judge's own; `budget` (seconds,
        bytes, warp instructions) is run.EVALUATION if not given; `language` is "cuda" or "triton", by default what the
        path or the text says. Raises BadInput for arguments that cannot be used and if the problem's reference fails,
        Infrastructure (and after that may be used again) where this machine fails.
        """
        task = self._task(source, language)
        try:
            candidate = Candidate(task.text, arguments.defines(defines))
        except ValueError as fault:
            raise BadInput(f"the source cannot be judged: {fault}") from fault
        sizes, own_seed = arguments.texts("cases", cases, EXAMPLE), arguments.seed(seed)
        if budget is not None and not isinstance(budget, Budget):
            raise BadInput(f"budget is {budget!r}; give a kernelevo.types.Budget, or None for run.EVALUATION")
        bench = self._room(task).get()
        evaluator = bench.at_level(self.mode, seed=own_seed, cases=sizes, most_findings=self._most_findings)
        return evaluator.evaluate(candidate, budget or run.EVALUATION)

    def close(self) -> None:
        """Closes every wall; what another thread is judging ends at once. A closed Judge cannot be used again. In
        a fork it does nothing: the walls are those of the process that made it.
        """
        if os.getpid() != self._process:
            return
        with self._guard:
            rooms, self._rooms, self._closed = list(self._rooms.values()), {}, True
        for room in rooms:
            room.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _room(self, task: run.Task) -> PerWorker[run.Bench]:
        """The walls for this language, one set for each thread that asks."""
        if os.getpid() != self._process:
            raise BadInput(
                f"this Judge of {self.problem.name} was made in process {self._process}, and this is a fork of it: two "
                "processes would take each other's answers; make a Judge in each process"
            )
        with self._guard:
            if self._closed:
                raise BadInput(f"this Judge of {self.problem.name} is closed; make another one")
            if task.language.name not in self._rooms:
                open_bench = self._joints.open_bench
                self._rooms[task.language.name] = PerWorker(lambda: open_bench(self._request, task, self._settings))
            return self._rooms[task.language.name]

    def _task(self, source: Path | str, language: str | None) -> run.Task:
        from kernelevo.kernel.languages import CUDA, TRITON, language_of
        from kernelevo.kernel.source import read_kernel

        named = {None: None, "cuda": CUDA, "triton": TRITON}
        if not isinstance(language, str | None) or language not in named:
            raise BadInput(f"there is no language {language!r}; choose cuda or triton")
        path = _path(source)
        if path is None:
            chosen = named[language] or (TRITON if _looks_like_triton(str(source)) else CUDA)
            return self._made(str(source), (), chosen)
        text, notes = read_kernel(path, self.problem)
        return self._made(text, notes, named[language] or language_of(path))

    def _made(self, text: str, notes: tuple[str, ...], language: Language) -> run.Task:
        place = self.problem.path or Path(f"{self.problem.name}.problem.py")
        kernel = Path(f"{self.problem.name}{language.suffix}")
        content = place.read_bytes() if place.is_file() else b""
        return run.Task(kernel, self.problem.name, self.problem, place, text, notes, language, content)


def _loaded(problem: Problem | Path | str, cases: tuple[str, ...]) -> Problem:
    from kernelevo.kernel.problem import SUFFIX, Problem, load_problem

    if not isinstance(problem, Problem | Path | str):
        raise BadInput(f"{problem!r} is no problem; give a Problem, the path of a NAME.problem.py, or a shipped name")
    if not isinstance(problem, Problem):
        is_path = isinstance(problem, Path) or problem.endswith(SUFFIX)
        problem = load_problem(Path(problem) if is_path else _shipped(str(problem)))
    return problem.with_cases(cases) if cases else problem


def _shipped(name: str) -> Path:
    """The place of a problem that comes with the package."""
    places = {
        path.name.removesuffix(".problem.py"): path for path in (samples_folder() / "kernels").glob("*.problem.py")
    }
    if name not in places:
        names = ", ".join(sorted(places))
        raise BadInput(f"there is no problem {name!r}; give the path of a NAME.problem.py, or one of {names}")
    return places[name]


def _path(source: Path | str) -> Path | None:
    """The path that `source` is, or None for a text."""
    if isinstance(source, Path):
        return source
    if not isinstance(source, str):
        raise BadInput(f"a source is a text or a path, not {type(source).__name__}")
    if "\n" not in source and "\0" in source:
        raise BadInput(f"the source {source!r} is no path, for it holds a NUL character")
    return Path(source) if "\n" not in source and source.endswith(KERNEL_SUFFIXES) else None


def _looks_like_triton(text: str) -> bool:
    return "# kernelevo:" in text and "#pragma kernelevo" not in text
