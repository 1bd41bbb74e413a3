"""Files of counts, read by well-kept readers into sparse matrices, cells x genes.

    .h5ad                  anndata's: the layer `counts`, else X (anndata)
    .h5                    10x Genomics' (`matrix`, or one genome's group), or a dataset `X` of cells x genes (h5py)
    .npz                   a sparse matrix of scipy
    .csv, .csv.gz          cells x genes, names in the first row and column (pandas)
    a folder               10x Genomics': matrix.mtx, barcodes.tsv, features.tsv or genes.tsv, each also .gz (scipy)

What is dense in a file is read by rows: at no time is there a dense matrix of all of it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from kernelevo.counting import counted
from kernelevo.errors import BadInput, KernelevoError, NotInstalled

LARGEST = 4 << 30
"""Bytes of a file."""
MOST_VALUES = 400_000_000
"""Counts above 0: with their places they take twelve to sixteen bytes each."""
LONGEST = 1 << 28
"""Characters of all names."""
ROWS = 512
"""Of a dense matrix, at a time."""
EXPRESSION = "Gene Expression"
"""The kind of feature that is counted, where a file of 10x Genomics has several."""
Names = Sequence[str] | None


@dataclass(frozen=True)
class Read:
    """A sparse matrix of whatever values the file holds, and names, where it has any."""

    matrix: Any
    cells: Names = None
    genes: Names = None


class TooMany(Exception):
    """More values than are read into memory; the words say how many."""


def read_counts(path: Path, given: str) -> Read:
    """`given` says how the user named the file, as in "--data". Raises BadInput for what is no file of these kinds, is
    too large, cannot be read or has a name twice, and NotInstalled where the reader is missing.
    """
    reader = _reader(path, given)
    try:
        read = reader(path)
        read.matrix.check_format()  # places outside the matrix would be written to
    except ImportError as error:
        raise NotInstalled(f"reading {path.suffix} needs {error.name}: pip install 'kernelevo[scrna]'") from error
    except KernelevoError:
        raise
    except TooMany as found:
        raise BadInput(f"{given} {path} {found}; give fewer cells") from found
    except Exception as error:  # of a library: each raises something else of a broken file
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"{given} {path} cannot be read ({type(error).__name__}: {said})") from error
    for names, what in ((read.cells, "cells"), (read.genes, "genes")):
        _require_names(names, what, f"{given} {path}")
    return read


def content_key(path: Path) -> str:
    """SHA-256 of the file; of a folder, that of the digests of its parts."""
    if path.is_dir():
        digests = [content_key(part) for part in _parts(path).values()]
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reader(path: Path, given: str) -> Callable[[Path], Read]:
    forms = f"{', '.join(_READERS)} or a folder with matrix.mtx"
    if path.is_dir():
        size = sum(part.stat().st_size for part in _parts(path, given).values())
        reader: Callable[[Path], Read] | None = _folder
    elif path.is_file():
        size = path.stat().st_size
        reader = next((each for ending, each in _READERS.items() if path.name.endswith(ending)), None)
    else:
        raise BadInput(f"{given} {path} is no file; give counts, cells x genes, as {forms}")
    if reader is None:
        unpack = "; unpack it first (gunzip)" if path.suffix == ".gz" else ""
        raise BadInput(f"{given} {path}: files end in {forms}{unpack or '; convert it to one of these'}")
    if size > LARGEST:
        raise BadInput(f"{given} {path} has {size:,} bytes, and may have {LARGEST:,}; give fewer cells")
    return reader


def _require_names(names: Names, what: str, where: str) -> None:
    if names is None:
        return
    unique, often = np.unique(np.asarray(names, dtype=str), return_counts=True)
    if (often > 1).any():
        twice = str(unique[often > 1][0])
        raise BadInput(f"{where}: two {what} are called {twice!r}; make the names unique")


def _require_few(values: int) -> None:
    if values > MOST_VALUES:
        raise TooMany(f"holds {values:,} values, and at most {MOST_VALUES:,} are read into memory")


def _by_rows(dataset: Any) -> Any:
    """CSR of a dense dataset of h5py, read by rows."""
    if len(dataset.shape) != 2:
        raise ValueError(f"it is a table of {counted(len(dataset.shape), 'dimension')}, and two are wanted")
    starts = range(0, dataset.shape[0], ROWS)
    return _stacked(sparse.csr_matrix(np.asarray(dataset[start : start + ROWS])) for start in starts)


def _stacked(blocks: Iterator[Any]) -> Any:
    kept: list[Any] = []
    for block in blocks:
        kept.append(block)
        _require_few(sum(each.nnz for each in kept))
    if not kept:
        raise ValueError("it has no rows")
    return sparse.vstack(kept, format="csr")


def _rowwise(matrix: Any) -> Any:
    if hasattr(matrix, "check_format"):
        matrix.check_format()
    return sparse.csr_matrix(matrix)


def _h5ad(path: Path) -> Read:
    """By element, so that nothing but counts and names is read."""
    import h5py
    from anndata.io import read_elem

    with h5py.File(path) as file:
        held = file["layers/counts"] if "layers/counts" in file else file["X"]
        if isinstance(held, h5py.Group):
            _require_few(held["data"].shape[0])
            matrix = _rowwise(read_elem(held))
        else:
            matrix = _by_rows(held)
        cells, genes = (read_elem(file[name]).index for name in ("obs", "var"))
    return Read(matrix, [str(name) for name in cells], [str(name) for name in genes])


def _h5(path: Path) -> Read:
    import h5py

    with h5py.File(path) as file:
        if isinstance(file.get("X"), h5py.Dataset):
            return Read(_by_rows(file["X"]))
        groups = [group for group in file.values() if isinstance(group, h5py.Group) and "indptr" in group]
        if len(groups) != 1:
            raise ValueError("it has neither a dataset X nor one group with a matrix of 10x Genomics")
        return _tenx(groups[0])


def _tenx(group: Any) -> Read:
    """Genes x cells by columns (Cell Ranger), which is cells x genes by rows. Genes are known by their ids, for names
    come twice.
    """
    _require_few(group["data"].shape[0])
    genes, cells = (int(side) for side in group["shape"][:])
    parts = (group[name][:] for name in ("data", "indices", "indptr"))
    matrix = sparse.csr_matrix(tuple(parts), shape=(cells, genes))
    matrix.check_format()
    features = group.get("features", group)
    ids = _words(features["id"] if "id" in features else features["genes"])
    kinds = _words(features["feature_type"]) if "feature_type" in features else None
    return _of_expression(matrix, _words(group["barcodes"]), ids, kinds)


def _words(dataset: Any) -> list[str]:
    return [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in dataset[:]]


def _of_expression(matrix: Any, cells: list[str], ids: list[str], kinds: list[str] | None) -> Read:
    """Without antibodies and the like, where a file says what its features are."""
    if (len(cells), len(ids)) != matrix.shape:
        raise ValueError(f"it names {len(cells)} cells and {len(ids)} genes, but its matrix has {matrix.shape}")
    if kinds is None or EXPRESSION not in kinds:
        return Read(matrix, cells, ids)
    kept = [place for place, kind in enumerate(kinds) if kind == EXPRESSION]
    return Read(matrix[:, kept], cells, [ids[place] for place in kept])


def _npz(path: Path) -> Read:
    with zipfile.ZipFile(path) as archive:
        _require_few(max((part.file_size // 8 for part in archive.infolist()), default=0))
    return Read(_rowwise(sparse.load_npz(path)))


def _csv(path: Path) -> Read:
    import pandas

    genes = next(csv.reader([_text(path, line_only=True)]), [])[1:]
    cells: list[str] = []

    def blocks() -> Iterator[Any]:
        with pandas.read_csv(path, index_col=0, chunksize=ROWS, header=0, encoding="utf-8-sig") as parts:
            for part in parts:
                cells.extend(str(name) for name in part.index)
                yield sparse.csr_matrix(part.to_numpy(dtype=np.float64))

    matrix = _stacked(blocks())
    if matrix.shape[1] != len(genes):
        raise ValueError(f"its first row names {len(genes)} genes, and the others have {matrix.shape[1]} values")
    return Read(matrix, cells, genes)


def _folder(path: Path) -> Read:
    from scipy.io import mminfo, mmread

    parts = _parts(path)
    _require_few(int(mminfo(parts["matrix"])[2]))
    matrix = sparse.csr_matrix(mmread(parts["matrix"]).T)
    rows = [line.split("\t") for line in _text(parts["features"]).splitlines()]
    kinds = [row[2] for row in rows] if rows and all(len(row) > 2 for row in rows) else None
    return _of_expression(matrix, _text(parts["barcodes"]).splitlines(), [row[0] for row in rows], kinds)


def _parts(folder: Path, given: str = "--data") -> dict[str, Path]:
    """The three files of a folder of 10x Genomics; raises BadInput naming the one that is missing."""
    wanted = {"matrix": ("matrix.mtx",), "barcodes": ("barcodes.tsv",), "features": ("features.tsv", "genes.tsv")}
    found = {}
    for part, names in wanted.items():
        places = [folder / f"{name}{packed}" for name in names for packed in ("", ".gz")]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise BadInput(f"{given} {folder}: there is no {' or '.join(names)} (or .gz) in this folder")
        found[part] = there
    return found


def _text(path: Path, line_only: bool = False) -> str:
    """Of a text file, packed or not; its first line alone, if asked for."""
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        found: str = file.readline(LONGEST) if line_only else file.read(LONGEST)
    if len(found) >= LONGEST:
        raise ValueError(f"names are longer than {LONGEST:,} characters")
    return found


_READERS: Mapping[str, Callable[[Path], Read]] = {
    ".h5ad": _h5ad, ".h5": _h5, ".npz": _npz, ".csv": _csv, ".csv.gz": _csv,
}  # fmt: skip
