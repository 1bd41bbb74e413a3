"""The batch door: a stream of requests in, a stream of answers out, in the order in which they are ready.

Memory is bounded however many requests come: the executor bounds those on their way, and of verdicts that were given
only so many bytes are kept, packed, to answer the same request again. A fault of ours is tried once more and is then
an answer (status infra), after which the batch goes on; several in a row are no bad luck, and end it.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelevo.batch_lines import Asked, NotAsked
from kernelevo.errors import BadInput, Infrastructure, WallUnavailable
from kernelevo.interfaces import Executor
from kernelevo.reward import BAD_REQUEST, Unsupported, reward_of
from kernelevo.types import Candidate, Status, Verdict

INFRA_IN_A_ROW = 3
"""So many of our own faults one after the other end the batch; what was answered is kept."""
KEPT_BYTES = 64 << 20
"""Of packed answers, for requests that come again; thousands of ordinary ones."""
BAD = "bad_request"

Answer = dict[str, Any]
Shown = Callable[[Verdict], Mapping[str, Any]]
Key = tuple[str, int | None, tuple[str, ...]]


class Known:
    """Answers by what was asked, packed, the latest `most_bytes` of them. For several threads: what one is making, the
    others wait for.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._packed: OrderedDict[Key, tuple[str, bytes]] = OrderedDict()
        self._making: set[Key] = set()
        self._changed = threading.Condition()

    def get_or_make(self, asked: Asked, make: Callable[[], tuple[Answer, bool]]) -> tuple[Answer, str | None]:
        """The answer, and the name under which it was given before, or None if `make` made it now; `make` says whether
        it may be kept.
        """
        with self._changed:
            self._changed.wait_for(lambda: asked.key not in self._making)
            if found := self._packed.get(asked.key):
                self._packed.move_to_end(asked.key)
                return json.loads(zlib.decompress(found[1])), found[0]
            self._making.add(asked.key)
        try:
            answer, lasting = make()
            if lasting:
                self._keep(asked, zlib.compress(json.dumps(answer).encode(), 1))
            return answer, None
        finally:
            with self._changed:
                self._making.discard(asked.key)
                self._changed.notify_all()

    def _keep(self, asked: Asked, packed: bytes) -> None:
        with self._changed:
            self._packed[asked.key] = (asked.name, packed)
            self._bytes += _size(asked.key, asked.name, packed)
            while self._bytes > self._most_bytes:
                key, (name, oldest) = self._packed.popitem(last=False)
                self._bytes -= _size(key, name, oldest)


def _bad_request(line: int, why: str) -> Answer:
    words = f"line {line} of the batch cannot be judged: {why}"
    told = {"status": BAD, "passed": False, "score_us": None, "feedback": words, "duplicate_of": None}
    return {**told, "reward": BAD_REQUEST.json()}


def _size(key: Key, name: str, packed: bytes) -> int:
    return len(packed) + len(name) + sum(map(len, key[2])) + 500  # of the objects themselves


@dataclass
class Batch:
    """Judges a stream. `evaluate` gives a request's verdict and is called in workers; `start` is what rewards are
    relative to; `level` says which checks these are, `unsupported` what a candidate is worth that the device lacks
    something for.
    """

    evaluate: Callable[[Asked], Verdict]
    start: Candidate
    level: str
    device: str
    unsupported: Unsupported = "masked"
    known: Known = field(default_factory=Known)
    _starts: dict[tuple[str, ...], Verdict] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, requests: Iterable[Asked | NotAsked], executor: Executor, shown: Shown) -> Iterator[Answer]:
        """One answer for each request, its verdict `shown` as JSON. Raises WallUnavailable, and Infrastructure after
        several faults of ours in a row.
        """
        in_a_row = 0
        for _, answer in executor.map(lambda request: self._answer(request, shown), requests):
            yield answer
            # A request that was answered without judging says nothing about this machine.
            if answer["status"] == Status.INFRA:
                in_a_row += 1
            elif answer["status"] != BAD and answer["duplicate_of"] is None:
                in_a_row = 0
            if in_a_row >= INFRA_IN_A_ROW:
                raise Infrastructure(
                    f"{in_a_row} candidates in a row could not be judged, for no fault of theirs (the last: "
                    f"{answer['feedback']}); what was answered is kept; look at `kernelevo doctor`, then send the rest"
                )

    def _answer(self, request: Asked | NotAsked, shown: Shown) -> Answer:
        head = {"name": request.name, "line": request.line, "level": self.level}
        if isinstance(request, NotAsked):
            return {**head, **_bad_request(request.line, request.why)}
        try:
            answer, before = self.known.get_or_make(request, lambda: self._judged(request, shown))
        except BadInput as fault:
            if not request.cases:
                raise  # the problem fails at its own sizes, for every candidate
            return {**head, **_bad_request(request.line, f"the problem fails at its sizes: {fault}")}
        return {**head, "duplicate_of": before, **answer}

    def _judged(self, request: Asked, shown: Shown) -> tuple[Answer, bool]:
        """The answer, and whether asking again would give the same: our own faults pass."""
        verdict = self._verdict(request)
        start = self._start(request.cases) if verdict.status is Status.PASSED else verdict
        answer = {**shown(verdict), "reward": reward_of(verdict, start, self.unsupported).json()}
        return answer, verdict.status is not Status.INFRA and start.status is not Status.INFRA

    def _start(self, cases: tuple[str, ...]) -> Verdict:
        """The start's verdict at these sizes: judged when the first candidate has passed there, by one worker."""
        with self._guard:
            if cases not in self._starts:
                verdict = self._verdict(Asked(0, "start", self.start, cases=cases))
                if verdict.status is Status.INFRA:
                    return verdict
                self._starts[cases] = verdict
            return self._starts[cases]

    def _verdict(self, request: Asked) -> Verdict:
        """A fault of ours is tried once more: the next call starts what died anew."""
        verdict = self._attempt(request)
        return self._attempt(request) if verdict.status is Status.INFRA else verdict

    def _attempt(self, request: Asked) -> Verdict:
        try:
            return self.evaluate(request)
        except WallUnavailable:
            raise
        except Infrastructure as fault:
            return Verdict(request.candidate.id, self.device, Status.INFRA, feedback=str(fault))
