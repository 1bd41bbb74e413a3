"""A kernel file on disk -> device code with a launch plan, whether its author wrote the plan or a host launcher."""

from __future__ import annotations

from pathlib import Path

from kernelevo.errors import BadInput
from kernelevo.kernel.hostlauncher import derive_plan, has_plan, strip_host_code
from kernelevo.kernel.languages import CUDA, language_of
from kernelevo.kernel.problem import Problem


def read_kernel(path: Path, problem: Problem | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of a kernel file with its plan in it, and what is to be said of it (nothing, or how the plan was
    derived).

    With `problem`, a derived plan uses the problem's names. Raises BadInput if the file cannot be read, or has host
    code that no plan can express. A Triton file is taken as it is.
    """
    text = _read(path)
    if language_of(path) is not CUDA:
        return text, ()
    if has_plan(text):
        text, note = strip_host_code(text)
    else:
        text, note = derive_plan(text, path.name, problem)
    return text, (f"{path.name}: {note}",) if note else ()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no kernel file {path}; check the path") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder; give the kernel file (.cu) itself") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is no text in UTF-8 (byte {error.start} is {error.object[error.start]:#04x}); save it as UTF-8"
        ) from error
