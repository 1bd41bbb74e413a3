"""Files of counts, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import Dataset, checked, open_dataset, sample
from kernelevo.errors import BadInput
from kernelevo.learning import Split
from kernelevo.types import Candidate, Status

COUNTS = sample(200, 300, seed=1).counts


def npz(folder: Path, matrix: object) -> Path:
    sparse.save_npz(folder / "counts.npz", sparse.csr_matrix(matrix))
    return folder / "counts.npz"


def test_a_sparse_file_is_read_and_known_by_what_it_holds(tmp_path: Path) -> None:
    found = open_dataset(npz(tmp_path, COUNTS))
    assert (found.counts != COUNTS).nnz == 0 and found.name == "counts"
    other = COUNTS.copy()
    other.data[0] += 1
    assert open_dataset(npz(tmp_path, other)).key != found.key
    assert open_dataset(None).key == open_dataset(None).key, "the sample is always the same"


def test_annotated_data_is_read(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata", reason="the extra `scrna` is not installed")
    whole = anndata.AnnData(np.log1p(COUNTS.toarray().astype(np.float32)), layers={"counts": COUNTS})
    whole.write_h5ad(tmp_path / "a.h5ad")
    assert (open_dataset(tmp_path / "a.h5ad").counts != COUNTS).nnz == 0, "the layer of counts comes before X"
    twice = anndata.AnnData(COUNTS.toarray().astype(np.float32))
    twice.obs_names = ["cell"] * 200
    twice.write_h5ad(tmp_path / "twice.h5ad")
    with pytest.raises(BadInput, match="two cells are called 'cell'"):
        open_dataset(tmp_path / "twice.h5ad")


def test_a_table_is_read(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="the extra `scrna` is not installed")
    pandas.DataFrame(COUNTS.toarray()).to_csv(tmp_path / "a.csv")
    assert (open_dataset(tmp_path / "a.csv").counts != COUNTS).nnz == 0
    (tmp_path / "b.csv").write_text("x,y\na,b\n")
    with pytest.raises(BadInput, match=r"b\.csv"):
        open_dataset(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (-COUNTS, "negative"),
        (COUNTS * 0.5, "fractions such as"),
        (np.where(COUNTS.toarray() > 1, np.nan, COUNTS.toarray()), "not finite"),
        (COUNTS * 0, "0 cells and 0 genes"),
        (COUNTS[:50], "50 cells"),
    ],
)
def test_what_are_no_counts_is_said(tmp_path: Path, matrix: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        open_dataset(npz(tmp_path, matrix))


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    (tmp_path / "counts.mtx").write_text("")
    for name, words in (("none.h5ad", "is no file"), ("counts.mtx", "files end in"), ("broken.npz", "cannot be read")):
        with pytest.raises(BadInput, match=words):
            open_dataset(tmp_path / name)


def test_empty_cells_and_genes_are_left_out(tmp_path: Path) -> None:
    wider = sparse.vstack([sparse.hstack([COUNTS, sparse.csr_matrix((200, 9))]), sparse.csr_matrix((5, 309))])
    assert open_dataset(npz(tmp_path, wider)).counts.shape == COUNTS.shape


def test_splits_share_no_cell_and_the_audit_no_gene() -> None:
    backend = DenoisingBackend(open_dataset(None))
    cells: dict[tuple, Split] = {}
    for split in Split:
        for row in backend.open(backend.tasks(split)[0]).counts["reward"].toarray():
            assert cells.setdefault(tuple(row), split) is split
    one = backend.open(backend.tasks(Split.GATE)[0])
    assert (one.counts["reward"].shape != one.counts["audit"].shape) or (
        one.counts["reward"] != one.counts["audit"]
    ).nnz


def test_a_text_that_is_no_pipeline_is_its_own_fault() -> None:
    backend = DenoisingBackend(open_dataset(None))
    session = backend.open(backend.tasks(Split.REWARD)[0])
    verdict = session.judge(Candidate("import os\n"), 1)
    assert verdict.status is Status.BUILD_ERROR and "line 1" in verdict.feedback and session.reward(verdict) == 0.0
    better = session.judge(Candidate("weigh low_rank = 1\n"), 1)
    assert session.reward(better) > 1.1 and better.score.how == "measured"


def test_too_few_molecules_for_a_task_are_said_before_anything_runs() -> None:
    few = sparse.csr_matrix(np.random.default_rng(0).poisson(0.02, (300, 120)))
    with pytest.raises(BadInput, match=r"the task .* would have \d+ x \d+ cells and genes with \d+ molecules"):
        DenoisingBackend(Dataset("few", checked(few, "few"), "ab" * 32))


def test_of_very_many_cells_some_are_used_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = DenoisingBackend(sample())
    monkeypatch.setattr("kernelevo.backends.scrna.backend.MOST_CELLS", 60)
    capped = DenoisingBackend(sample())
    for split in Split:
        assert capped.open(capped.tasks(split)[0]).counts["reward"].shape[0] <= 60
    assert "60 cells of a split are used at most" in capped.introduction[0]
    assert "are used at most" not in plain.introduction[0]
