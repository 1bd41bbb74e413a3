"""The kernel that is handed to the user: one file that stands alone, and the differences to the start.

`settled` is done before the full checks, so that what they judge is what is written; only comment lines are added
afterwards.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kernelevo.answer import Answer, compared_words
from kernelevo.errors import BadInput, Infrastructure
from kernelevo.report_anew import anew_lines
from kernelevo.report_reasons import oracle_labels
from kernelevo.types import Candidate

if TYPE_CHECKING:
    from kernelevo.kernel.languages import Language


def settled(candidate: Candidate, language: Language) -> Candidate:
    """The same program with every tuned value written in its text; itself if none is set from outside."""
    if not candidate.defines:
        return candidate
    text = language.with_values(candidate.text, candidate.defines)
    return Candidate(text, proposer=candidate.proposer, parent=candidate.id, moves=candidate.moves)


def standing_alone(answer: Answer, version: str, check_command: str, language: Language) -> str:
    """The best kernel with a head of comments: where it comes from, how much faster it is, how to check it again."""
    where = f"{answer.run.how} on {answer.run.device}"
    times = f"{answer.start_time.value:.4g} -> {answer.best_time.value:.4g} {answer.best_time.unit}"
    gain = f"the start itself: nothing faster was found ({where})"
    if answer.improved:
        words = compared_words(answer.start_time, answer.best_time, answer.band, "the start")
        gain = f"{words}: {times} ({where}, band {answer.band:.0%})"
    head = [
        f"{answer.run.task}: {gain}.",
        f"Made by kernelevo {version}, run {answer.run.id}. Check it again:",
        f"  {check_command}",
    ]
    head += anew_lines(answer) if answer.improved else ()
    head += [f"Changed: {move}" for move in answer.best.candidate.moves]
    head += [f"M{label[1:]}" for label in oracle_labels(answer.best.verdict)]
    return "".join(f"{language.comment} {_comment(line)}\n" for line in head) + answer.best.candidate.text


def unified_diff(old: str, new: str, old_name: str, new_name: str) -> str:
    lines = difflib.unified_diff(_lines(old), _lines(new), old_name, new_name)
    return "".join(lines)


def require_place(path: Path, option: str = "--out", chosen: bool = True) -> None:
    """Raises BadInput, naming the option, unless a file could be written there: found out before work is spent. A place
    that a person has `chosen` is no problem file's.
    """
    if str(path) == "-":
        raise BadInput(f"{option} - would make a file of that name, and standard output is taken; give a file's name")
    folder = next((parent for parent in path.absolute().parents if parent.exists()), path)
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{path} is no file that can be written; give another place with {option}")
    if chosen and path.name.endswith(".problem.py"):
        raise BadInput(f"{path} is a problem file's name, not a result's; give another place with {option}")
    _require_replaceable(path, option)


def _require_replaceable(path: Path, option: str) -> None:
    """Raises BadInput for what a whole new file must not take the place of: /dev/null would be gone."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        kind = "a link" if path.is_symlink() else "a device, pipe or folder"
        raise BadInput(f"{path} is {kind}, which a file would replace; give the place of a plain file with {option}")


def write_file(path: Path, text: str | bytes, option: str = "--out") -> None:
    """Writes the whole file or nothing; raises BadInput, naming the option, or Infrastructure in words."""
    _require_replaceable(path, option)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); give another place with {option}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Infrastructure(
                f"no space left to write {path}; free some space and try again (a search: `kernelevo resume last`)"
            ) from error
        raise BadInput(f"{path} cannot be written ({error.strerror}); give another place with {option}") from error


def _comment(line: str) -> str:
    """One line that stays one comment line: no line break, and no backslash at its end."""
    return " ".join(line.split(" ")).replace("\n", " ").replace("\r", " ").rstrip("\\ ")


def _lines(text: str) -> list[str]:
    return [line if line.endswith("\n") else line + "\n" for line in text.splitlines(keepends=True)]
