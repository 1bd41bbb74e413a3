"""What the benchmark asks of a peer: results once, then a round of timed runs whenever it is its turn."""

from __future__ import annotations

import resource
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from works import Array, Work


class Peer(Protocol):
    """`works` are those it can do in seconds. `results` runs each once, from the values as given; `round` times each
    once more; `best` is the least CPU seconds of one launch so far. `version` says which program this was.
    """

    name: str
    version: str
    works: Sequence[Work]

    def results(self) -> list[Array]: ...
    def round(self) -> None: ...
    def best(self, work: Work) -> float: ...


@dataclass(frozen=True)
class Missing:
    """A peer that is not on this machine, and what would bring it here."""

    name: str
    reason: str


class Timings:
    """CPU seconds by the name of a run."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def add(self, run: str, seconds: float) -> None:
        self._seconds[run].append(seconds)

    def best(self, run: str) -> float:
        return min(self._seconds[run])


def run_child(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, float]:
    """What a process prints, and its CPU seconds (user and system); raises CalledProcessError where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=dict(environment))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
