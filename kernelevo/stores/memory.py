"""A store without a disk: the same contract, minus durability. For tests and for `check`, which leaves no record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kernelevo.errors import Infrastructure, StoreConflict
from kernelevo.types import Attempt, Candidate, RunRecord, Verdict


class MemoryStore:
    """Append-only lists. Raises Infrastructure where the disk store would refuse a row."""

    def __init__(self) -> None:
        self._run: RunRecord | None = None
        self._candidates: dict[str, Candidate] = {}
        self._verdicts: list[Verdict] = []
        self._notes: list[tuple[str, dict[str, Any]]] = []
        self._texts: dict[str, str] = {}

    def begin(self, run: RunRecord) -> None:
        if self._run is not None:
            raise Infrastructure(f"run {self._run.id} has begun already; its head is written once")
        self._run = run

    def propose(self, candidate: Candidate) -> None:
        if candidate.id in self._candidates:
            raise Infrastructure(f"candidate {candidate.id} is in the record already")
        self._candidates[candidate.id] = candidate

    def conclude(self, verdict: Verdict) -> None:
        if verdict.candidate not in self._candidates:
            raise Infrastructure(f"a verdict on {verdict.candidate}, which was never proposed, cannot be recorded")
        self._verdicts.append(verdict)

    def note(self, kind: str, payload: Mapping[str, Any]) -> None:
        self._notes.append((kind, dict(payload)))

    def keep(self, text: str) -> str:
        key = hashlib.sha256(text.encode()).hexdigest()
        self._texts[key] = text
        return key

    def kept(self, key: str) -> str:
        if key not in self._texts:
            raise StoreConflict(f"a text that a note refers to ({key[:12]}) is not there")
        return self._texts[key]

    @contextmanager
    def together(self) -> Iterator[None]:
        lists: list[list[Any]] = [self._verdicts, self._notes]
        tables: list[dict[str, Any]] = [self._candidates, self._texts]
        before = [len(each) for each in (*lists, *tables)]
        try:
            yield
        except BaseException:
            for held, count in zip(lists, before[:2], strict=True):
                del held[count:]
            for table, count in zip(tables, before[2:], strict=True):
                while len(table) > count:
                    table.popitem()
            raise

    def run(self) -> RunRecord:
        if self._run is None:
            raise Infrastructure("the run has not begun; there is nothing to read")
        return self._run

    def candidates(self) -> list[Candidate]:
        return list(self._candidates.values())

    def attempts(self) -> list[Attempt]:
        return [Attempt(self._candidates[verdict.candidate], verdict) for verdict in self._verdicts]

    def notes(self, kind: str) -> list[Mapping[str, Any]]:
        return [payload for noted, payload in self._notes if noted == kind]

    def close(self) -> None:
        """Nothing to release."""
