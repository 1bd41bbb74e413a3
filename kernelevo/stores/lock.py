"""One writer per run: an exclusive lock on `run.lock`, which the system drops when the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from kernelevo.errors import StoreConflict
from kernelevo.stores.faults import translated

LOCK_FILE = "run.lock"


class WriterLock:
    """A held lock. It is a file of its own because closing any handle of the database would drop a lock on that."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> WriterLock:
        """Locks the run in `folder`; raises StoreConflict, naming the process, if another writer holds it."""
        with translated(folder):
            descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreConflict(
                f"another process (pid {holder}) is writing the run in {folder}; wait for it to end, or stop it"
            ) from None
        os.ftruncate(descriptor, 0)
        with translated(folder):
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def writer_of(folder: Path) -> int | None:
    """The process that writes the run in `folder` now; None where nobody does, or nobody can tell. The lock is not
    tried: a writer that begins at that moment would find it taken.
    """
    lock = folder / LOCK_FILE
    try:
        pid = int(lock.read_text(encoding="ascii"))
        files = list(Path(f"/proc/{pid}/fd").iterdir())
    except (OSError, ValueError):
        return None
    return pid if any(_leads_to(each, str(lock.resolve())) for each in files) else None


def _leads_to(link: Path, target: str) -> bool:
    try:
        return os.readlink(link) == target
    except OSError:  # closed meanwhile
        return False
