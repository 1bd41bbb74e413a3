"""What a denoised matrix is worth for what people denoise for, judged on a half that is independent of what was seen.

The molecules of the audit are dealt half to half, which is another depth than the reward's, and the independent half is
as deep as it can be. The loss is 1 for the training half itself, and less is better:

    1 - held out         normalised Poisson likelihood of the independent half (of the second tissue, too: the mean)
    + clusters lost      adjusted Rand index with clusters of the independent half, as far as it is below the training
                         half's own (Hubert and Arabie, Journal of Classification 2, 1985)
    + markers lost       how the correlations among marker genes agree with those of the independent half, as far as
                         that is below the training half's own
    + invented           share of mass where the independent half has no molecule, as far as it is above the training
                         half's own

Halves of Poisson counts are independent: the mean count of the training half at places where the other half is empty is
that of the truth there, so that what the training half has is what an honest prediction has. The last three only cost:
nothing is to be gained by sharper clusters than there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.feature_selection import f_classif
from sklearn.metrics import adjusted_rand_score

from kernelevo.backends.scrna.components import components
from kernelevo.backends.scrna.scoring import Array, Reference, dense_rows, log_rescaled, score_guarded
from kernelevo.backends.scrna.thinning import Counts

AUDITED_SHARE = 0.5
"""Molecules for training where the audit judges."""
CLUSTERS = 6
PLACES = 10
"""Principal components in which cells are clustered."""
MARKERS = 40
STARTS = 4
"""Of k-means."""


@dataclass(frozen=True)
class Kept:
    """What a matrix keeps of the independent half: agreement of clusters and of correlations among markers (1 is best),
    and the share of mass where there is none.
    """

    clusters: float
    markers: float
    elsewhere: float


@dataclass(frozen=True)
class Audited:
    """`held_out` and `second` (None: there is no second tissue) are normalised Poisson scores within -1 and 1."""

    held_out: float
    second: float | None
    kept: Kept
    raw: Kept

    @property
    def clusters_lost(self) -> float:
        return max(0.0, self.raw.clusters - self.kept.clusters)

    @property
    def markers_lost(self) -> float:
        return max(0.0, self.raw.markers - self.kept.markers)

    @property
    def invented(self) -> float:
        return max(0.0, self.kept.elsewhere - self.raw.elsewhere)

    @property
    def loss(self) -> float:
        predicted = self.held_out if self.second is None else (self.held_out + self.second) / 2
        return 1.0 - predicted + self.clusters_lost + self.markers_lost + self.invented

    @property
    def figures(self) -> Mapping[str, float]:
        second = {} if self.second is None else {"second_tissue": self.second}
        kept = {"clusters": self.kept.clusters, "clusters_lost": self.clusters_lost, "markers": self.kept.markers}
        return {
            "held_out": self.held_out, **second, **kept, "markers_lost": self.markers_lost, "invented": self.invented,
        }  # fmt: skip


class Structure:
    """Clusters, marker genes and their correlations of an independent half, each made once."""

    def __init__(self, independent: Counts, seed: int) -> None:
        dense = np.asarray(independent.toarray(), dtype=np.float64)
        values = log_rescaled(dense)
        self._seed = seed
        self._empty = dense == 0
        self._labels = clusters(values, seed)
        self._markers = marker_genes(values, self._labels)
        self._correlations = correlations(values[:, self._markers])

    def kept_by(self, made: Array) -> Kept:
        """Of a matrix float64[cells, genes] that did not see this half."""
        values = log_rescaled(made)
        agreement = float(adjusted_rand_score(self._labels, clusters(values, self._seed)))
        found = correlations(values[:, self._markers])
        whole = float(made.sum())
        return Kept(agreement, alike(found, self._correlations), float(made[self._empty].sum()) / whole)


def audit(
    known: Reference, made: Array, structure: Structure, raw: Kept, second: tuple[Reference, Array] | None = None
) -> Audited:
    """Of a matrix float64[cells, genes] that was made of the training half of `known`, whose test half `structure` is
    of; `raw` is what that training half itself keeps. `second` is the same of another tissue. Raises Unsound.
    """
    elsewhere = None if second is None else _predicted(*second)
    return Audited(_predicted(known, made), elsewhere, structure.kept_by(made), raw)


def clusters(values: Array, seed: int) -> Array:
    """int[cells]: by k-means on principal components of log counts; one cluster where all cells are alike."""
    if np.ptp(values, axis=0).max() < 1e-9:
        return np.zeros(len(values), dtype=np.int64)
    places = components(values, PLACES, seed)
    count = min(CLUSTERS, len(values))
    return np.asarray(KMeans(count, n_init=STARTS, random_state=seed).fit(places).labels_)


def marker_genes(values: Array, labels: Array) -> Array:
    """The places of the genes that differ most among clusters, by the F statistic."""
    varied = np.flatnonzero(np.ptp(values, axis=0) > 0)
    if len(np.unique(labels)) < 2:
        return np.asarray(varied[:MARKERS])
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.nan_to_num(f_classif(values[:, varied], labels)[0], posinf=0.0)
    return np.asarray(varied[np.argsort(-statistic, kind="stable")[:MARKERS]])


def correlations(values: Array) -> Array:
    """float[pairs]: Pearson's of every pair of genes over cells; 0 of a gene that does not vary."""
    centred = values - values.mean(axis=0)
    norms = np.sqrt(np.square(centred).sum(axis=0))
    scaled = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-9)
    return np.asarray((scaled.T @ scaled)[np.triu_indices(values.shape[1], 1)])


def alike(one: Array, other: Array) -> float:
    """Pearson's correlation of two lists; 0 where one of them does not vary."""
    first, second = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    return float(first @ second) / norm if norm > 1e-12 else 0.0


def _predicted(known: Reference, made: Array) -> float:
    found = score_guarded(known.train, known.test, dense_rows(made), known).poisson
    return min(1.0, max(-1.0, found))
