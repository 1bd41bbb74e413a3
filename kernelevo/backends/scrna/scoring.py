"""How well a denoised matrix predicts the molecules of the test half, by two rules.

    openproblems    as the benchmark OpenProblems (task denoising) publishes it, for comparison with others' figures
    guarded         what is selected by here

The published Poisson loss is called with its arguments in the other order (v1.0.0 and v2): it is linear in what is
scored and rewards little mass, so that a matrix of zeros scores half. The guarded rule rescales every row to the mass
of its training counts, puts the arguments in order, keeps normalised losses within [-1, 1] and refuses rows of zeros,
and what is negative or not finite.

Losses are means over cells and genes, normalised between no denoising (0) and the test half itself (1). Everything is
summed over blocks of cells: no dense matrix is ever held whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from kernelevo.backends.pipelines import Unsound
from kernelevo.backends.scrna.thinning import Counts, blocks
from kernelevo.errors import BadInput

TARGET = 1e4
"""Molecules that a cell is rescaled to before its logarithm is taken."""
EPSILON = 1e-6
"""Added to a mean before its logarithm (OpenProblems)."""
LEAST = 1e-12
"""Between no denoising and the test half: less than that is rounding."""
Array = np.ndarray
Rows = Callable[[slice], Array]
"""float[cells of the slice, genes] of a matrix, made when asked."""


@dataclass(frozen=True)
class Losses:
    """Means over cells and genes: squared error of log1p of rescaled counts, the Poisson loss with its arguments in
    order, and as it is published. `mass` is the sum of what was scored.
    """

    squared: float
    poisson: float
    swapped: float
    mass: float = 0.0


@dataclass(frozen=True)
class Reference:
    """What scores on one pair of halves are measured by: the losses of no denoising and of the test half itself, and
    `scale`, which takes the mass of what is scored to that of the test half.
    """

    train: Counts
    test: Counts
    scale: float
    nothing: Losses
    perfect: Losses


@dataclass(frozen=True)
class Scores:
    """Normalised: 0 is no denoising and 1 the test half; `mass` is that of the matrix over that of the training half.
    """

    squared: float
    poisson: float
    swapped: float
    mass: float
    beyond: bool = False
    """Whether the published Poisson loss is less than that of the test half itself, which no honest prediction has."""

    @property
    def published(self) -> float:
        return (self.squared + self.swapped) / 2

    @property
    def guarded(self) -> float:
        """Only of a matrix that was rescaled row by row (`score_guarded`). What is worse than no denoising by one loss
        counts against what is better by the other: zeros and single genes are far worse by the Poisson loss, and near
        zeros good by squared errors of sparse data.
        """
        return (min(1.0, max(-1.0, self.squared)) + min(1.0, max(-1.0, self.poisson))) / 2


def dense_rows(matrix: Any) -> Rows:
    """Blocks of a matrix that is there, dense or sparse."""

    def rows(block: slice) -> Array:
        part = matrix[block]
        return np.asarray(part.toarray() if hasattr(part, "toarray") else part, dtype=np.float64)

    return rows


def reference(train: Counts, test: Counts) -> Reference:
    """Raises BadInput where a half has no molecule, or predicts the other perfectly: nothing lies between."""
    if not test.sum() or not train.sum():
        raise BadInput("a half has no molecule, so that nothing can be predicted; give more cells or deeper counts")
    scale = float(test.sum()) / float(train.sum())
    nothing, perfect = losses(test, dense_rows(train), scale), _perfect(test, scale)
    if any(abs(getattr(nothing, name) - getattr(perfect, name)) < LEAST for name in ("squared", "poisson", "swapped")):
        raise BadInput("the training half predicts the test half perfectly, which no counts do; give raw counts")
    return Reference(train, test, scale, nothing, perfect)


def score_published(train: Counts, test: Counts, denoised: Rows, known: Reference | None = None) -> Scores:
    """By the published rule, which knows no refusal. `known` is the reference of these halves, where it is at hand."""
    return _normalised(known or reference(train, test), denoised)


def score_guarded(train: Counts, test: Counts, denoised: Rows, known: Reference | None = None) -> Scores:
    """By the guarded rule; raises Unsound for a matrix that it refuses."""
    return _normalised(known or reference(train, test), _rescaled(train, denoised))


def losses(test: Counts, denoised: Rows, scale: float) -> Losses:
    """`scale` takes the mass of what is scored to that of the test half. Where the test half is 0, which is nearly
    everywhere, every loss is a sum over what is scored alone.
    """
    squared = poisson = swapped = mass = 0.0
    for block in blocks(test.shape):
        wanted, got = sparse.coo_matrix(test[block]), denoised(block)
        values = wanted.data.astype(np.float64)
        places, totals = (wanted.row, wanted.col), np.asarray(wanted.sum(axis=1), dtype=np.float64).ravel()
        logs, known = log_rescaled(got), np.log1p(TARGET * values / totals[wanted.row])
        squared += float(np.vdot(logs, logs) + known @ known - 2.0 * (known @ logs[places]))
        means, whole = got[places] * scale, float(got.sum())
        poisson += whole * scale - float(values @ np.log(means + EPSILON))
        elsewhere = whole * scale - float(means.sum())
        swapped += float(values.sum() - means @ np.log(values + EPSILON)) - elsewhere * math.log(EPSILON)
        mass += whole
    size = test.shape[0] * test.shape[1]
    return Losses(squared / size, poisson / size, swapped / size, mass)


def _perfect(test: Counts, scale: float) -> Losses:
    """Of the test half as its own prediction; where it is 0 all three losses are. The published rule rescales it like
    any other matrix, which takes it away from its own mass.
    """
    values = test.data.astype(np.float64)
    weighed, size = values * np.log(values + EPSILON), test.shape[0] * test.shape[1]
    return Losses(0.0, float((values - weighed).sum()) / size, float((values - scale * weighed).sum()) / size)


def log_rescaled(rows: Array) -> Array:
    """log1p of each row rescaled to TARGET; a row of zeros stays one."""
    totals = rows.sum(axis=1, keepdims=True)
    return np.asarray(np.log1p(np.divide(TARGET * rows, totals, out=np.zeros_like(rows), where=totals > 0)))


def _normalised(known: Reference, denoised: Rows) -> Scores:
    found = losses(known.test, denoised, known.scale)

    def between(name: str) -> float:
        least, most = getattr(known.perfect, name), getattr(known.nothing, name)
        return float((most - getattr(found, name)) / (most - least))

    mass, beyond = found.mass / float(known.train.sum()), found.swapped < known.perfect.swapped
    return Scores(between("squared"), between("poisson"), between("swapped"), mass, beyond)


def _rescaled(train: Counts, denoised: Rows) -> Rows:
    totals = np.asarray(train.sum(axis=1), dtype=np.float64).ravel()

    def rows(block: slice) -> Array:
        given = denoised(block)
        _require_sound(given, block.start, (len(totals[block]), train.shape[1]))
        return given * (totals[block] / given.sum(axis=1))[:, None]

    return rows


def _require_sound(rows: Array, first: int, shape: tuple[int, int]) -> None:
    if rows.shape != shape:
        raise Unsound(f"cells {first} to {first + shape[0] - 1}: the matrix has {rows.shape}, but {shape} are wanted")
    for words, wrong in (("is not finite", ~np.isfinite(rows)), ("is negative", rows < 0)):
        if wrong.any():
            cell, gene = (int(place[0]) for place in np.nonzero(wrong))
            raise Unsound(f"cell {first + cell}, gene {gene}: {rows[cell, gene]} {words}")
    empty = np.flatnonzero(rows.sum(axis=1) <= 0)
    if empty.size:
        raise Unsound(f"cell {first + int(empty[0])}: every gene is 0, which predicts no molecule at all")
