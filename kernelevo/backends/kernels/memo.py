"""Verdicts that were given before: the same program on the same draw, by the same verifier, is judged once.

A key holds everything that a verdict follows from: evaluator version (which names compiler, device and level), task,
the candidate (whose text and macros make the image, by that compiler) and the seed. Verdicts that depend on this
machine or its load are not kept. Who counts evaluations counts every use.
"""

from __future__ import annotations

import hashlib
import pickle
import zlib
from collections.abc import Callable
from typing import Protocol

from kernelevo.types import Status, Verdict

_NOT_KEPT = frozenset((Status.INFRA, Status.INCONCLUSIVE, Status.TIMEOUT))


class Memo(Protocol):
    """Keeps verdicts by key."""

    def get(self, key: str) -> Verdict | None: ...

    def put(self, key: str, verdict: Verdict) -> None: ...


class MemoryMemo:
    """In this process, without end. Packed: a verdict counts by line, and takes ten times more as it is."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def get(self, key: str) -> Verdict | None:
        packed = self._packed.get(key)
        verdict: Verdict | None = None if packed is None else pickle.loads(zlib.decompress(packed))
        return verdict

    def put(self, key: str, verdict: Verdict) -> None:
        self._packed[key] = zlib.compress(pickle.dumps(verdict), 1)


def key_of(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def remembered(memo: Memo, key: str, judge: Callable[[], Verdict]) -> Verdict:
    """The verdict kept under the key, or the one that `judge` gives, which is kept."""
    kept = memo.get(key)
    if kept is not None:
        return kept
    verdict = judge()
    if verdict.status not in _NOT_KEPT:
        memo.put(key, verdict)
    return verdict
