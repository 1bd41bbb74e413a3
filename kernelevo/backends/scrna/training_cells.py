"""What the cells of the training split teach a pipeline: directions in which cells differ, and a regression from a
training half to what is held out. No label is needed; tasks are small (dozens of cells), and their own directions are
mostly noise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd

from kernelevo.backends.scrna.components import stabilised, thinned
from kernelevo.backends.scrna.scoring import log_rescaled
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, Counts

Array = np.ndarray
SEED = 20261201
MOST_DIRECTIONS = 64
DEALS = 4
MOST_DEALT = 1500
"""Training halves that a regression is made of, in all: of 15,000 genes it takes some 800 MB while it is made."""
THINNED = "thinned"
PENALTY_UNIT = 1000.0


@dataclass(frozen=True)
class Directions:
    """`mean` float32[genes], and `rows` float32[directions, genes], orthonormal, those along which cells differ most
    first.
    """

    mean: Array
    rows: Array


@dataclass(frozen=True)
class Regression:
    """Ridge regression of log counts of the test halves on the places of training halves along `directions`, for any
    penalty: `variances` float64[directions] and `products` float32[directions, genes] are its sums of squares and
    products, `mean` float32[genes] what it says of the mean place.
    """

    directions: Directions
    variances: Array
    products: Array
    mean: Array


class TrainingCells:
    """Of counts int64[cells, genes]. What is made of them is kept: a few numbers a gene."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def directions(self, kind: str) -> Directions:
        """Of cells on the scale of a transform, or THINNED: as the test half's depth shows them."""
        def make() -> Directions:
            counts = _some(self._counts, MOST_DEALT)
            return _directions(thinned(counts, SEED) if kind == THINNED else stabilised(counts, kind))

        made: Directions = self._of(("directions", kind), make)
        return made

    def regression(self, transform: str) -> Regression:
        made: Regression = self._of(("regression", transform), lambda: _regression(self._counts, transform))
        return made

    def _of(self, key: tuple[str, str], make: Callable[[], Any]) -> Any:
        """Made by one worker, for which the others wait: each would need the memory."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


@dataclass(frozen=True)
class Taught:
    """The same for a task in which only the genes at the places `genes` have molecules."""

    cells: TrainingCells
    genes: Array

    def projected(self, values: Array, kind: str, rank: int) -> Array:
        """float[cells, genes]: what lies along the first directions of the training split's cells."""
        found = self.cells.directions(kind)
        rows, mean = found.rows[:rank][:, self.genes], found.mean[self.genes]
        return np.asarray(((values - mean) @ rows.T) @ rows + mean)

    def regressed(self, values: Array, transform: str, penalty: float) -> Array:
        """float[cells, genes]: the log counts of the test half that are expected, `penalty` in PENALTY_UNIT."""
        found = self.cells.regression(transform)
        along = (values - found.directions.mean[self.genes]) @ found.directions.rows[:, self.genes].T
        shrunk = along / (found.variances + PENALTY_UNIT * penalty)
        return np.asarray(shrunk @ found.products[:, self.genes] + found.mean[self.genes])


def _regression(counts: Counts, transform: str) -> Regression:
    """Molecules of the training split's cells are dealt as a task's are."""
    source = np.random.default_rng(SEED)
    some = _some(counts, MOST_DEALT)
    shown, wanted = [], []
    for _ in range(max(1, min(DEALS, MOST_DEALT // some.shape[0]))):
        train = some.copy()
        train.data = source.binomial(some.data, TRAIN_SHARE)
        kept = np.flatnonzero((_sums(train) > 0) & (_sums(some) > _sums(train)))
        shown.append(stabilised(train[kept], transform).astype(np.float32))
        wanted.append(log_rescaled(np.asarray((some - train)[kept].toarray(), dtype=np.float64)).astype(np.float32))
    halves, tests = np.vstack(shown), np.vstack(wanted)
    directions = _directions(halves)
    along = (halves - directions.mean) @ directions.rows.T
    mean = tests.mean(axis=0)
    return Regression(directions, np.square(along, dtype=np.float64).sum(axis=0), along.T @ (tests - mean), mean)


def _directions(values: Array) -> Directions:
    values = values.astype(np.float32)
    mean = values.mean(axis=0)
    count = min(MOST_DIRECTIONS, *values.shape)
    return Directions(mean, randomized_svd(values - mean, n_components=count, random_state=SEED)[2])


def _some(counts: Counts, most: int) -> Counts:
    """`most` of the cells, drawn at random, where there are more."""
    if counts.shape[0] <= most:
        return counts
    drawn = np.random.default_rng(SEED).permutation(counts.shape[0])[:most]
    return counts[np.sort(drawn)]


def _sums(counts: Counts) -> Array:
    return np.asarray(counts.sum(axis=1)).ravel()
