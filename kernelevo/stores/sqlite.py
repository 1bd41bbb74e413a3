"""The record of a run on disk: one folder `runs/ID` holding `run.db` (SQLite, WAL, synchronous=FULL) and `run.lock`.

Each method is one transaction: when it returns, its row survives SIGKILL and power loss; when it raises, nothing of
it is there. One writer at a time holds a lock on `run.lock`; readers need none. Limits: the folder must be on a local
file system (WAL needs shared memory), and a store belongs to the thread that opened it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kernelevo.errors import Infrastructure, StoreConflict
from kernelevo.stores.codec import from_json, payload_to_json, to_json
from kernelevo.stores.faults import translated
from kernelevo.stores.lock import WriterLock
from kernelevo.types import Attempt, Candidate, RunRecord, Verdict

DATABASE = "run.db"
SCHEMA_VERSION = 1


class SqliteStore:
    """Open with `create`, `resume` (both write) or `read`."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = lock
        self._together = False

    @classmethod
    def create(cls, folder: Path, survives_power_loss: bool = True) -> SqliteStore:
        """A new store in the existing, empty `folder`. One that need not survive a loss of power, but SIGKILL all the
        same, waits for the disk much less.
        """
        lock = WriterLock.take(folder)
        with _closing_on_error(lock), translated(folder):
            connection = _connect(folder, writing=True, full=survives_power_loss)
            schema = files("kernelevo.stores").joinpath("schema.sql").read_text(encoding="utf-8")
            connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;")
        return cls(folder, connection, lock)

    @classmethod
    def resume(cls, folder: Path, survives_power_loss: bool = True) -> SqliteStore:
        """The store in `folder`, to go on writing; raises StoreConflict if it is held by another or damaged."""
        lock = WriterLock.take(folder)
        with _closing_on_error(lock), translated(folder):
            connection = _connect(folder, writing=True, full=survives_power_loss)
            _check(connection, folder)
        return cls(folder, connection, lock)

    @classmethod
    def read(cls, folder: Path) -> SqliteStore:
        """The store in `folder`, for reading only; a run that is being written may be read."""
        with translated(folder):
            connection = _connect(folder, writing=False)
            _check(connection, folder)
        return cls(folder, connection, None)

    def begin(self, run: RunRecord) -> None:
        with self._transaction() as connection:
            connection.execute("INSERT INTO run (id, record) VALUES (?, ?)", (run.id, to_json(run, RunRecord)))

    def propose(self, candidate: Candidate) -> None:
        with self._transaction() as connection:
            row = (
                candidate.id, _keep(connection, candidate.text.encode()), json.dumps(dict(candidate.defines)),
                candidate.proposer, candidate.parent, json.dumps(candidate.moves), _now(),
            )  # fmt: skip
            connection.execute(
                "INSERT INTO candidate (id, text, defines, proposer, parent, moves, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def conclude(self, verdict: Verdict) -> None:
        detail = to_json(verdict, Verdict).encode()
        score = verdict.score
        with self._transaction() as connection:
            row = (
                verdict.candidate, verdict.status.value, score and score.value, score and score.unit, verdict.device,
                score and score.how, _keep(connection, detail), _now(),
            )  # fmt: skip
            connection.execute(
                "INSERT INTO verdict (candidate, status, score, unit, device, how, detail, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def note(self, kind: str, payload: Mapping[str, Any]) -> None:
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO note (kind, payload, at) VALUES (?, ?, ?)", (kind, payload_to_json(payload), _now())
            )

    def keep(self, text: str) -> str:
        with self._transaction() as connection:
            return _keep(connection, text.encode())

    def kept(self, key: str) -> str:
        rows = self._rows("SELECT content FROM blob WHERE hash = ?", key)
        if not rows:
            raise StoreConflict(f"a text that a note refers to ({key[:12]}) is not there; the run's file is damaged")
        return _unpack(rows[0][0]).decode()

    def run(self) -> RunRecord:
        rows = self._rows("SELECT record FROM run")
        if not rows:
            raise Infrastructure(
                f"the run in {self.folder} has no head: it was stopped before it began; start a new one"
            )
        return from_json(rows[0][0], RunRecord)

    def candidates(self) -> list[Candidate]:
        query = (
            "SELECT content, defines, proposer, parent, moves, id FROM candidate "
            "JOIN blob ON hash = text ORDER BY position"
        )
        return [_candidate(row) for row in self._rows(query)]

    def attempts(self) -> list[Attempt]:
        by_id = {candidate.id: candidate for candidate in self.candidates()}
        query = "SELECT candidate, content FROM verdict JOIN blob ON hash = detail ORDER BY position"
        return [Attempt(by_id[name], from_json(_unpack(content), Verdict)) for name, content in self._rows(query)]

    def notes(self, kind: str) -> list[Mapping[str, Any]]:
        rows = self._rows("SELECT payload FROM note WHERE kind = ? ORDER BY position", kind)
        return [json.loads(payload) for (payload,) in rows]

    def close(self) -> None:
        """Releases the lock; everything is on disk already."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever another process writes meanwhile."""
        with translated(self.folder):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def together(self) -> Iterator[None]:
        if self._together:
            yield
            return
        with self._transaction():
            self._together = True
            try:
                yield
            finally:
                self._together = False

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._together:
            yield self._connection
            return
        with translated(self.folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with translated(self.folder):
            return self._connection.execute(query, values).fetchall()


def _connect(folder: Path, writing: bool, full: bool = True) -> sqlite3.Connection:
    file = folder / DATABASE
    mode = "rwc" if writing else "ro"
    # A finished run in a folder we may not write to has no WAL file, and cannot be given one: nobody can change it.
    frozen = not writing and not os.access(folder, os.W_OK) and not (folder / f"{DATABASE}-wal").exists()
    address = f"file:{quote(str(file.absolute()))}?mode={mode}{'&immutable=1' if frozen else ''}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=5.0)
    connection.execute("PRAGMA foreign_keys = ON")
    if writing:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
    return connection


def _check(connection: sqlite3.Connection, folder: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        what = "was stopped before it began" if version == 0 else f"has a record of version {version}"
        raise StoreConflict(
            f"the run in {folder} {what}, and this program reads version {SCHEMA_VERSION}; start a new run"
        )
    (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise StoreConflict(f"{folder / DATABASE} is damaged ({state}); restore it from a copy, or start a new run")


def _keep(connection: sqlite3.Connection, content: bytes) -> str:
    """Stores the content under its hash, once; returns the hash."""
    key = hashlib.sha256(content).hexdigest()
    connection.execute(
        "INSERT INTO blob (hash, content) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, zlib.compress(content))
    )
    return key


def _unpack(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error as error:
        raise StoreConflict(f"a stored text cannot be unpacked ({error}); the run's file is damaged") from error


def _candidate(row: tuple[Any, ...]) -> Candidate:
    content, defines, proposer, parent, moves, stored_id = row
    candidate = Candidate(_unpack(content).decode(), json.loads(defines), proposer, parent, tuple(json.loads(moves)))
    if candidate.id != stored_id:
        raise StoreConflict(f"candidate {stored_id} does not match its own hash; the run's file is damaged")
    return candidate


@contextmanager
def _closing_on_error(lock: WriterLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
