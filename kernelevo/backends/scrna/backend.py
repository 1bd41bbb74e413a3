"""The backend scrna: blocks of cells and genes of one dataset are tasks.

Cells are dealt to the splits, so that no cell that a lever learned from is met again behind a gate or in the sealed
tasks; within a split, tasks are different groups of genes of its cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from kernelevo.backends.pipelines import PipelineBackend
from kernelevo.backends.scrna.data import Dataset
from kernelevo.backends.scrna.metrics import GUARDED, METRICS, SPACES
from kernelevo.backends.scrna.session import FACTS, DenoisingSession
from kernelevo.backends.scrna.thinning import Counts, without_empty
from kernelevo.errors import BadInput
from kernelevo.learning import Split

SHARES: Mapping[Split, float] = {
    Split.REWARD: 0.3, Split.GATE: 0.25, Split.SEALED: 0.25, Split.DEVELOPMENT: 0.1, Split.TRAINING: 0.1,
}  # fmt: skip
"""Of the cells."""
GROUPS = tuple(f"genes-{number}" for number in range(6))
MOST_CELLS = 2000
"""Of a split: tasks of many cells take minutes a candidate, and tell no more."""
LEAST_SIDE, LEAST_MOLECULES = 8, 300
"""Of a task: one test half in 10^13 of so few molecules holds none."""
EVALUATOR = "3"
"""Changes whenever the same pipeline may score otherwise."""


class DenoisingBackend(PipelineBackend):
    """`device` is the dataset; `second`, if given, is another tissue that the audit judges by, too."""

    name = "scrna"
    facts = FACTS
    metrics = METRICS

    def __init__(self, dataset: Dataset, metric: str = GUARDED, second: Dataset | None = None) -> None:
        # Tasks are small: more threads only wait for each other (twenty times as long on two busy cores), workers are
        # threads already, and sums hang on how many there are.
        threadpool_limits(limits=1)
        parts = (EVALUATOR, dataset.key, metric, second.key if second else "")
        version = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
        super().__init__(f"scrna:{dataset.name}", version, SPACES[metric], GROUPS)
        self._metric = metric
        self._own, self._second = _Dealt(dataset), None if second is None else _Dealt(second)
        other = () if self._second is None else (f"second tissue of the audit: {self._second.said}",)
        self.introduction = (f"data: {self._own.said}", *other, f"rewarded by the metric {metric}")
        for task, (split, group) in self._tasks.items():
            for each in (self._own, self._second):
                if each is not None:
                    self._require_enough(each.name, task, each.block(split, GROUPS.index(group)))

    def session(self, task: str, split: Split, group: str) -> DenoisingSession:
        """The audit judges by the same cells, and genes that the task has none of."""
        number = GROUPS.index(group)
        own, aside = (self._own.block(split, each % len(GROUPS)) for each in (number, number + 1))
        second = None if self._second is None else self._second.block(split, number)
        return DenoisingSession(task, group, self.device, self.grammar, own, aside, self._metric, second)

    @staticmethod
    def _require_enough(name: str, task: str, counts: Counts) -> None:
        """Raises BadInput where so little is left of a task that its test half may hold nothing."""
        cells, genes = counts.shape
        if min(cells, genes) < LEAST_SIDE or counts.sum() < LEAST_MOLECULES:
            raise BadInput(
                f"{name}: the task {task} would have {cells} x {genes} cells and genes with {int(counts.sum()):,} "
                f"molecules; at least {LEAST_SIDE} of both and {LEAST_MOLECULES} molecules are needed: give more"
            )


class _Dealt:
    """A dataset whose cells are dealt to the splits."""

    def __init__(self, dataset: Dataset) -> None:
        self.name = dataset.name
        self._counts = dataset.counts
        dealt = _dealt(self._counts.shape[0], list(SHARES.values()), dataset.key)
        self._cells = dict(zip(SHARES, dealt, strict=True))
        many = max(map(len, dealt)) >= MOST_CELLS
        self.said = f"{dataset.said}; {MOST_CELLS:,} cells of a split are used at most" if many else dataset.said

    def block(self, split: Split, group: int) -> Counts:
        genes = np.arange(group, self._counts.shape[1], len(GROUPS))
        return without_empty(self._counts[self._cells[split]][:, genes])


def _dealt(count: int, shares: Sequence[float], key: str) -> list[np.ndarray]:
    """The numbers below `count` in random order, dealt by these shares, MOST_CELLS at most of each; the same for the
    same dataset.
    """
    order = np.random.default_rng(int(key[:16], 16)).permutation(count)
    ends = np.rint(np.cumsum(shares) / sum(shares) * count).astype(int)
    return [np.sort(part[:MOST_CELLS]) for part in np.split(order, ends[:-1])]
