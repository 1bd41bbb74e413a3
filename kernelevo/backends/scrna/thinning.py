"""Molecular cross-validation: the molecules of each cell are dealt to a training and a test half at random, so that
what was measured once can be predicted and checked.

Of Poisson counts the halves are independent (Batson, Royer and Webber, "Molecular cross-validation for single-cell
RNA-seq", 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

TRAIN_SHARE = 0.9
LEAST_MOLECULES = 2
BLOCK = 512
"""Cells at a time."""
Counts = Any
"""A scipy.sparse.csr_matrix of whole numbers, cells x genes."""


@dataclass(frozen=True)
class Halves:
    """`train` and `test` int64[cells, genes] (CSR) add up to the counts; every gene has a molecule in `train`. `genes`
    are the places of these genes among those that were given.
    """

    train: Counts
    test: Counts
    genes: np.ndarray


def without_empty(counts: Counts) -> Counts:
    """Without genes that no cell has a molecule of, and cells with fewer than LEAST_MOLECULES (as OpenProblems)."""
    genes = np.asarray((counts > 0).sum(axis=0)).ravel() > 0
    return without_empty_cells(counts)[:, genes]


def without_empty_cells(counts: Counts) -> Counts:
    return counts[np.asarray(counts.sum(axis=1)).ravel() >= LEAST_MOLECULES]


def split_molecules(counts: Counts, share: float = TRAIN_SHARE, seed: int = 0) -> Halves:
    """As OpenProblems splits (task denoising, v1.0.0): binomial draws of `share` for training, the rest for the test,
    then genes without a training molecule are left out. The draws are those of numpy's RandomState(seed) over a dense
    matrix, row after row, made in blocks of cells.
    """
    source = np.random.RandomState(seed)
    blocks = (slice(start, start + BLOCK) for start in range(0, counts.shape[0], BLOCK))
    drawn = [sparse.csr_matrix(source.binomial(counts[block].toarray().astype(np.int64), share)) for block in blocks]
    train = sparse.vstack(drawn, format="csr")
    test = sparse.csr_matrix(counts.astype(np.int64) - train)
    test.eliminate_zeros()
    kept = np.flatnonzero(np.asarray(train.sum(axis=0)).ravel() > 0)
    return Halves(train[:, kept], test[:, kept], kept)
