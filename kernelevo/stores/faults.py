"""SQLite's and the file system's errors, translated once into sentences that say what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelevo.errors import BadInput, Infrastructure, KernelevoError, StoreConflict

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turns what SQLite and the operating system raise into errors of ours; `folder` is named in the message."""
    try:
        yield
    except sqlite3.Error as error:
        raise from_sqlite(error, folder) from error
    except OSError as error:
        raise from_system(error, folder) from error


def from_sqlite(error: sqlite3.Error, folder: Path) -> KernelevoError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL") or name in (
        "SQLITE_IOERR_WRITE",
        "SQLITE_IOERR_TRUNCATE",
        "SQLITE_IOERR_SHMSIZE",
    ):
        return Infrastructure(
            f"no space left to record the run in {folder}; what had finished is kept: free some space and resume it"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return BadInput(
            f"the run's file in {folder} cannot be opened or written; give a folder of your own with --runs"
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreConflict(
            f"the run's file in {folder} is damaged ({error}); restore it from a copy, or start a new run"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreConflict(f"the run's file in {folder} is held by another program; close that and try again")
    if name.startswith("SQLITE_IOERR"):
        return Infrastructure(
            f"reading or writing the run in {folder} failed ({name}); what had finished is kept: check the disk"
        )
    return Infrastructure(f"the record in {folder} refused a row: {error}; this is a fault of ours, nothing was stored")


def from_system(error: OSError, folder: Path) -> KernelevoError:
    if error.errno in _NO_SPACE:
        return Infrastructure(f"no space left in {folder}; free some space and try again")
    if error.errno in _NOT_WRITABLE:
        return BadInput(f"{folder} cannot be written ({error.strerror}); give a folder of your own with --runs")
    if error.errno == errno.EEXIST:
        return BadInput(f"{folder} is a file, and a folder is needed; give another one with --runs")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return BadInput(
            f"{folder} is not the folder of a run ({error.strerror}); `kernelevo runs list` shows those there are"
        )
    return Infrastructure(f"{folder} cannot be used: {error.strerror}; check the disk")
