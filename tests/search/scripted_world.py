"""A small world for the search: a candidate is a number of microseconds and a remark; everything else follows from
that.

Text `12.5 wrong` is judged WRONG, `12.5` passes with 12.5 us in the search, `12.5 -> 14` has 14 us under full checks,
`12.5 => 14` when it is judged with full checks the second time. A failure `late` is one of full checks, `anew` one of
the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kernelevo.archive import Archive
from kernelevo.executors.serial import SerialExecutor
from kernelevo.interfaces import Executor, Store
from kernelevo.search import Judges, Search, SearchTime
from kernelevo.settings import Limits
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Attempt, Budget, Candidate, Check, Figure, RunRecord, Status, Verdict

DEVICE = "virtual:test"
RECORD = RunRecord("0run", "optimize", "2026-01-01", DEVICE, "modelled", "task", {}, {}, {})
BUDGET = Budget(1.0, 1 << 20, 1000)


def us(value: float) -> Figure:
    return Figure(value, "us", DEVICE, "modelled")


@dataclass
class WordJudge:
    """Judges by the text's own words, and remembers what it was asked."""

    full: bool = False
    asked: list[str] = field(default_factory=list)

    def evaluate(self, candidate: Candidate, budget: Budget) -> Verdict:
        self.asked.append(candidate.text)
        words = candidate.text.split("\n")[0].split()
        failures = [Status(word) for word in words if word in set(Status)]
        again = self.full and self.asked.count(candidate.text) > 1
        if failures and (self.full or "late" not in words) and (again or "anew" not in words):
            return Verdict(candidate.id, DEVICE, failures[0], f"it is {failures[0]}")
        time = words[words.index("->") + 1] if self.full and "->" in words else words[0]
        time = words[words.index("=>") + 1] if again and "=>" in words else time
        checks = (Check("full" if self.full else "light", True, "1 case"),)
        return Verdict(candidate.id, DEVICE, Status.PASSED, "fine", us(float(time)), checks=checks)


@dataclass(frozen=True)
class Tree:
    """A proposer that knows in advance what may be made of what."""

    children: Mapping[str, Sequence[str]]
    name: str = "tree"

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        texts = self.children.get(parent.candidate.text, ())
        candidates = [Candidate(text, proposer=self.name, parent=parent.candidate.id, moves=(text,)) for text in texts]
        return [candidate for candidate in candidates if candidate.id not in tried][:limit]


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, run: RunRecord, total: int) -> None:
        self.heard.append(f"started {run.id} {total}")

    def concluded(self, attempt: Attempt, best: Attempt | None, evaluations: int) -> None:
        self.heard.append(f"{attempt.candidate.text}: best {best.candidate.text if best else None}")

    def finished(self, best: Attempt | None) -> None:
        self.heard.append("finished")


@dataclass
class World:
    """A run over a tree of texts; `run` may be called again with a fresh archive, as after a crash."""

    start: str
    children: Mapping[str, Sequence[str]]
    band: float = 0.0
    limits: Limits = field(default_factory=lambda: Limits(evaluations=50, seconds=1000))
    store: Store = field(default_factory=MemoryStore)
    executor: Executor = field(default_factory=SerialExecutor)
    light: WordJudge = field(default_factory=WordJudge)
    full: WordJudge = field(default_factory=lambda: WordJudge(full=True))
    ear: Ear = field(default_factory=Ear)
    clock: Callable[[], float] = lambda: 0.0

    def __post_init__(self) -> None:
        self.store.begin(RECORD)
        self.store.propose(Candidate(self.start))

    def search(self, **changes) -> Search:
        archive = Archive.load(self.store, self.band)
        judges = Judges(self.light, self.full, BUDGET)
        return Search(
            self.store,
            archive,
            judges,
            [Tree(self.children)],
            self.executor,
            self.limits,
            self.ear,
            span=SearchTime(self.limits, self.clock),
            **changes,
        )

    def run(self, **changes):
        return self.search(**changes).run()
