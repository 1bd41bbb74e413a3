"""The backend scrna: cells of one dataset are tasks.

Cells are dealt to the splits, so that no cell that a network was trained on, or that a lever learned from, is met again
behind a gate or in the sealed tasks; within a split, tasks are draws of two thirds of its cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from kernelevo.backends.agents import Networks, PipelineAgent, note_base
from kernelevo.backends.keeping import Keeping
from kernelevo.backends.networks import Shelf
from kernelevo.backends.pipelines import PipelineBackend, Space
from kernelevo.backends.scrna.data import SECOND, SOURCE, Dataset
from kernelevo.backends.scrna.metrics import GUARDED, METRICS, SPACES
from kernelevo.backends.scrna.network import shares_of, train_adapter, train_base
from kernelevo.backends.scrna.pipeline import without_network
from kernelevo.backends.scrna.session import FACTS, FORM, MOST_BYTES, DenoisingSession
from kernelevo.backends.scrna.thinning import Counts, without_empty_cells
from kernelevo.backends.scrna.tissues import SAID, Trained, second_tissue, trained_on
from kernelevo.backends.scrna.training_cells import TrainingCells
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.interfaces import ProgramRunner
from kernelevo.learning import Split
from kernelevo.learning_interfaces import Fitted

SHARES: Mapping[Split, float] = {
    Split.TRAINING: 0.4, Split.REWARD: 0.15, Split.GATE: 0.15, Split.DEVELOPMENT: 0.15, Split.SEALED: 0.15,
}  # fmt: skip
"""Of the cells."""
GROUPS = tuple(f"cells-{number}" for number in range(6))
MOST_CELLS = 2000
"""Of a split: tasks of many cells take minutes a candidate, and tell no more."""
OF_SPLIT = 2 / 3
"""Of a split's cells, those of a task."""
LEAST_SIDE, LEAST_MOLECULES = 8, 300
"""Of a task: one test half in 10^13 of so few molecules holds none."""
EVALUATOR = "6"
"""Changes whenever the same pipeline may score otherwise."""
NETWORK_VERSION = 3
"""Changes whenever the base of the same data may be another."""
BASE_SEED = 20261130


class DenoisingBackend(PipelineBackend):
    """`device` is the dataset; `second`, if given, is another tissue that the audit judges by, too. Without a shelf
    there is no network, and no agent; with one the second is judged by the genes that the network knows, or left out.
    """

    name = "scrna"
    facts, form = FACTS, FORM
    metrics = METRICS

    def __init__(
        self, dataset: Dataset, metric: str = GUARDED, second: Dataset | None = None, shelf: Shelf | None = None,
        programs: ProgramRunner | None = None, source: Dataset | None = None,
    ) -> None:  # fmt: skip
        # Tasks are small: more threads only wait for each other (twenty times as long on two busy cores), workers are
        # threads already, and sums hang on how many there are.
        threadpool_limits(limits=1)
        beside = {SECOND: second, SOURCE: source}
        self.files = {name: each.file for name, each in beside.items() if each is not None and each.file}
        trained = None if shelf is None or source is None else trained_on(source, dataset)
        second, left_out = second_tissue(second, dataset, trained, shelf is not None)
        others = tuple(each.key if each else "" for each in (second, source))
        self.data = hashlib.sha256(" ".join((dataset.key, *others)).encode()).hexdigest()
        parts = (f"{EVALUATOR}.{NETWORK_VERSION}", dataset.key, metric, *others, programs.version if programs else "")
        version = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
        space = without_network(SPACES[metric]) if shelf is None else SPACES[metric]
        super().__init__(f"scrna:{dataset.name}", version, space, GROUPS)
        self._metric, self._programs, self._keeping = metric, programs, Keeping(MOST_BYTES)
        self._own, self._second = _Dealt(dataset), None if second is None else _Dealt(second)
        other = left_out if self._second is None else (f"{SAID}: {self._second.said}",)
        self.introduction = (f"data: {self._own.said}", *other, f"rewarded by the metric {metric}")
        for task, (split, group) in self._tasks.items():
            for each in (self._own, self._second):
                if each is not None:
                    self._require_enough(each.name, task, each.block(split, GROUPS.index(group)))
        self._training = TrainingCells(self._own.training())
        self.agent = None if shelf is None else self._agent(dataset, space, shelf, trained)

    def session(self, task: str, split: Split, group: str) -> DenoisingSession:
        """The audit judges by the cells of another task of the split."""
        number = GROUPS.index(group)
        own, aside = (self._own.block(split, each % len(GROUPS)) for each in (number, number + 1))
        second = None if self._second is None else self._second.block(split, number)
        network = None if self.agent is None else self.agent.networks
        asked = None if network is None else (lambda key, counts: shares_of(network.of(key), counts))
        return DenoisingSession(
            task, group, self.device, self.grammar, self.space, own, aside, self._metric, second, asked, self._programs,
            self._keeping, None if network is None else self._training,
        )  # fmt: skip

    def close(self) -> None:
        if self._programs is not None:
            self._programs.close()

    def _agent(self, dataset: Dataset, space: Space, shelf: Shelf, trained: Trained | None) -> DenoisingAgent:
        """The network's base is trained on the source; without one on the training split, as its adapters are."""
        training = self._own.training()
        if trained is None:
            told = "the network's base is trained on the training split"
            self.introduction = (*self.introduction, f"{told}; {SOURCE} names other cells for it")
            return DenoisingAgent(space, shelf, training, training, dataset.key)
        source, before = trained.dataset, trained.counts
        same = source.counts.shape[0] - before.shape[0]
        left = f"; {counted(same, 'cell')} that our data has, too, left out" if same else ""
        self.introduction = (*self.introduction, f"the network's base is trained on: {source.said}{left}")
        return DenoisingAgent(space, shelf, before, training, f"{dataset.key[:16]}-{source.key}")

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
        cells = self._cells[split]
        drawn = np.random.default_rng([group, len(cells)]).permutation(cells)[: round(OF_SPLIT * len(cells))]
        return without_empty_cells(self._counts[np.sort(drawn)])

    def training(self) -> Counts:
        return without_empty_cells(self._counts[self._cells[Split.TRAINING]])


class DenoisingAgent(PipelineAgent):
    """Its network's base is trained on the counts `before`, and every adapter on those of the training split."""

    def __init__(self, space: Space, shelf: Shelf, before: Counts, counts: Counts, key: str) -> None:
        name = f"scrna-{NETWORK_VERSION}-{key[:33]}"
        super().__init__(space, shelf, Networks(shelf, name, lambda: train_base(before, BASE_SEED)))
        self._counts = counts

    def fit(self, text: str, adapter: Path | None, into: Path, seed: int, strength: float) -> Fitted:
        losses = train_adapter(self.networks.base(), adapter, self._counts, into, seed, strength)
        note_base(into, self.networks.key)
        said = (
            f"the autoencoder's adapter, on thinnings of {self._counts.shape[0]} cells: its loss (2 is no denoising) "
            f"went from {losses[0]:.3f} to {losses[-1]:.3f}"
        )
        return Fitted(said, {"losses": losses, "cells": self._counts.shape[0], "strength": strength})


def _dealt(count: int, shares: Sequence[float], key: str) -> list[np.ndarray]:
    """The numbers below `count` in random order, dealt by these shares, MOST_CELLS at most of each; the same for the
    same dataset.
    """
    order = np.random.default_rng(int(key[:16], 16)).permutation(count)
    ends = np.rint(np.cumsum(shares) / sum(shares) * count).astype(int)
    return [np.sort(part[:MOST_CELLS]) for part in np.split(order, ends[:-1])]
