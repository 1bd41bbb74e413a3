"""Pipelines on many cells: the same parts as `components.py`, of which no dense matrix is ever held whole.

What a part predicts is kept as what it follows from (factors, weights of neighbours, sparse counts), and rows are made
when they are asked for. Log and root counts are sparse; the two other transforms are sparse beside what they give of 0.
`diffused` is not among them: three steps of a walk reach thousands of cells from each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA

from kernelevo.backends.pipelines import Pipeline
from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.pipeline import OWN, SPACE
from kernelevo.backends.scrna.scoring import TARGET, Array, Rows, dense_rows
from kernelevo.backends.scrna.thinning import Counts

OF_ZERO: Mapping[str, float] = {"log": 0.0, "sqrt": 0.0, "anscombe": 2.0 * 0.375**0.5, "freeman_tukey": 1.0}
"""What a transform gives of no molecule."""
_CURVES: Mapping[str, Callable[[Array], Array]] = {
    "log": np.log1p, "sqrt": np.sqrt, "anscombe": lambda x: 2.0 * np.sqrt(x + 0.375),
    "freeman_tukey": lambda x: np.sqrt(x) + np.sqrt(x + 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Stabilised:
    """Stabilised counts are `values` (CSR, float64[cells, genes]) + `offset`."""

    values: Any
    offset: float


def denoised_rows(counts: Counts, pipeline: Pipeline, seed: int) -> Rows:
    """As `pipeline.denoise`, by rows; raises ValueError for a part that is not made by blocks, and for directions of
    other cells.
    """
    totals = np.asarray(counts.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    used = [(name, weight) for name, weight in pipeline.weights.items() if weight]
    made = [(weight, part_rows(counts, name, pipeline, seed)) for name, weight in used]
    whole, in_logs, power = sum(weight for weight, _ in made), pipeline["blend"] == "log", pipeline["gamma"] / 100.0

    def rows(block: slice) -> Array:
        blended = sum(weight * _blendable(part(block), in_logs) for weight, part in made) / whole
        return _of_mass(np.power(np.expm1(blended) if in_logs else blended, power), totals[block])

    return rows


def part_rows(counts: Counts, name: str, pipeline: Pipeline, seed: int) -> Rows:
    """One part, not yet on a common scale."""
    if name not in _MAKERS:
        raise ValueError(f"the part {name} is not made by blocks; {', '.join(_MAKERS)} are")
    if name in SPACE.used_by["basis"] and pipeline["basis"] != OWN:
        raise ValueError(f"basis = {pipeline['basis']} is not made by blocks; basis = {OWN} is")
    return _MAKERS[name](counts, pipeline, seed)


def stabilised(counts: Counts, transform: str) -> Stabilised:
    """As `components.stabilised`."""
    made = sparse.csr_matrix(counts, dtype=np.float64, copy=True)
    if transform in ("log", "sqrt"):
        per_cell = TARGET / np.maximum(np.asarray(made.sum(axis=1)).ravel(), 1e-300)
        made.data *= np.repeat(per_cell, np.diff(made.indptr))
    made.data = _CURVES[transform](made.data) - OF_ZERO[transform]
    return Stabilised(made, OF_ZERO[transform])


def low_rank(values: Any, rank: int, seed: int) -> Rows:
    """As `components.low_rank`, of a sparse matrix: exact (ARPACK), and centred without being made dense."""
    wanted = max(1, min(rank, min(values.shape) - 1))
    fitted = PCA(n_components=wanted, svd_solver="arpack", random_state=seed)
    places = fitted.fit_transform(values)
    axes, mean = fitted.components_, fitted.mean_
    return lambda block: np.asarray(places[block] @ axes + mean)


def _low_rank(counts: Counts, pipeline: Pipeline, seed: int) -> Rows:
    held = stabilised(counts, pipeline["transform"])
    return _restored(low_rank(held.values, pipeline["rank"], seed), held.offset, pipeline["transform"])


def _neighbours(counts: Counts, pipeline: Pipeline, seed: int) -> Rows:
    held = stabilised(counts, pipeline["transform"])
    logs = stabilised(counts, "log").values
    wanted = max(1, min(parts.COMPONENTS_OF_NEIGHBOURS, min(logs.shape) - 1))
    places = PCA(n_components=wanted, svd_solver="arpack", random_state=seed).fit_transform(logs)
    weights = parts.nearest(places, pipeline["neighbours"])
    return _restored(lambda block: (weights[block] @ held.values).toarray(), held.offset, pipeline["transform"])


def _like_test(counts: Counts, pipeline: Pipeline, seed: int) -> Rows:
    """A thinning is empty where its counts are: the mean of all is as sparse as they are."""
    source = np.random.default_rng(seed)
    mean: Any = sparse.csr_matrix(counts.shape, dtype=np.float64)
    for _ in range(parts.THINNINGS):
        thinned = counts.copy()
        thinned.data = source.binomial(counts.data, parts.LIKE_TEST)
        thinned.eliminate_zeros()
        mean = mean + stabilised(thinned, "log").values / parts.THINNINGS
    return _restored(low_rank(mean, pipeline["rank"], seed), 0.0, "log")


def _restored(rows: Rows, offset: float, transform: str) -> Rows:
    return lambda block: parts.restored(rows(block) + offset, transform)


def _blendable(rows: Array, in_logs: bool) -> Array:
    scaled = _of_mass(rows, np.full((len(rows), 1), TARGET))
    return np.log1p(scaled) if in_logs else scaled


def _of_mass(rows: Array, wanted: Array) -> Array:
    """Rescaled to this mass of each row; a row of zeros predicts every gene alike."""
    clipped = np.clip(rows, 0.0, None)
    clipped[clipped.sum(axis=1) <= 0] = 1.0
    return np.asarray(clipped * (wanted / clipped.sum(axis=1, keepdims=True)))


_MAKERS: Mapping[str, Callable[[Counts, Pipeline, int], Rows]] = {
    "raw": lambda counts, pipeline, seed: dense_rows(counts),
    "low_rank": _low_rank, "neighbours": _neighbours, "like_test": _like_test,
}  # fmt: skip
