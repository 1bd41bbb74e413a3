"""Everything a run has tried, in the order it was proposed; rebuilt from the store alone, so that a resumed run knows
the same.

A run goes through phases, each opened by a note: `search` (light checks), `final` (full checks, among which the best is
chosen) and `anew` (the chosen one once more, on draws that had no part in choosing it: whatever is best of many was
partly lucky). A verdict belongs to the last phase opened before it. Of several verdicts on one candidate in one phase
the last counts: INFRA is tried again.
"""

from __future__ import annotations

import difflib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

from kernelevo.answer import Answer, Floor
from kernelevo.interfaces import Store
from kernelevo.types import Attempt, Candidate, RunRecord, Status

SEARCH, FINAL, ANEW = "search", "final", "anew"
PHASE_NOTE, ENDED_NOTE = "phase", "ended"


class Archive:
    """Candidates by id, with their verdicts of each phase. The first candidate is the start."""

    def __init__(self, band: float) -> None:
        self.band = band
        self.phase = SEARCH
        self.evaluations = 0
        self.candidates: dict[str, Candidate] = {}
        self._verdicts: dict[str, dict[str, Attempt]] = {SEARCH: {}, FINAL: {}, ANEW: {}}

    @classmethod
    def load(cls, store: Store, band: float) -> Archive:
        archive = cls(band)
        for candidate in store.candidates():
            archive.propose(candidate)
        openings = [(int(note["after"]), str(note["name"])) for note in store.notes(PHASE_NOTE)]
        for position, attempt in enumerate(store.attempts()):
            archive.phase = next((name for after, name in reversed(openings) if after <= position), SEARCH)
            archive.conclude(attempt)
        if openings:
            archive.phase = openings[-1][1]
        return archive

    def propose(self, candidate: Candidate) -> None:
        self.candidates[candidate.id] = candidate

    def conclude(self, attempt: Attempt) -> None:
        self.evaluations += 1
        self._verdicts[self.phase][attempt.candidate.id] = attempt

    @property
    def start(self) -> Candidate:
        return next(iter(self.candidates.values()))

    @property
    def tried(self) -> frozenset[str]:
        return frozenset(self.candidates)

    def verdict(self, phase: str, candidate: str) -> Attempt | None:
        return self._verdicts[phase].get(candidate)

    def pending(self) -> list[Candidate]:
        """Proposed, but not judged in any phase: what a killed run left behind."""
        known = self._verdicts[SEARCH].keys() | self._verdicts[FINAL].keys()
        return [candidate for candidate in self.candidates.values() if candidate.id not in known]

    def children(self, parent: str) -> list[Attempt]:
        """What the search judged of what was made of this candidate, in the order of proposal."""
        return [attempt for attempt in self._in_order(SEARCH) if attempt.candidate.parent == parent]

    def ranked(self) -> list[Attempt]:
        """Attempts that passed the search's checks, fastest first; of equals the earlier one."""
        return sorted(self._passed(SEARCH), key=_microseconds)

    def stale(self) -> int:
        """How many candidates, in the order of their proposal, were judged since the last one that was faster than
        all before.
        """
        fastest, since = float("inf"), 0
        for attempt in self._in_order(SEARCH):
            since += 1
            if attempt.verdict.status is Status.PASSED and _microseconds(attempt) < fastest:
                fastest, since = _microseconds(attempt), 0
        return since

    def passed(self, phase: str, candidate: Candidate) -> bool:
        return _has_passed(self.verdict(phase, candidate.id))

    def best(self, phase: str) -> Attempt | None:
        return next(self.preferred(phase), None)

    def leader(self) -> Attempt | None:
        """The best so far, for a display: of the full checks once a change has passed them, else of the search."""
        if not any(attempt.candidate.id != self.start.id for attempt in self._passed(FINAL)):
            return self.best(SEARCH)
        chosen = self.chosen()
        return self.best(FINAL) if chosen is None else self._anew(chosen) or chosen

    def contenders(self) -> list[Attempt]:
        """Attempts that passed the full checks and are preferred to the start, best first; none if the start failed."""
        if not self.passed(FINAL, self.start):
            return []
        ranked = self.preferred(FINAL)
        return list(itertools.takewhile(lambda attempt: attempt.candidate.id != self.start.id, ranked))

    def fell(self, attempt: Attempt) -> bool:
        """Whether a contender was judged anew and did not stand: it failed, or was no faster than the start. What we or
        the device could not tell is not held against it.
        """
        anew, start = self.verdict(ANEW, attempt.candidate.id), self.verdict(FINAL, self.start.id)
        if anew is None or start is None:
            return False
        if anew.verdict.status is Status.PASSED:
            return _microseconds(anew) >= _microseconds(start)
        return anew.verdict.status.blames_candidate

    def chosen(self) -> Attempt | None:
        """The best contender that has not fallen, as it was judged when it was chosen; else the start, if it passed."""
        start = self.verdict(FINAL, self.start.id) if self.passed(FINAL, self.start) else None
        return next((each for each in self.contenders() if not self.fell(each)), start)

    def _anew(self, chosen: Attempt) -> Attempt | None:
        judged = self.verdict(ANEW, chosen.candidate.id)
        return judged if _has_passed(judged) else None

    def preferred(self, phase: str) -> Iterator[Attempt]:
        """Attempts that passed, best first: times within the device's band are not told apart, and the smaller change
        wins.
        """
        left = sorted(self._passed(phase), key=_microseconds)
        while left:
            limit = _microseconds(left[0]) * (1 + self.band)
            alike = [attempt for attempt in left if _microseconds(attempt) <= limit]
            winner = min(alike, key=lambda attempt: self.change(attempt.candidate))
            yield winner
            left.remove(winner)

    def change(self, candidate: Candidate) -> int:
        """Size of the change: lines that differ from the start's, plus macros set to another value."""
        macros = {**self.start.defines, **candidate.defines}
        return changed_lines(self.start.text, candidate.text) + sum(
            self.start.defines.get(name) != value for name, value in macros.items()
        )

    def answer(self, run: RunRecord, ended: str) -> Answer | None:
        """The best that stands: of those confirmed with full checks if the start is, by its figures when it was judged
        anew; else of the search. None: the start failed.
        """
        judged = self.verdict(FINAL, self.start.id)
        phase = SEARCH if judged is None or judged.verdict.status is Status.INFRA else FINAL
        start, best = self.verdict(phase, self.start.id), self.chosen() if phase == FINAL else self.best(phase)
        if start is None or best is None or not self.passed(phase, self.start):
            return None
        confirmed = phase == FINAL
        floors = {name: Floor(**floor) for name, floor in run.settings.get("floors", {}).items()}
        anew = self._anew(best) if confirmed else None
        fallen = tuple(self._verdicts[ANEW][each.candidate.id] for each in self.contenders() if self.fell(each))
        return Answer(
            run, start, anew or best, confirmed, self.band, self.evaluations, self.statuses(), ended, floors,
            chosen=best if anew else None, fallen=fallen,
        )  # fmt: skip

    def statuses(self) -> Mapping[str, int]:
        """How many candidates ended how, by their latest verdict."""
        latest = {**self._verdicts[SEARCH], **self._verdicts[FINAL], **self._verdicts[ANEW]}
        return dict(Counter(attempt.verdict.status.value for attempt in latest.values()).most_common())

    def _in_order(self, phase: str) -> list[Attempt]:
        verdicts = self._verdicts[phase]
        return [verdicts[name] for name in self.candidates if name in verdicts]

    def _passed(self, phase: str) -> list[Attempt]:
        return [attempt for attempt in self._in_order(phase) if _has_passed(attempt)]


@cache
def changed_lines(old: str, new: str) -> int:
    """Lines taken out plus lines put in, blank lines and indentation left aside."""
    before, after = ([line.strip() for line in text.splitlines() if line.strip()] for text in (old, new))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return len(before) + len(after) - 2 * same


def _has_passed(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.verdict.status is Status.PASSED


def _microseconds(attempt: Attempt) -> float:
    if attempt.verdict.score is None:
        raise ValueError(f"candidate {attempt.candidate.id} has no score: it is {attempt.verdict.status}")
    return attempt.verdict.score.value
