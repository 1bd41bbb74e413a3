"""What a denoising pipeline is made of: pure functions of a training half, each giving float64[cells, genes].

Every one is label-free and deterministic by its seed. Sources of the formulas stand with them. `keep` keeps what does
not hang on a pipeline's settings for others on the same counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import randomized_svd

from kernelevo.backends.keeping import Keep, anew
from kernelevo.backends.scrna.scoring import TARGET, log_rescaled
from kernelevo.backends.scrna.thinning import Counts

Array = np.ndarray
TRANSFORMS = ("log", "sqrt", "anscombe", "freeman_tukey")
COMPONENTS_OF_NEIGHBOURS = 50
"""Principal components in which cells are compared."""
THINNINGS = 10
LIKE_TEST = 1 / 9
"""The depth of the test half over that of the training half, where the shares are 0.1 and 0.9."""


def stabilised(counts: Counts, transform: str) -> Array:
    """Counts on a scale where noise is more even: `log` log1p of rows rescaled to TARGET, `sqrt` their square root,
    `anscombe` 2 sqrt(x + 3/8) of the counts themselves, `freeman_tukey` sqrt(x) + sqrt(x + 1).
    """
    dense = np.asarray(counts.toarray(), dtype=np.float64)
    if transform == "log":
        return log_rescaled(dense)
    if transform == "anscombe":
        return np.asarray(2.0 * np.sqrt(dense + 0.375))
    if transform == "freeman_tukey":
        return np.asarray(np.sqrt(dense) + np.sqrt(dense + 1.0))
    totals = dense.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.divide(TARGET * dense, totals, out=np.zeros_like(dense), where=totals > 0)))


def restored(values: Array, transform: str) -> Array:
    """The inverse of `stabilised`, up to the scale of each row."""
    if transform == "log":
        return np.asarray(np.expm1(np.clip(values, 0.0, None)))
    if transform == "anscombe":
        return np.asarray(np.clip(np.square(np.clip(values, 0.0, None) / 2.0) - 0.375, 0.0, None))
    if transform == "freeman_tukey":
        bounded = np.clip(values, 1.0, None)
        return np.asarray(np.square((np.square(bounded) - 1.0) / (2.0 * bounded)))
    return np.asarray(np.square(np.clip(values, 0.0, None)))


def low_rank(values: Array, rank: int, seed: int) -> Array:
    """The best approximation of this rank (truncated SVD) of what is left when each gene's mean is taken away."""
    mean = values.mean(axis=0)
    left, weights, right = randomized_svd(values - mean, n_components=min(rank, *values.shape), random_state=seed)
    return np.asarray((left * weights) @ right + mean)


def components(values: Array, count: int, seed: int) -> Array:
    """float[cells, count]: principal components."""
    wanted = max(1, min(count, min(values.shape) - 1))
    return np.asarray(PCA(n_components=wanted, random_state=seed).fit_transform(values))


def neighbour_mean(counts: Counts, values: Array, neighbours: int, seed: int, keep: Keep = anew) -> Array:
    """The mean of a cell's nearest cells' values, its own among them, by principal components of log counts."""
    places = keep(("places",), lambda: components(stabilised(counts, "log"), COMPONENTS_OF_NEIGHBOURS, seed))
    return np.asarray(nearest(places, neighbours) @ values)


def diffused(
    counts: Counts, values: Array, steps: int, seed: int, neighbours: int = 5, keep: Keep = anew
) -> Array:
    """MAGIC (van Dijk and others, Cell 174, 2018): `steps` of a random walk over cells that are near by root-normalised
    counts.
    """
    places = keep(("roots",), lambda: components(stabilised(counts, "sqrt"), 2 * COMPONENTS_OF_NEIGHBOURS, seed))
    walk = walk_over(places, neighbours)
    moved = values
    for _ in range(steps):
        moved = walk @ moved
    return np.asarray(moved)


def walk_over(places: Array, neighbours: int = 5) -> Any:
    """One step of MAGIC's walk, a sparse matrix whose rows sum to 1: over three times as many nearest cells, weighed by
    the alpha-decaying kernel exp(-(distance / that of the neighbour `neighbours`)), decay 1, made symmetric. `places`
    float[cells, components].
    """
    cells = places.shape[0]
    distances, nearest = NearestNeighbors(n_neighbors=min(3 * neighbours + 1, cells)).fit(places).kneighbors(places)
    width = np.maximum(distances[:, min(neighbours, cells - 1)], 1e-12)[:, None]
    kernel = np.exp(-distances / width)
    rows = np.repeat(np.arange(cells), nearest.shape[1])
    weights = sparse.csr_matrix((kernel.ravel(), (rows, nearest.ravel())), shape=(cells, cells))
    weights = (weights + weights.T) * 0.5
    return sparse.diags(1.0 / np.asarray(weights.sum(axis=1)).ravel()) @ weights


def like_test(counts: Counts, seed: int, keep: Keep = anew) -> Array:
    """What log counts of the test half's depth look like on average: the mean of log1p of rescaled counts over binomial
    thinnings of the training half to that depth.
    """
    return np.asarray(keep(("thinned",), lambda: thinned(counts, seed)))


def thinned(counts: Counts, seed: int) -> Array:
    """The mean of log1p of rescaled counts over binomial thinnings to the test half's depth."""
    source = np.random.default_rng(seed)
    whole = np.zeros(counts.shape)
    for _ in range(THINNINGS):
        thinned = counts.copy()
        thinned.data = source.binomial(counts.data, LIKE_TEST)
        whole += log_rescaled(np.asarray(thinned.toarray(), dtype=np.float64))
    return whole / THINNINGS


def nearest(places: Array, neighbours: int) -> Any:
    """A sparse matrix whose rows are means over each cell's nearest cells."""
    count = min(neighbours, places.shape[0])
    graph = NearestNeighbors(n_neighbors=count).fit(places).kneighbors_graph(places, mode="connectivity")
    return graph / count
