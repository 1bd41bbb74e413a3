"""Counts to be denoised: files of users (`files.py` reads them), and a sample that is made here.

A file is known by its SHA-256: one that is registered is called by its name there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from kernelevo.backends.scrna.files import content_key, read_counts
from kernelevo.backends.scrna.registry import BY_CELLS, registered
from kernelevo.backends.scrna.thinning import LEAST_MOLECULES, Counts, without_empty
from kernelevo.counting import counted
from kernelevo.errors import BadInput

SAMPLE = "sample"
SECOND, SOURCE = "KERNELEVO_SCRNA_SECOND", "KERNELEVO_SCRNA_SOURCE"
OTHER_KINDS, SECOND_KINDS = 3, 8
"""Seeds of the kinds of cells of the sample's source, and of its second tissue."""
LEAST_SHARED = 0.5
"""Of the genes, those that a source names."""
LEAST_CELLS, LEAST_GENES = 120, 100
MOST_MOLECULES = 2**31 - 1
"""In one cell, of one gene."""


@dataclass(frozen=True)
class Dataset:
    """`counts` int64[cells, genes] (CSR), none of them empty; `key` tells this content from any other, `said` is what
    is to be known of it before anything else, `genes` are their names, where the file has any, and `file` is its own.
    """

    name: str
    counts: Counts
    key: str
    said: str = ""
    genes: tuple[str, ...] | None = None
    file: str = ""


def open_dataset(path: Path | None, given: str = "--data") -> Dataset:
    """The file's counts, or the sample; raises BadInput for what is no matrix of counts, and NotInstalled where the
    reader is missing. `given` says how the user named the file.
    """
    if path is None:
        return sample()
    read = read_counts(path, given)
    counts = checked(read.matrix, f"{given} {path}")
    key = content_key(path)
    known = registered(key)
    if known is None:
        name, what = _plain_name(path), f"{path.name} is not registered (SHA-256 {key[:16]})"
    else:
        name, what = known.name, f"{known.name} is registered (SHA-256 {key[:16]}): {known.source}; {known.licence}"
    rule = BY_CELLS if known is None else known.split
    genes = None if read.genes is None else _kept_names(read.genes, read.matrix)
    return Dataset(name, counts, key, f"{what}; {_sizes(read.matrix.shape, counts.shape)}; {rule}", genes, path.name)


def second_dataset(first: Path | None, path: Path | None) -> Dataset | None:
    """Counts of another tissue, which the audit judges by, too: the file's; beside our sample one of other kinds of
    cells with the same genes; else none.
    """
    if path is not None:
        return open_dataset(path, SECOND)
    return sample(kinds=SECOND_KINDS) if first is None else None


def source_dataset(first: Path | None, path: Path | None) -> Dataset | None:
    """Counts of other cells that a network's base is trained on: the file's; beside our sample one of other kinds of
    cells with the same genes; else none.
    """
    if path is not None:
        return open_dataset(path, SOURCE)
    return sample(kinds=OTHER_KINDS) if first is None else None


def by_genes(source: Dataset, genes: Sequence[str] | None) -> Counts:
    """int64[cells, genes]: the source's counts of these genes, 0 of those that it does not name. Raises BadInput where
    genes have no names, or the source names too few of them.
    """
    if genes is None or source.genes is None:
        raise BadInput(f"{SOURCE}: genes are matched by their names; give files in which genes have names")
    place = {name: number for number, name in enumerate(source.genes)}
    shared = [number for number, name in enumerate(genes) if name in place]
    if len(shared) < LEAST_SHARED * len(genes):
        raise BadInput(
            f"{SOURCE}: {source.name} names {len(shared):,} of {len(genes):,} genes; give counts of the same genes"
        )
    return placed(source.counts, [place[genes[number]] for number in shared], shared, len(genes))


def placed(counts: Counts, taken: Sequence[int], places: Sequence[int], genes: int) -> Counts:
    """int64[cells, genes]: the columns `taken` at these places, and 0 elsewhere."""
    ones = np.ones(len(places), dtype=np.int64)
    spread = sparse.csr_matrix((ones, (np.arange(len(places)), places)), (len(places), genes))
    return sparse.csr_matrix(counts[:, list(taken)] @ spread)


def apart_from(before: Counts, counts: Counts, name: str, given: str = SOURCE, others: str = "--data") -> Counts:
    """Those cells of `before`, which is called `name` and named by `given`, that are not among `counts`, of `others`,
    too, by the same genes: a network would know cells that it is judged by. Cells are told by their counts of the
    genes that both have molecules of. Raises BadInput where too few are left.
    """
    one, two = (np.asarray(each.sum(axis=0)).ravel() > 0 for each in (before, counts))
    shared = np.flatnonzero(one & two)
    known = set(_rows(counts[:, shared]))
    left = [number for number, row in enumerate(_rows(before[:, shared])) if row not in known]
    if len(left) < min(LEAST_CELLS, before.shape[0]):
        raise BadInput(
            f"{given}: {before.shape[0] - len(left):,} of the {before.shape[0]:,} cells of {name} are cells of "
            f"{others}, too: none is both learned from and judged by; give other cells"
        )
    return before[left]


def _rows(counts: Counts) -> Iterator[bytes]:
    plain = sparse.csr_matrix(counts, dtype=np.int64)
    plain.sort_indices()
    for start, end in itertools.pairwise(plain.indptr):
        yield plain.indices[start:end].astype(np.int64).tobytes() + plain.data[start:end].tobytes()


def _kept_names(names: Sequence[str], matrix: Any) -> tuple[str, ...]:
    """Of the genes that some cell has a molecule of, which are those that `checked` keeps."""
    there = np.asarray((sparse.csr_matrix(matrix) != 0).sum(axis=0)).ravel() > 0
    return tuple(str(name) for name, kept in zip(names, there, strict=True) if kept)


def checked(matrix: Any, name: str) -> Counts:
    """CSR of whole numbers without empty cells and genes; raises BadInput saying what is wrong with the matrix."""
    counts = sparse.csr_matrix(matrix)
    counts.sum_duplicates()
    _require_counts(counts.data, name)
    kept = without_empty(counts.astype(np.int64))
    if kept.shape[0] < LEAST_CELLS or kept.shape[1] < LEAST_GENES:
        raise BadInput(
            f"{name} has {kept.shape[0]} cells and {kept.shape[1]} genes with molecules; "
            f"at least {LEAST_CELLS} and {LEAST_GENES} are needed"
        )
    return kept


def _require_counts(values: np.ndarray, name: str) -> None:
    if values.dtype.kind not in "iufb":
        raise BadInput(f"{name} holds values of the kind {values.dtype}; give raw counts")
    if not np.isfinite(values).all():
        raise BadInput(f"{name} holds values that are not finite; give raw counts")
    if (values < 0).any():
        raise BadInput(f"{name} holds negative values; give raw counts, before any scaling")
    if values.dtype.kind == "f" and (broken := values[values != np.rint(values)]).size:
        raise BadInput(f"{name} holds fractions such as {broken[0]:g}; give raw counts, not logs")
    if values.size and values.max() > MOST_MOLECULES:
        raise BadInput(f"{name} holds {values.max():g}, which is no count of molecules; give raw counts")


def _sizes(given: Sequence[int], kept: Sequence[int]) -> str:
    """`given` and `kept` are cells and genes."""
    words = f"{kept[0]:,} cells x {kept[1]:,} genes"
    cells, genes = (before - after for before, after in zip(given, kept, strict=True))
    few = [f"{counted(cells, 'cell')} with fewer than {LEAST_MOLECULES} molecules"] if cells else []
    none = [f"{counted(genes, 'gene')} of which no cell has any"] if genes else []
    left = " and ".join(few + none)
    return f"{words}, without {left}" if left else words


def _plain_name(path: Path) -> str:
    return path.name.split(".")[0] or path.name


def sample(cells: int = 480, genes: int = 1200, seed: int = 7, kinds: int | None = None) -> Dataset:
    """Counts of cells of five kinds, Poisson about gamma-distributed means: made here, of nobody. Kinds share most of
    their genes' levels, and differ by a few times in a tenth of them. With `kinds` the genes are those of the seed, and
    the kinds and cells are others.
    """
    source = np.random.default_rng(seed)
    level = np.exp(source.normal(-1.5, 1.6, genes))
    if kinds is not None:
        source = np.random.default_rng([seed, kinds])
    of_kinds = np.exp(source.normal(0.0, 1.1, (5, genes)) * (source.random((5, genes)) < 0.1))
    depth = np.exp(source.normal(0.0, 0.35, cells))
    mean = depth[:, None] * level * of_kinds[source.integers(0, 5, cells)]
    varied = mean * source.gamma(8.0, 1 / 8.0, mean.shape)
    counts = sparse.csr_matrix(source.poisson(varied).astype(np.int64))
    key = hashlib.sha256(counts.toarray().tobytes()).hexdigest()
    kept = without_empty(counts)
    seeds = f"seed {seed}" if kinds is None else f"seeds {seed} and {kinds}"
    said = f"a sample that is made here, of nobody ({seeds}); {_sizes(counts.shape, kept.shape)}; {BY_CELLS}"
    return Dataset(SAMPLE, kept, key, said, _kept_names([f"gene {number}" for number in range(genes)], counts))
