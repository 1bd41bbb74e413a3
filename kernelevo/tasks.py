"""From a request to what is judged: the kernel file, its problem, its text with a plan in it.

A problem is trusted code: it runs in this process when it is loaded. So its file is read once, those bytes are shown to
`admit`, which may refuse them, and the very same bytes are executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelevo.errors import BadInput
from kernelevo.kernel.file_name import passed_on, renamed_note
from kernelevo.settings import Request

if TYPE_CHECKING:
    from kernelevo.kernel.languages import Language

Admit = Callable[[Path, bytes], None]
"""Is shown a problem file's path and content before it is executed; raises BadInput if it is not to be."""


@dataclass(frozen=True)
class Task:
    """A kernel file that is ready to be judged. `text` is device code and pragmas; `notes` say what was done to get
    there; `problem_content` is what was executed of the problem's file (nothing where the problem is no file's).
    """

    kernel: Path
    name: str
    problem: Any
    problem_path: Path
    text: str
    notes: tuple[str, ...]
    language: Language
    problem_content: bytes = b""

    @property
    def file_name(self) -> str:
        """What compilers, and so all messages and counts, call the kernel file."""
        return passed_on(self.kernel.name)


def admit_all(path: Path, content: bytes) -> None:
    """For callers whose own code names the problem file."""


def open_task(request: Request, admit: Admit = admit_all) -> Task:
    """Reads the kernel and loads its problem, at the sizes asked for; raises BadInput."""
    from kernelevo.kernel.directives import PlanError
    from kernelevo.kernel.languages import language_of
    from kernelevo.kernel.source import read_kernel

    language = language_of(request.kernel)
    problem_file = _problem_file(request)
    problem, content = open_problem(problem_file, admit)
    if request.cases:
        problem = problem.with_cases(request.cases)
    text, notes = read_kernel(request.kernel, problem)
    try:
        language.read_plan(text, passed_on(request.kernel.name), {})
    except PlanError as fault:
        # Of a candidate this is a verdict; this is the user's own file.
        raise BadInput(str(fault)) from fault
    renamed = renamed_note(request.kernel.name)
    notes = (*notes, renamed) if renamed else notes
    return Task(request.kernel, problem.name, problem, problem_file, text, notes, language, content)


def open_problem(path: Path, admit: Admit = admit_all) -> tuple[Any, bytes]:
    """The problem of a file whose content was admitted, and that content; raises BadInput."""
    from kernelevo.kernel.problem import load_problem, read_problem

    content = read_problem(path)
    admit(path, content)
    return load_problem(path, content), content


def spelled_out(path: Path) -> Path:
    """`kernels/softmax.py` is short for `kernels/softmax.problem.py`, where there is no such file itself."""
    longer = path.with_name(f"{path.stem}.problem.py") if path.suffix == ".py" else path
    return longer if not path.exists() and longer.is_file() else path


def _problem_file(request: Request) -> Path:
    """Where the problem of the request's kernel is; raises BadInput unless both files are there."""
    from kernelevo.kernel.problem import problem_path

    kernel = request.kernel
    if kernel.is_dir():
        raise BadInput(f"{kernel} is a folder; give the kernel file (.cu) itself")
    if not kernel.is_file():
        raise BadInput(f"there is no kernel file {kernel}; check the path")
    path = spelled_out(request.problem) if request.problem else problem_path(kernel)
    if not path.is_file():
        raise BadInput(
            f"there is no problem file {path} for {kernel}; give one with --problem, or write one with `kernelevo new`"
        )
    return path
