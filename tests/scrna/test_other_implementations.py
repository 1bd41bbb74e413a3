"""Our formulas against the packages that people know them from, where these are installed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.scoring import dense_rows, log_rescaled, score_published
from kernelevo.backends.scrna.thinning import split_molecules

HALVES = split_molecules(sample(240, 400, seed=5).counts, seed=0)
TRAIN = np.asarray(HALVES.train.toarray(), dtype=float)


def test_log_counts_are_those_of_scanpy() -> None:
    anndata = pytest.importorskip("anndata", reason="the extra `scrna` is not installed")
    scanpy = pytest.importorskip("scanpy", reason="scanpy is not installed (pip install scanpy)")
    made = anndata.AnnData(TRAIN.copy())
    scanpy.pp.normalize_total(made, target_sum=1e4)
    scanpy.pp.log1p(made)
    assert log_rescaled(TRAIN) == pytest.approx(made.X, abs=1e-12)


def test_the_squared_loss_is_that_of_scanpy_and_scikit_learn() -> None:
    """As OpenProblems v1.0.0 computes it (tasks/denoising/metrics/mse.py)."""
    anndata = pytest.importorskip("anndata", reason="the extra `scrna` is not installed")
    scanpy = pytest.importorskip("scanpy", reason="scanpy is not installed (pip install scanpy)")
    from sklearn.metrics import mean_squared_error

    def logged(matrix: np.ndarray) -> np.ndarray:
        made = anndata.AnnData(np.array(matrix, dtype=float))
        scanpy.pp.normalize_total(made, target_sum=1e4)
        scanpy.pp.log1p(made)
        return np.asarray(made.X)

    drawn = np.random.default_rng(0).gamma(1.0, 1.0, TRAIN.shape)
    test = HALVES.test.toarray()
    none, own = (mean_squared_error(logged(test), logged(matrix)) for matrix in (TRAIN, drawn))
    found = score_published(HALVES.train, HALVES.test, dense_rows(drawn))
    assert found.squared == pytest.approx((none - own) / none, rel=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_diffusion_is_that_of_magic_impute() -> None:
    magic = pytest.importorskip("magic", reason="magic-impute is not installed (pip install magic-impute)")
    roots = np.sqrt(TRAIN / TRAIN.sum(axis=1, keepdims=True))
    theirs = magic.MAGIC(solver="exact", random_state=0, verbose=False).fit_transform(roots, genes="all_genes")
    ours = parts.diffused(HALVES.train, roots, 3, seed=0)
    assert np.corrcoef(np.asarray(theirs).ravel(), ours.ravel())[0, 1] > 0.9995
    assert np.abs(np.asarray(theirs) - ours).mean() < 0.02 * np.abs(roots - ours).mean()
    scores = [
        score_published(HALVES.train, HALVES.test, dense_rows(np.square(made) * TRAIN.sum(axis=1, keepdims=True)))
        for made in (np.asarray(theirs), ours)
    ]
    assert scores[0].squared == pytest.approx(scores[1].squared, abs=0.003)
    assert scores[0].poisson == pytest.approx(scores[1].poisson, abs=0.003)
