"""Every kind of file that counts come in, and what is said of broken ones."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import io, sparse

from kernelevo.backends.scrna import files
from kernelevo.backends.scrna.backend import SHARES, DenoisingBackend
from kernelevo.backends.scrna.data import open_dataset, sample, second_dataset
from kernelevo.backends.scrna.registry import REGISTRY, Registered
from kernelevo.errors import BadInput

ROOT = Path(__file__).parents[2]
COUNTS = sample(200, 300, seed=1).counts
CELLS = [f"cell-{number}" for number in range(COUNTS.shape[0])]
GENES = [f"gene-{number}" for number in range(COUNTS.shape[1])]


def packed(place: Path, content: bytes) -> None:
    place.write_bytes(gzip.compress(content) if place.suffix == ".gz" else content)


def tenx_folder(folder: Path, cells: list[str] = CELLS, genes: list[str] = GENES, gz: str = ".gz") -> Path:
    """As Cell Ranger 3 writes it: genes x cells, and a feature that is no gene."""
    place = folder / "filtered"
    place.mkdir()
    wider = sparse.vstack([COUNTS.T, sparse.csr_matrix(np.ones((1, COUNTS.shape[0]), dtype=np.int64))])
    io.mmwrite(folder / "raw.mtx", wider)
    packed(place / f"matrix.mtx{gz}", (folder / "raw.mtx").read_bytes())
    packed(place / f"barcodes.tsv{gz}", "".join(f"{name}\n" for name in cells).encode())
    rows = [f"{name}\tSAME\tGene Expression\n" for name in genes] + ["CD3\tCD3\tAntibody Capture\n"]
    packed(place / f"features.tsv{gz}", "".join(rows).encode())
    return place


def tenx_h5(folder: Path, cells: list[str] = CELLS, genes: list[str] = GENES, group: str = "matrix") -> Path:
    h5py = pytest.importorskip("h5py", reason="the extra `scrna` is not installed")
    columns = sparse.csc_matrix(COUNTS.T)
    with h5py.File(folder / "tenx.h5", "w") as file:
        place = file.create_group(group)
        for name, values in (("data", columns.data), ("indices", columns.indices), ("indptr", columns.indptr)):
            place[name] = values
        place["shape"] = np.array(columns.shape)
        place["barcodes"] = np.array([name.encode() for name in cells])
        if group == "matrix":
            place["features/id"] = np.array([name.encode() for name in genes])
            place["features/name"] = np.array([b"SAME"] * len(genes))
            place["features/feature_type"] = np.array([b"Gene Expression"] * len(genes))
            place["features/genome"] = np.array([b"GRCh38"] * len(genes))
        else:
            place["genes"] = np.array([name.encode() for name in genes])
            place["gene_names"] = np.array([b"SAME"] * len(genes))
    return folder / "tenx.h5"


def older_tenx_h5(folder: Path) -> Path:
    return tenx_h5(folder, group="GRCh38")


def table(folder: Path, cells: list[str] = CELLS, genes: list[str] = GENES, name: str = "counts.csv") -> Path:
    lines = [",".join(["", *genes]), *(
        ",".join([cell, *map(str, row)]) for cell, row in zip(cells, COUNTS.toarray(), strict=True)
    )]  # fmt: skip
    packed(folder / name, "\n".join(lines).encode())
    return folder / name


def packed_table(folder: Path, cells: list[str] = CELLS, genes: list[str] = GENES) -> Path:
    return table(folder, cells, genes, "counts.csv.gz")


def annotated(folder: Path, cells: list[str] = CELLS, genes: list[str] = GENES, dense: bool = False) -> Path:
    anndata = pytest.importorskip("anndata", reason="the extra `scrna` is not installed")
    made = anndata.AnnData(COUNTS.toarray().astype(np.float32) if dense else COUNTS.astype(np.float32))
    made.obs_names, made.var_names = cells, genes
    made.write_h5ad(folder / "a.h5ad")
    return folder / "a.h5ad"


def dense_annotated(folder: Path) -> Path:
    return annotated(folder, dense=True)


def plain_h5(folder: Path) -> Path:
    h5py = pytest.importorskip("h5py", reason="the extra `scrna` is not installed")
    with h5py.File(folder / "x.h5", "w") as file:
        file["X"] = COUNTS.toarray()
    return folder / "x.h5"


def archive(folder: Path) -> Path:
    sparse.save_npz(folder / "counts.npz", sparse.csc_matrix(COUNTS))
    return folder / "counts.npz"


KINDS = [
    tenx_folder, tenx_h5, older_tenx_h5, table, packed_table, annotated, dense_annotated, plain_h5, archive,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_holds_the_same_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable
) -> None:
    monkeypatch.setattr(files, "ROWS", 33)
    found = open_dataset(kind(tmp_path))
    assert (found.counts != COUNTS).nnz == 0 and found.counts.dtype == np.int64
    assert "is not registered (SHA-256 " in found.said and "200 cells x 300 genes" in found.said


def test_an_unpacked_folder_and_one_of_older_names(tmp_path: Path) -> None:
    place = tenx_folder(tmp_path, gz="")
    (place / "features.tsv").rename(place / "genes.tsv")
    assert (open_dataset(place).counts != COUNTS).nnz == 0
    (place / "barcodes.tsv").unlink()
    with pytest.raises(BadInput, match=r"there is no barcodes\.tsv \(or \.gz\) in this folder"):
        open_dataset(place)


@pytest.mark.filterwarnings("ignore:Variable names:UserWarning")
def test_10x_files_are_read_as_scanpy_reads_them(tmp_path: Path) -> None:
    scanpy = pytest.importorskip("scanpy", reason="scanpy is not installed (pip install scanpy)")
    place = tenx_h5(tmp_path)
    theirs = scanpy.read_10x_h5(place)
    ours = files.read_counts(place, "--data")
    assert (sparse.csr_matrix(theirs.X) != ours.matrix).nnz == 0
    assert list(theirs.obs_names) == list(ours.cells) and list(theirs.var["gene_ids"]) == list(ours.genes)
    folder = scanpy.read_10x_mtx(tenx_folder(tmp_path), var_names="gene_ids")
    ours = files.read_counts(tmp_path / "filtered", "--data")
    assert (sparse.csr_matrix(folder.X) != ours.matrix).nnz == 0 and list(folder.var_names) == list(ours.genes)


@pytest.mark.parametrize("kind", [tenx_folder, tenx_h5, table, packed_table, annotated])
@pytest.mark.parametrize("what", ["cells", "genes"])
@pytest.mark.filterwarnings("ignore:Observation names:UserWarning", "ignore:Variable names:UserWarning")
def test_a_name_that_is_there_twice_is_said(tmp_path: Path, kind: Callable, what: str) -> None:
    names = {"cells": CELLS, "genes": GENES}
    names[what] = [*names[what][:-1], names[what][0]]
    with pytest.raises(BadInput, match=f"two {what} are called '{names[what][0]}'"):
        open_dataset(kind(tmp_path, names["cells"], names["genes"]))


@pytest.mark.parametrize("kind", [tenx_h5, table, packed_table, annotated, plain_h5, archive])
def test_a_broken_file_is_bad_input_wherever_it_breaks(tmp_path: Path, kind: Callable) -> None:
    place = kind(tmp_path)
    content = place.read_bytes()
    refused = 0
    for share in (0.0, 0.01, 0.3, 0.6, 0.95, 0.999):
        place.write_bytes(content[: int(share * len(content))])
        try:
            open_dataset(place)
        except BadInput as said:
            assert "\n" not in str(said) and str(place) in str(said)
            refused += 1
    assert refused >= 4, "a table that is cut between rows is one"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda counts: counts.astype(complex), "values of the kind complex128"),
        (lambda counts: counts * 10**10, "which is no count of molecules"),
        (lambda counts: counts.astype(np.float32) * np.float32(0.5), "fractions such as"),
    ],
)
def test_values_that_are_no_counts_are_said(tmp_path: Path, change: Callable, words: str) -> None:
    sparse.save_npz(tmp_path / "a.npz", sparse.csr_matrix(change(COUNTS)))
    with pytest.raises(BadInput, match=words):
        open_dataset(tmp_path / "a.npz")


def test_places_outside_the_matrix_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra `scrna` is not installed")
    place = tenx_h5(tmp_path)
    with h5py.File(place, "a") as file:
        file["matrix/indices"][5] = 10**6
    with pytest.raises(BadInput, match="cannot be read"):
        open_dataset(place)


def test_more_values_than_fit_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_VALUES", 1000)
    for kind in (tenx_h5, table, annotated, dense_annotated, plain_h5, archive, tenx_folder):
        with pytest.raises(BadInput, match=r"holds [0-9,]+ values, and at most 1,000 are read into memory"):
            open_dataset(kind(tmp_path))


def test_a_file_of_several_gigabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "huge.h5ad").open("wb") as file:
        os.truncate(file.fileno(), files.LARGEST + 1)  # a hole: it takes no room
    with pytest.raises(BadInput, match="has 4,294,967,297 bytes, and may have 4,294,967,296"):
        open_dataset(tmp_path / "huge.h5ad")


def test_a_packed_file_of_another_kind_is_to_be_unpacked(tmp_path: Path) -> None:
    packed(tmp_path / "a.h5ad.gz", b"")
    with pytest.raises(BadInput, match="unpack it first"):
        open_dataset(tmp_path / "a.h5ad.gz")
    with pytest.raises(BadInput, match=r"^KERNELEVO_SCRNA_SECOND .*b\.h5ad is no file"):
        second_dataset(None, tmp_path / "b.h5ad")


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    wider = sparse.vstack([sparse.hstack([COUNTS, sparse.csr_matrix((200, 9))]), sparse.csr_matrix((1, 309))])
    sparse.save_npz(tmp_path / "counts.npz", sparse.csr_matrix(wider))
    said = open_dataset(tmp_path / "counts.npz").said
    assert "200 cells x 300 genes, without 1 cell with fewer than 2 molecules and 9 genes of which no cell has" in said


def test_a_registered_file_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = archive(tmp_path)
    row = Registered("made-here", files.content_key(place), COUNTS.shape, "CC0", "made by a test")
    monkeypatch.setattr("kernelevo.backends.scrna.registry.REGISTRY", (row,))
    found = open_dataset(place)
    assert found.name == "made-here" and "made-here is registered (SHA-256 " in found.said
    assert "made by a test; CC0; 200 cells x 300 genes; cells are dealt" in found.said
    first, *rest = DenoisingBackend(found, second=sample()).introduction
    assert first == f"data: {found.said}" and rest[0].startswith("second tissue of the audit: a sample")
    assert rest[-1] == "rewarded by the metric guarded"


def test_rows_of_the_registry_are_whole_and_told_in_the_docs() -> None:
    docs = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    assert len({row.sha256 for row in REGISTRY}) == len({row.name for row in REGISTRY}) == len(REGISTRY) >= 3
    for row in REGISTRY:
        assert len(row.sha256) == 64 and set(row.sha256) <= set("0123456789abcdef")
        assert row.licence and row.source and row.split
        assert f"| `{row.name}` | `{row.sha256[:16]}` | {row.shape[0]:,} x {row.shape[1]:,} |" in docs
    assert sum(SHARES.values()) == pytest.approx(1.0) and "40 % go to training and 15 % to each of reward" in docs


def test_registered_files_are_what_the_registry_says() -> None:
    folder = os.environ.get("KERNELEVO_SCRNA")
    if not folder:
        pytest.skip("KERNELEVO_SCRNA names no folder with the registered files")
    found = {files.content_key(place): place for place in Path(folder).iterdir() if place.suffix in (".h5ad", ".h5")}
    rows = [row for row in REGISTRY if row.sha256 in found]
    assert rows
    for row in rows:
        assert files.read_counts(found[row.sha256], "--data").matrix.shape == row.shape
        assert open_dataset(found[row.sha256]).name == row.name
