"""The backend legal: groups of charges of one set of cases are tasks.

Cases are dealt to the splits charge by charge; those that are alike (alike.py) stay together.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

import numpy as np

from kernelevo.backends.legal.alike import alike
from kernelevo.backends.legal.data import Cases
from kernelevo.backends.legal.pipeline import SPACE
from kernelevo.backends.legal.reference import NAME
from kernelevo.backends.legal.session import FACTS, ChargeSession
from kernelevo.backends.pipelines import DRAWN_WITHOUT_SEED, PipelineBackend
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.learning import Split

SHARES: Mapping[Split, float] = {
    Split.REWARD: 0.3, Split.GATE: 0.25, Split.SEALED: 0.25, Split.DEVELOPMENT: 0.1, Split.TRAINING: 0.1,
}  # fmt: skip
"""Of each charge's cases."""
GROUPS = tuple(f"charges-{number}" for number in range(3))
LEAST_CHARGES, LEAST_CASES = 2, 8
"""Of a task."""
EVALUATOR = "3"
"""Changes whenever the same classifier may score otherwise."""


class ChargeBackend(PipelineBackend):
    """`device` is the set of cases."""

    name = "legal"
    facts = FACTS

    def __init__(self, cases: Cases) -> None:
        version = hashlib.sha256(f"{EVALUATOR} {cases.key}".encode()).hexdigest()[:16]
        super().__init__(f"legal:{cases.name}", version, SPACE, GROUPS)
        self._cases = cases
        self._alike = _alike(cases.facts)
        self._split = dealt(cases, self._alike)
        for task, (split, group) in self._tasks.items():
            self._require_enough(task, split, group)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is known of the cases, and the reference line on the tasks that are learned from."""
        tasks = [self.session(task, *self._tasks[task]) for task in self.tasks(Split.REWARD)]
        mean = float(np.mean([task.reference(DRAWN_WITHOUT_SEED).accuracy for task in tasks]))
        return (*self._cases.notes, _line_words(mean))

    def session(self, task: str, split: Split, group: str) -> ChargeSession:
        charges = np.arange(GROUPS.index(group), len(self._cases.charges), len(GROUPS))
        places = [place for place in self._split[split] if self._cases.labels[place] in charges]
        labels = np.searchsorted(charges, self._cases.labels[places])
        facts = [self._cases.facts[place] for place in places]
        groups = self._alike[places]
        return ChargeSession(task, group, self.device, self.grammar, facts, labels, len(charges), groups)

    def _require_enough(self, task: str, split: Split, group: str) -> None:
        """Raises BadInput unless, of some charges, there are cases to be told and others to be asked for."""
        often = np.bincount(self._cases.labels[self._split[split]], minlength=len(self._cases.charges))
        of_group = often[GROUPS.index(group) :: len(GROUPS)]
        able = of_group[of_group > 1]
        if len(able) < LEAST_CHARGES or able.sum() < LEAST_CASES:
            raise BadInput(
                f"{self._cases.name}: the task {task} would have {counted(int(able.sum()), 'case')} of "
                f"{counted(len(able), 'charge')} with two or more, when cases that are alike stay together; at least "
                f"{LEAST_CASES} of {LEAST_CHARGES} are needed, so give more different cases of each charge"
            )


def _line_words(mean: float) -> str:
    return f"reference ({NAME}), told and asked the same as a pipeline: accuracy {mean:.4f} on the tasks learned from"


@functools.lru_cache(maxsize=2)
def _alike(facts: tuple[str, ...]) -> np.ndarray:
    """Found once for all threads, each of which has a backend of its own."""
    return alike(facts)


def dealt(cases: Cases, groups: np.ndarray) -> dict[Split, list[int]]:
    """The places of the cases of each split; the same for the same cases. Of each charge, the cases of a group (int of
    each case, those of one group being alike) go together to the split that lacks most.
    """
    source = np.random.default_rng(int(cases.key[:16], 16))
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    found: dict[Split, list[int]] = {split: [] for split in SHARES}
    counts = {split: np.zeros(len(cases.charges)) for split in SHARES}
    for number in source.permutation(len(members)):
        places = members[number]
        charge = cases.labels[places[0]]
        split = min(SHARES, key=lambda each: (counts[each][charge] + len(places)) / SHARES[each])
        found[split] += places.tolist()
        np.add.at(counts[split], cases.labels[places], 1)
    return {split: sorted(places) for split, places in found.items()}
