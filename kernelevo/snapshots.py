"""Include folders that the user grants with -I, as they were when the run began: read-only copies named by their
content.

A candidate's compile sees the copy, so that editing a header while a run goes on changes nothing, and an image built
from other headers has another key. Limits: regular files only, 4096 files and 64 MiB in all, which no folder of
headers should need.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from kernelevo.errors import BadInput, Infrastructure

MAX_FILES = 4096
MAX_BYTES = 64 << 20


def snapshot(folder: Path, store: Path) -> Path:
    """The copy of `folder` under `store`, made if it is not there; raises BadInput if the folder cannot be used."""
    files = _files(folder)
    copy = store / _digest(folder, files)
    if not copy.is_dir():
        _copy(folder, files, copy)
    return copy


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadInput(f"-I {folder} is no folder; give a folder of headers")
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if len(found) > MAX_FILES or sum(path.stat().st_size for path in found) > MAX_BYTES:
        raise BadInput(
            f"-I {folder} holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB; "
            "give the folder of the headers alone"
        )
    return found


def _digest(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = _read(file)
        digest.update(f"{file.relative_to(folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{file} cannot be read ({error.strerror}); correct its permissions, or give another -I"
        ) from error


def _copy(folder: Path, files: list[Path], copy: Path) -> None:
    """Made beside and renamed, so that a copy is whole or not there; a second process that made it first has won."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=copy.parent))
        for file in files:
            target = draft / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            target.chmod(0o444)
        draft.chmod(0o755)
        _rename(draft, copy)
    except OSError as error:
        raise Infrastructure(
            f"the headers of {folder} cannot be copied to {copy} ({error.strerror}); check the disk"
        ) from error


def _rename(draft: Path, copy: Path) -> None:
    try:
        os.rename(draft, copy)
    except OSError:
        if not copy.is_dir():
            raise
        shutil.rmtree(draft)
