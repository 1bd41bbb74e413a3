"""The backend scrna: blocks of cells and genes of one dataset are tasks, a pipeline's text is the program.

Cells are dealt to the splits, so that no cell that a lever learned from is met again behind a gate or in the sealed
tasks; within a split, tasks are different groups of genes of its cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.backends.scrna.data import Dataset
from kernelevo.backends.scrna.grammar import GRAMMAR
from kernelevo.backends.scrna.session import DenoisingSession
from kernelevo.backends.scrna.thinning import Counts, without_empty
from kernelevo.errors import BadInput
from kernelevo.learning import Split

SHARES: Mapping[Split, float] = {
    Split.REWARD: 0.3, Split.GATE: 0.25, Split.SEALED: 0.25, Split.DEVELOPMENT: 0.1, Split.TRAINING: 0.1,
}  # fmt: skip
"""Of the cells."""
GENE_GROUPS = 6
EVALUATOR = "1"
"""Changes whenever the same pipeline may score otherwise."""


@dataclass(frozen=True)
class Block:
    """A task: which cells, and which of the groups of genes."""

    split: Split
    group: int

    @property
    def name(self) -> str:
        return f"{self.split}-genes-{self.group}"


BLOCKS = {block.name: block for block in (Block(split, group) for split in Split for group in range(GENE_GROUPS))}


class DenoisingBackend:
    """`device` is the dataset: what figures belong to."""

    name = "scrna"
    grammar = GRAMMAR
    how = "measured"
    gain = "times less loss"

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.device = f"scrna:{dataset.name}"
        self.version = hashlib.sha256(f"{EVALUATOR} {dataset.key}".encode()).hexdigest()[:16]

    def tasks(self, split: Split) -> Sequence[str]:
        return [name for name, block in BLOCKS.items() if block.split is split]

    def open(self, task: str) -> DenoisingSession:
        if task not in BLOCKS:
            raise BadInput(f"the backend scrna has no task {task!r}; it has {', '.join(BLOCKS)}")
        block = BLOCKS[task]
        family = f"genes-{block.group}"
        return DenoisingSession(task, family, self.device, self._counts(block), self._counts(_aside(block)))

    def close(self) -> None:
        """Nothing is held open."""

    def _counts(self, block: Block) -> Counts:
        counts = self._dataset.counts
        cells = _dealt(counts.shape[0], list(SHARES.values()), self._dataset.key)[list(SHARES).index(block.split)]
        genes = np.arange(block.group, counts.shape[1], GENE_GROUPS)
        return without_empty(counts[cells][:, genes])


def _aside(block: Block) -> Block:
    """What the audit judges by: the same cells, genes that the task has none of."""
    return Block(block.split, (block.group + 1) % GENE_GROUPS)


def _dealt(count: int, shares: Sequence[float], key: str) -> list[np.ndarray]:
    """The numbers below `count` in random order, dealt by these shares; the same for the same dataset."""
    order = np.random.default_rng(int(key[:16], 16)).permutation(count)
    ends = np.rint(np.cumsum(shares) / sum(shares) * count).astype(int)
    return [np.sort(part) for part in np.split(order, ends[:-1])]
