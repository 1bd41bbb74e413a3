"""Molecular cross-validation: the molecules of each cell are dealt to a training and a test half at random, so that
what was measured once can be predicted and checked.

Of Poisson counts the halves are independent (Batson, Royer and Webber, "Molecular cross-validation for single-cell
RNA-seq", 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

TRAIN_SHARE = 0.9
LEAST_MOLECULES = 2
BLOCK, PLACES = 512, 1 << 20
"""At most so many cells at a time, and so many places of a dense matrix: what is summed stays in the cache, and a block
is small beside the whole.
"""
Counts = Any
"""A scipy.sparse.csr_matrix of whole numbers, cells x genes."""


@dataclass(frozen=True)
class Halves:
    """`train` and `test` (CSR, whole numbers of the counts' own kind) add up to the counts; every gene has a molecule
    in `train`. `genes` are the places of these genes among those that were given.
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


def blocks(shape: tuple[int, int]) -> Iterator[slice]:
    """Of rows, together all of a matrix of this shape."""
    cells, genes = shape
    rows = max(1, min(BLOCK, PLACES // max(1, genes)))
    return (slice(start, min(start + rows, cells)) for start in range(0, cells, rows))


def split_molecules(counts: Counts, share: float = TRAIN_SHARE, seed: int = 0) -> Halves:
    """As OpenProblems splits (task denoising, v1.0.0): binomial draws of `share` for training, the rest for the test,
    then genes without a training molecule are left out. The draws are those of numpy's RandomState(seed) over a dense
    matrix, row after row, made in blocks of cells.
    """
    source = np.random.RandomState(seed)
    kind = counts.dtype if np.issubdtype(counts.dtype, np.integer) else np.dtype(np.int64)
    drawn = [
        sparse.csr_matrix(source.binomial(counts[block].toarray().astype(np.int64), share).astype(kind))
        for block in blocks(counts.shape)
    ]
    train = sparse.vstack(drawn, format="csr")
    del drawn
    test = sparse.csr_matrix(counts.astype(kind, copy=False) - train)
    test.eliminate_zeros()
    kept = np.flatnonzero(np.asarray(train.sum(axis=0)).ravel() > 0)
    if len(kept) == train.shape[1]:
        return Halves(train, test, kept)
    return Halves(train[:, kept], test[:, kept], kept)
