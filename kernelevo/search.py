"""The search: best-first over the persisted archive.

    judge the start -> (propose a round -> judge it)* -> judge the finalists with full checks -> judge the best anew

A round asks the fastest attempts that still have something to propose, each for half of what is left of the round, so
that the best gets most and its rivals some. Decisions are made between rounds, from the archive alone: given the same
verdicts the same candidates are proposed, whatever the number of workers (only the clock may end it earlier). A
candidate that failed is never expanded; INFRA is tried once more and then left alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernelevo.answer import Answer
from kernelevo.archive import ANEW, ENDED_NOTE, FINAL, PHASE_NOTE, SEARCH, Archive
from kernelevo.counting import nouns
from kernelevo.errors import Infrastructure, WallUnavailable
from kernelevo.interfaces import Evaluator, Executor, Listener, Proposer, Store
from kernelevo.settings import Limits
from kernelevo.types import Attempt, Budget, Candidate, Status, Verdict

FINAL_SHARE = 0.25
"""Part of the time that is kept back for full checks; a full check has several times the cases of a light one."""
INFRA_IN_A_ROW = 3
"""So many of our own faults one after the other are not bad luck: the run is stopped, and can be resumed."""


@dataclass(frozen=True)
class Judges:
    """Two evaluators of one problem on one device: `light` for the search, `full` for what is reported. `budget` is
    per evaluation.
    """

    light: Evaluator
    full: Evaluator
    budget: Budget


class Search:
    """One run. `settle` turns a candidate into the text that would be written to disk, which is what the full checks
    judge.
    """

    def __init__(
        self,
        store: Store,
        archive: Archive,
        judges: Judges,
        proposers: Sequence[Proposer],
        executor: Executor,
        limits: Limits,
        listener: Listener,
        settle: Callable[[Candidate], Candidate] = lambda candidate: candidate,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.archive = archive
        self.judges = judges
        self.proposers = proposers
        self.executor = executor
        self.limits = limits
        self.listener = listener
        self.settle = settle
        self.clock = clock
        self._record = store.run()
        self._began = clock()
        self._exhausted: set[tuple[str, str]] = set()
        self._infra_in_a_row = 0

    def run(self) -> Answer | None:
        """The answer, or None if the start did not pass (its verdict is in the archive)."""
        self.listener.started(self._record, self.limits.evaluations)
        ended = self._search_and_confirm()
        self.store.note(ENDED_NOTE, {"reason": ended, "seconds": round(self.clock() - self._began, 3)})
        answer = self.archive.answer(self._record, ended)
        self.listener.finished(answer.best if answer else None)
        return answer

    def _search_and_confirm(self) -> str:
        self._enter(SEARCH)
        self._judge(self._unjudged([self.archive.start]))
        if not self.archive.passed(SEARCH, self.archive.start):
            return "the start did not pass"
        ended = self._explore()
        # From here nothing new is proposed; what is left is to judge the best, and the start, with full checks.
        self._enter(FINAL)
        self._confirm()
        # The best of many was partly lucky: what is reported are figures that had no part in choosing it.
        self._enter(ANEW)
        self._judge_anew()
        return ended

    def _enter(self, phase: str) -> None:
        if self.archive.phase != phase or not self.store.notes(PHASE_NOTE):
            self.store.note(PHASE_NOTE, {"name": phase, "after": self.archive.evaluations})
            self.archive.phase = phase

    def _explore(self) -> str:
        while True:
            if reason := self._spent():
                return reason
            batch = self.archive.pending()[: self._evaluations_left()] or self._propose_round()
            if not batch:
                return "nothing left to try"
            self._judge(self._until(batch, self._search_deadline()))

    def _spent(self) -> str:
        """Why the search is over, or nothing."""
        if self._evaluations_left() < 1:
            return _used_up(f"{self.limits.evaluations:,}", self.limits.evaluations, "evaluation")
        if self.clock() >= self._search_deadline():
            return _used_up(f"{self.limits.seconds:g}", self.limits.seconds, "second")
        if self.archive.stale() >= self.limits.patience:
            return f"nothing better among the last {self.limits.patience}"
        return ""

    def _propose_round(self) -> list[Candidate]:
        size = min(self.limits.round, self._evaluations_left())
        batch: dict[str, Candidate] = {}
        grew = True
        while grew and len(batch) < size:
            grew = False
            for attempt in self.archive.ranked():
                share = max(1, (size - len(batch)) // 2)
                found = self._expand(attempt, batch, share)
                batch |= {candidate.id: candidate for candidate in found}
                grew = grew or bool(found)
                if len(batch) >= size:
                    break
        for candidate in batch.values():
            self._record_proposal(candidate)
        return list(batch.values())

    def _expand(self, attempt: Attempt, batch: Mapping[str, Candidate], share: int) -> list[Candidate]:
        """At most `share` new candidates from this attempt, of the first proposers that still have some. One that has
        none is not asked again, unless verdicts on what it made of this attempt in this very round are still to come.
        """
        tried = self.archive.tried | batch.keys()
        waiting = {candidate.proposer for candidate in batch.values() if candidate.parent == attempt.candidate.id}
        found: dict[str, Candidate] = {}
        for proposer in self.proposers:
            source = (attempt.candidate.id, proposer.name)
            if source in self._exhausted or len(found) >= share:
                continue
            fresh = proposer.propose(attempt, tried | found.keys(), share - len(found))
            fresh = [candidate for candidate in fresh if candidate.id not in tried]
            if not fresh and proposer.name not in waiting:
                self._exhausted.add(source)
            found |= {candidate.id: candidate for candidate in fresh}
        return list(found.values())[:share]

    def _confirm(self) -> None:
        """Full checks on the start and on the best that beat it; while none of these has passed, on the next best."""
        start = self.archive.start
        better = itertools.takewhile(lambda attempt: attempt.candidate.id != start.id, self.archive.preferred(SEARCH))
        hopeful = [self.settle(attempt.candidate) for attempt in better]
        self._judge(self._unjudged([start, *hopeful[: self._finalists]]))
        for candidate in hopeful[self._finalists :]:
            if self.archive.best(FINAL) not in (None, self.archive.verdict(FINAL, start.id)):
                break
            if self.archive.evaluations >= self.limits.evaluations or not self.archive.passed(FINAL, start):
                break
            self._judge(self._unjudged([candidate]))

    def _judge_anew(self) -> None:
        """Full checks on the best once more, with draws of their own; where it does not stand, on the next best."""
        for attempt in self.archive.contenders():
            if self.archive.evaluations >= self.limits.evaluations:
                return
            self._judge(self._unjudged([attempt.candidate]))
            if not self.archive.fell(attempt):
                return

    def _unjudged(self, batch: Sequence[Candidate]) -> list[Candidate]:
        """Those that this phase has no verdict on, or only one that was our fault; all are in the record afterwards."""
        for candidate in batch:
            self._record_proposal(candidate)
        known = {candidate.id: self.archive.verdict(self.archive.phase, candidate.id) for candidate in batch}
        return [item for item in batch if (seen := known[item.id]) is None or seen.verdict.status is Status.INFRA]

    def _record_proposal(self, candidate: Candidate) -> None:
        if candidate.id not in self.archive.candidates:
            self.store.propose(candidate)
            self.archive.propose(candidate)

    def _judge(self, batch: Sequence[Candidate] | Iterator[Candidate]) -> None:
        judge = self.judges.light if self.archive.phase == SEARCH else self.judges.full
        for candidate, verdict in self.executor.map(lambda item: self._evaluate(judge, item), batch):
            self.store.conclude(verdict)
            # From here the verdict is durable, and may be learned from.
            attempt = Attempt(candidate, verdict)
            self.archive.conclude(attempt)
            self._count_infra(verdict)
            self.listener.concluded(attempt, self.archive.leader(), self.archive.evaluations)

    def _evaluate(self, judge: Evaluator, candidate: Candidate) -> Verdict:
        """One evaluation, in a worker; our own fault is tried once more, and then is the verdict."""
        verdict = self._evaluate_once(judge, candidate)
        if verdict.status is Status.INFRA:
            verdict = self._evaluate_once(judge, candidate)
        return verdict

    def _evaluate_once(self, judge: Evaluator, candidate: Candidate) -> Verdict:
        try:
            return judge.evaluate(candidate, self.judges.budget)
        except WallUnavailable:
            raise
        except Infrastructure as fault:
            return Verdict(candidate.id, self._record.device, Status.INFRA, feedback=str(fault))

    def _count_infra(self, verdict: Verdict) -> None:
        self._infra_in_a_row = self._infra_in_a_row + 1 if verdict.status is Status.INFRA else 0
        if self._infra_in_a_row >= INFRA_IN_A_ROW:
            raise Infrastructure(
                f"{INFRA_IN_A_ROW} evaluations in a row failed for no fault of the candidates "
                f"(the last: {verdict.feedback}); "
                "look at `kernelevo doctor`, then resume the run"
            )

    def _until(self, batch: Sequence[Candidate], deadline: float) -> Iterator[Candidate]:
        """The batch, cut where the time is over; what is cut stays proposed, and a resumed run judges it first."""
        for candidate in batch:
            if self.clock() >= deadline:
                return
            yield candidate

    @property
    def _finalists(self) -> int:
        return min(self.limits.finalists, max(1, self.limits.evaluations // 4))

    def _evaluations_left(self) -> int:
        """What may still be explored: start and finalists are judged again at the end, and then the best of them."""
        return self.limits.evaluations - self._finalists - 2 - self.archive.evaluations

    def _search_deadline(self) -> float:
        return self._began + self.limits.seconds * (1 - FINAL_SHARE)


def _used_up(told: str, count: float, noun: str) -> str:
    return f"its {told} {nouns(count, noun)} {'was' if count == 1 else 'were'} used"
