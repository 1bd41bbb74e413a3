"""Counts to be denoised: files of users, and a sample that is made here.

`.h5ad` is read by anndata, `.h5` with a dataset `X` by h5py, `.npz` by scipy (a sparse matrix) and `.csv` by pandas
(cells x genes, names in the first row and column). A file is known by its SHA-256.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from kernelevo.backends.pipelines import require_file
from kernelevo.backends.scrna.thinning import Counts, without_empty
from kernelevo.errors import BadInput, NotInstalled

SAMPLE = "sample"
SECOND_SAMPLE = 8
"""Its seed."""
LARGEST = 4 << 30
"""Bytes of a file that is read into memory."""
LEAST_CELLS, LEAST_GENES = 120, 100


@dataclass(frozen=True)
class Dataset:
    """`counts` int64[cells, genes] (CSR), none of them empty; `key` tells this content from any other."""

    name: str
    counts: Counts
    key: str


def open_dataset(path: Path | None) -> Dataset:
    """The file's counts, or the sample; raises BadInput for what is no matrix of counts, and NotInstalled where the
    reader is missing.
    """
    if path is None:
        return sample()
    require_file(path, _READERS, LARGEST, "an .h5ad, .h5, .npz or .csv of counts, cells x genes")
    try:
        matrix = _READERS[path.suffix](path)
    except ImportError as error:
        raise NotInstalled(f"reading {path.suffix} needs {error.name}: pip install 'kernelevo[scrna]'") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"--data {path} cannot be read ({type(error).__name__}: {said})") from error
    return Dataset(path.stem, checked(matrix, str(path)), hashlib.sha256(path.read_bytes()).hexdigest())


def second_dataset(first: Path | None, path: Path | None) -> Dataset | None:
    """Counts of another tissue, which the audit judges by, too: the file's; beside our sample another sample of other
    kinds; else none.
    """
    if path is not None:
        return open_dataset(path)
    return sample(seed=SECOND_SAMPLE) if first is None else None


def checked(matrix: Any, name: str) -> Counts:
    """CSR of whole numbers without empty cells and genes; raises BadInput saying what is wrong with the matrix."""
    counts = sparse.csr_matrix(matrix)
    values = counts.data
    if not np.issubdtype(values.dtype, np.number) or not np.isfinite(values.astype(np.float64)).all():
        raise BadInput(f"{name} holds values that are not finite; give raw counts")
    if (values < 0).any():
        raise BadInput(f"{name} holds negative values; give raw counts, before any scaling")
    if (broken := values[values != np.rint(values)]).size:
        raise BadInput(f"{name} holds fractions such as {broken[0]:g}; give raw counts, not logs")
    kept = without_empty(counts.astype(np.int64))
    if kept.shape[0] < LEAST_CELLS or kept.shape[1] < LEAST_GENES:
        raise BadInput(
            f"{name} has {kept.shape[0]} cells and {kept.shape[1]} genes with molecules; "
            f"at least {LEAST_CELLS} and {LEAST_GENES} are needed"
        )
    return kept


def sample(cells: int = 480, genes: int = 1200, seed: int = 7) -> Dataset:
    """Counts of cells of five kinds, Poisson about gamma-distributed means: made here, of nobody. Kinds share most of
    their genes' levels, and differ by a few times in a tenth of them.
    """
    source = np.random.default_rng(seed)
    level = np.exp(source.normal(-1.5, 1.6, genes))
    kinds = np.exp(source.normal(0.0, 1.1, (5, genes)) * (source.random((5, genes)) < 0.1))
    depth = np.exp(source.normal(0.0, 0.35, cells))
    mean = depth[:, None] * level * kinds[source.integers(0, 5, cells)]
    varied = mean * source.gamma(8.0, 1 / 8.0, mean.shape)
    counts = sparse.csr_matrix(source.poisson(varied).astype(np.int64))
    key = hashlib.sha256(counts.toarray().tobytes()).hexdigest()
    return Dataset(SAMPLE, without_empty(counts), key)


def _h5ad(path: Path) -> Any:
    import anndata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice, which is said below
        read = anndata.read_h5ad(path)
    for names, what in ((read.obs_names, "cells"), (read.var_names, "genes")):
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise ValueError(f"two {what} are called {twice!r}; make the names unique")
    return read.layers.get("counts", read.X)


def _h5(path: Path) -> Any:
    import h5py

    with h5py.File(path) as file:
        return sparse.csr_matrix(np.asarray(file["X"]))


def _csv(path: Path) -> Any:
    import pandas

    return pandas.read_csv(path, index_col=0).to_numpy(dtype=np.float64)


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".h5ad": _h5ad, ".h5": _h5, ".npz": sparse.load_npz, ".csv": _csv,
}  # fmt: skip
