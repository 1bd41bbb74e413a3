"""What a pipeline is rewarded by: `--metric`.

    guarded                     the guarded score (default)
    openproblems                the published mean exactly, for comparison with others' figures
    openproblems-constrained    the published squared error alone, of what keeps TTT-Discover's constraints on the
                                published Poisson loss; anything else is WRONG

The published rules leave the mass of a matrix free, and pay for little of it. So there a pipeline has one more setting,
`mass`: by how many thousandths its rows are scaled. (The guarded score rescales rows, and knows no such setting.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from kernelevo.backends.pipelines import Scored, Space, Unsound
from kernelevo.backends.scrna.pipeline import SPACE
from kernelevo.backends.scrna.scoring import Array, Reference, Scores, dense_rows, score_guarded, score_published

GUARDED, PUBLISHED, CONSTRAINED = "guarded", "openproblems", "openproblems-constrained"
METRICS = (GUARDED, PUBLISHED, CONSTRAINED)
LEAST_POISSON = 0.97
"""Normalised, of the published Poisson loss (TTT-Discover, verifier of its denoising task)."""
WHOLE_MASS = 1000
_MASSES = (1000, 300, 100, 30, 10, 3, 1)
REFUSED = -1.0
"""What the guarded score of a matrix is told as that it refuses."""


def _with_mass(masses: tuple[int, ...]) -> Space:
    return dataclasses.replace(SPACE, choices={**SPACE.choices, "mass": masses})


SPACES: Mapping[str, Space] = {
    GUARDED: SPACE, PUBLISHED: _with_mass(_MASSES), CONSTRAINED: _with_mass(_MASSES[::-1]),
}  # fmt: skip
"""Of pipelines by metric. Under the constraints the start has the least mass: most of what is one decision away from it
keeps them, and nothing that is one away from a whole mass does.
"""


def scored_by(metric: str, known: Reference, made: Array, is_start: bool = False) -> Scored:
    """The loss by this metric, with figures by either rule; raises Unsound for what the metric refuses. `made` is
    float[cells, genes]. No denoising, with which every task starts, is what scores are measured from: no constraint
    holds for it, for there are groups of genes where even the least of its mass breaks one.
    """
    rows = dense_rows(made)
    if metric != GUARDED:
        _require_numbers(made)
    published = score_published(known.train, known.test, rows, known)
    guarded = _guarded(metric, known, made)
    figures = {
        "squared": published.squared, "poisson": REFUSED if guarded is None else guarded.poisson,
        "guarded": REFUSED if guarded is None else guarded.guarded, "published": published.published,
        "mass": published.mass,
    }  # fmt: skip
    if metric == GUARDED:
        return Scored(1.0 - figures["guarded"], figures)
    if metric == PUBLISHED:
        return Scored(max(0.0, 1.0 - published.published), figures)
    if not is_start:
        require_constraints(published, float(made.max()), float(known.train.sum()))
    return Scored(1.0 - min(1.0, max(0.0, published.squared)), figures)


def require_constraints(published: Scores, largest: float, molecules: float) -> None:
    """Raises Unsound for a matrix that TTT-Discover's verifier refuses: by its published Poisson loss, or because one
    value of it is more than all `molecules` of the training half.
    """
    if largest > molecules:
        raise Unsound(f"its largest value {largest:g} is more than the training half has molecules ({molecules:g})")
    if published.swapped < LEAST_POISSON:
        raise Unsound(
            f"its published Poisson score is {published.swapped:.4f}, and has to be {LEAST_POISSON:g} at least"
        )
    if published.beyond:
        raise Unsound(
            f"its published Poisson loss is less than that of the test half itself (score {published.swapped:.4f}), "
            "which no prediction can honestly reach"
        )


def _guarded(metric: str, known: Reference, made: Array) -> Scores | None:
    """None where another metric is asked for, and the guarded one refuses."""
    try:
        return score_guarded(known.train, known.test, dense_rows(made), known)
    except Unsound:
        if metric == GUARDED:
            raise
        return None


def _require_numbers(made: Array) -> None:
    for words, wrong in (("not finite", ~np.isfinite(made)), ("negative", made < 0)):
        if wrong.any():
            cell, gene = (int(place[0]) for place in np.nonzero(wrong))
            raise Unsound(f"cell {cell}, gene {gene}: {made[cell, gene]} is {words}")
