"""Who opened the sealed tasks, and what came of it: an append-only file of JSON lines beside the runs.

    {"claim": "w+h beats base", "event": "opened", "run": "2q7m...", "tasks": [...], "at": "..."}
    {"claim": "w+h beats base", "event": "outcome", "run": "2q7m...", "outcome": {...}, "at": "..."}

A claim opens the wall once. A run that was stopped goes on under its claim, as long as no outcome is written; another
run, or another look after the outcome, needs a claim of its own. Each line is on disk before it counts, and whoever
writes holds a lock, so that of two runs at once only one opens.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from kernelevo.errors import BadInput, Infrastructure

LEDGER = "sealed-openings.jsonl"
_CLAIM = re.compile(r"[^\x00-\x1f\x7f]{3,200}")


@dataclass(frozen=True)
class Opening:
    """One claim: who opened what, when, and what came of it (None: it was not finished)."""

    claim: str
    run: str
    tasks: tuple[str, ...]
    at: str
    outcome: Mapping[str, Any] | None


def open_sealed(runs: Path, claim: str, run: str, tasks: Sequence[str]) -> None:
    """Writes down that `run` opens the sealed tasks for this claim; raises BadInput if the claim was used before."""
    with _locked(runs) as file:
        if not _require_own(_read(file, runs), claim, run):
            _append(file, {"claim": claim.strip(), "event": "opened", "run": run, "tasks": list(tasks)})


def require_unopened(runs: Path, claim: str, run: str = "") -> None:
    """Raises BadInput if the claim was used before (by another than `run`, or to its outcome), or is none."""
    _require_own(openings(runs), claim, run)


def _require_own(opened: Sequence[Opening], claim: str, run: str) -> bool:
    """Whether this run opened the sealed tasks for this claim, and may go on; raises BadInput where another did."""
    if not _CLAIM.fullmatch(claim.strip()):
        raise BadInput("--claim says in 3 to 200 letters what opening the sealed tasks is to show; give one line")
    before = [each for each in opened if same_claim(each.claim, claim)]
    if before and (before[0].run != run or before[0].outcome is not None):
        state = "has its outcome" if before[0].outcome is not None else "was not finished"
        raise BadInput(
            f"the claim {before[0].claim!r} opened the sealed tasks before (run {before[0].run}, {before[0].at}; it "
            f"{state}); they are opened once for each claim: go on with that run, or name another claim"
        )
    return bool(before)


def same_claim(one: str, other: str) -> bool:
    """Claims that differ by spaces or case are one claim."""
    return one.casefold().split() == other.casefold().split()


def write_outcome(runs: Path, claim: str, run: str, outcome: Mapping[str, Any]) -> None:
    """Writes down what came of an opening, once."""
    with _locked(runs) as file:
        mine = [each for each in _read(file, runs) if same_claim(each.claim, claim) and each.run == run]
        if not mine:
            raise Infrastructure(f"run {run} writes the outcome of {claim!r}, which it has not opened")
        if mine[0].outcome is None:
            _append(file, {"claim": mine[0].claim, "event": "outcome", "run": run, "outcome": dict(outcome)})


def openings(runs: Path) -> list[Opening]:
    """Every opening, oldest first."""
    if not (runs / LEDGER).exists():
        return []
    with (runs / LEDGER).open(encoding="utf-8") as file:
        return _read(file, runs)


@contextmanager
def _locked(runs: Path) -> Iterator[TextIO]:
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / LEDGER).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _append(file: TextIO, entry: Mapping[str, Any]) -> None:
    file.seek(0, os.SEEK_END)
    file.write(json.dumps({**entry, "at": datetime.now(UTC).isoformat(timespec="seconds")}) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _read(file: TextIO, runs: Path) -> list[Opening]:
    """Raises Infrastructure for a line that is none of ours: what is not understood must not count as unopened."""
    file.seek(0)
    found: dict[tuple[str, str], Opening] = {}
    for number, line in enumerate(file, 1):
        try:
            entry = json.loads(line)
            key = (str(entry["claim"]), str(entry["run"]))
            if entry["event"] == "opened":
                found[key] = Opening(*key, tuple(entry["tasks"]), str(entry["at"]), None)
            else:
                found[key] = Opening(*key, found[key].tasks, found[key].at, dict(entry["outcome"]))
        except (ValueError, KeyError, TypeError) as error:
            place = f"{runs / LEDGER}:{number}"
            raise Infrastructure(f"{place} is no entry of the ledger ({error!r}); restore it") from error
    return list(found.values())
