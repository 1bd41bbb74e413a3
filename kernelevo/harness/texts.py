"""The files of a harness folder: read within bounds, never through a link, hashed as one, written and compared."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from kernelevo.counting import counted
from kernelevo.errors import BadInput

MOST_BYTES = 1 << 16
"""Of one text: a prompt has to fit a model's context."""
MOST_FILES = 512
"""Of a whole folder: more is no harness, but a folder that was named by mistake."""


def read_text(folder: Path, name: str) -> str:
    """The text of one file of this folder, and of no other, whatever links say; raises BadInput."""
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{folder}: {name!r} is no file of this folder")
    if place.exists() and not place.is_file():
        raise BadInput(f"{place} is no plain file; a harness holds plain files only")
    try:
        content = place.read_bytes()
    except OSError as error:
        raise BadInput(f"{place} cannot be read ({error.strerror}); `kernelevo init` writes the default") from error
    return decoded(content, place)


def decoded(content: bytes, place: Path) -> str:
    """A file's bytes as text, with line ends of one kind; raises BadInput for what is none, or too long."""
    if len(content) > MOST_BYTES:
        raise BadInput(f"{place} has {counted(len(content), 'byte')}; what a model is told has at most {MOST_BYTES:,}")
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{place} cannot be read ({error}); it must be text in UTF-8") from error


def harness_files(folder: Path) -> dict[str, str]:
    """Every file of the folder by its path in it, in order, but hidden ones (names that begin with a dot). Raises
    BadInput for links, for what is no text, and for a folder that is none or far too large.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; `kernelevo init` writes the default harness")
    found: dict[str, str] = {}
    for place in _places(folder):
        if place.is_symlink() or not place.is_file():
            raise BadInput(f"{place} is a link or no plain file; a harness holds plain files only")
        if len(found) >= MOST_FILES:
            raise BadInput(f"{folder} has more than {MOST_FILES} files; this is no harness")
        name = place.relative_to(folder).as_posix()
        found[name] = read_text(folder, name)
    return dict(sorted(found.items()))


def _places(folder: Path) -> list[Path]:
    """Files and links below the folder, hidden ones and what lies in hidden folders left out; links are not entered."""
    found: list[Path] = []
    for top, folders, files in os.walk(folder):
        linked = [name for name in folders if (Path(top) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in linked and not name.startswith("."))
        found += [Path(top) / name for name in sorted([*files, *linked]) if not name.startswith(".")]
    return found


def harness_key(folder: Path) -> str:
    """One hash of all files of a harness; `PolicyVersion.harness`."""
    return key_of(harness_files(folder))


def key_of(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files of a harness into a folder that is empty or not there."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The difference between two harnesses, file by file, as a patch with a/ and b/ before the names."""
    return "".join(
        line if line.endswith("\n") else f"{line}\n"
        for name in sorted(before.keys() | after.keys())
        for line in difflib.unified_diff(
            before.get(name, "").splitlines(keepends=True), after.get(name, "").splitlines(keepends=True),
            f"a/{name}" if name in before else "/dev/null", f"b/{name}" if name in after else "/dev/null",
        )
    )  # fmt: skip
