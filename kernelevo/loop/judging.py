"""Judges candidates of tasks, several at a time, once each: a verdict on the same candidate, seed and evaluator is not
made again, and is counted all the same.

A fault of ours is missing data: it is tried once more, and then is a verdict INFRA, which has no reward.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from kernelevo.errors import Infrastructure, StoreConflict, WallUnavailable
from kernelevo.interfaces import Executor
from kernelevo.learning_interfaces import TaskSession
from kernelevo.types import Candidate, Status, Verdict

Verifier = Literal["reward", "audit"]
UNKNOWN_DEVICE = "unknown"


@dataclass(frozen=True)
class Errand:
    """One candidate of one task, to be judged by one verifier on the draw of one seed."""

    task: str
    candidate: Candidate
    seed: int
    verifier: Verifier = "reward"

    @property
    def key(self) -> str:
        return f"{self.task}\0{self.candidate.id}\0{self.seed}\0{self.verifier}"


@dataclass(frozen=True)
class Judgement:
    """A verdict as the record keeps it: its JSON text, and what it is worth (None: missing data)."""

    status: Status
    reward: float | None
    seconds: float
    text: str


@dataclass(frozen=True)
class Codec:
    """Verdicts to text and back."""

    encode: Callable[[Verdict], str]
    decode: Callable[[str], Verdict]


class Memo:
    """Judgements of one evaluator version by errand; what is kept here may be shared by the runs of a study."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Status, float | None, float, bytes]] = {}

    def get(self, key: str) -> Judgement | None:
        kept = self._kept.get(key)
        return None if kept is None else Judgement(*kept[:3], zlib.decompress(kept[3]).decode())

    def keep(self, key: str, judgement: Judgement) -> None:
        packed = zlib.compress(judgement.text.encode(), 1)
        self._kept[key] = (judgement.status, judgement.reward, judgement.seconds, packed)

    def __len__(self) -> int:
        return len(self._kept)


class Court:
    """`session` gives the calling thread's own session of a task; `on_verdict` is called in the thread of `judge`, as
    soon as a judgement is there and before it is used.
    """

    def __init__(
        self, session: Callable[[str], TaskSession], executor: Executor, codec: Codec, memo: Memo,
        on_verdict: Callable[[Errand, Judgement], None],
    ) -> None:  # fmt: skip
        self.session = session
        self.codec = codec
        self._executor = executor
        self._memo = memo
        self._on_verdict = on_verdict
        self.judged = 0
        """Verdicts that were really made, by this object."""

    def judge(self, errands: Sequence[Errand]) -> list[Judgement]:
        """In the order of the errands. Raises what is beyond repair: no wall can be built, the record is lost."""
        wanted = {errand.key: errand for errand in errands}
        found = {key: kept for key in wanted if (kept := self._memo.get(key)) is not None}
        for key, judgement in found.items():
            self._on_verdict(wanted[key], judgement)
        missing = [errand for key, errand in wanted.items() if key not in found]
        for errand, judgement in self._executor.map(self._work, missing):
            self.judged += 1
            if judgement.status is not Status.INFRA:
                self._memo.keep(errand.key, judgement)
            self._on_verdict(errand, judgement)
            found[errand.key] = judgement
        return [found[errand.key] for errand in errands]

    def verdict(self, judgement: Judgement) -> Verdict:
        return self.codec.decode(judgement.text)

    def _work(self, errand: Errand) -> Judgement:
        try:
            return self._once(errand)
        except (WallUnavailable, StoreConflict):
            raise
        except Infrastructure:
            return self._again(errand)

    def _again(self, errand: Errand) -> Judgement:
        try:
            return self._once(errand)
        except (WallUnavailable, StoreConflict):
            raise
        except Infrastructure as fault:
            verdict = Verdict(errand.candidate.id, UNKNOWN_DEVICE, Status.INFRA, str(fault))
            return Judgement(Status.INFRA, None, 0.0, self.codec.encode(verdict))

    def _once(self, errand: Errand) -> Judgement:
        session = self.session(errand.task)
        judge = session.audit if errand.verifier == "audit" else session.judge
        verdict = judge(errand.candidate, errand.seed)
        return Judgement(verdict.status, session.reward(verdict), verdict.seconds, self.codec.encode(verdict))
