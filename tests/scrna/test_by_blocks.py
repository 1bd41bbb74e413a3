"""Pipelines by rows are the pipelines, and no dense matrix is held whole."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.scrna import by_blocks
from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.pipeline import SPACE, denoise
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import PLACES, blocks, split_molecules

HALVES = split_molecules(sample(160, 240, seed=5).counts, seed=0)
WHOLE = slice(0, HALVES.train.shape[0])


@pytest.mark.parametrize("transform", parts.TRANSFORMS)
def test_stabilised_counts_are_the_dense_ones(transform: str) -> None:
    held = by_blocks.stabilised(HALVES.train, transform)
    assert held.values.toarray() + held.offset == pytest.approx(parts.stabilised(HALVES.train, transform), abs=1e-12)
    assert held.values.nnz == HALVES.train.nnz


@pytest.mark.parametrize("transform", parts.TRANSFORMS)
def test_low_rank_is_the_best_of_its_rank(transform: str) -> None:
    held = by_blocks.stabilised(HALVES.train, transform)
    values = parts.stabilised(HALVES.train, transform)
    mean = values.mean(axis=0)
    left, weights, right = np.linalg.svd(values - mean, full_matrices=False)
    exact = (left[:, :5] * weights[:5]) @ right[:5] + mean
    assert by_blocks.low_rank(held.values, 5, seed=0)(WHOLE) + held.offset == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "settings", "far"),
    [
        ({"raw": 1}, {}, 1e-9),
        ({"neighbours": 1}, {"neighbours": 10}, 1e-6),
        ({"neighbours": 1, "raw": 2}, {"transform": "anscombe", "blend": "log", "gamma": 115}, 1e-6),
        ({"low_rank": 1}, {"rank": 5}, 0.02),
        ({"low_rank": 1}, {"rank": 5, "transform": "freeman_tukey"}, 0.02),
        ({"like_test": 1, "low_rank": 2}, {"rank": 5, "blend": "log"}, 0.02),
    ],
)
def test_a_pipeline_by_blocks_scores_as_the_pipeline(weights: dict, settings: dict, far: float) -> None:
    """Low ranks are exact here, and randomised there."""
    pipeline = SPACE.pipeline(weights, **settings)
    made, rows = denoise(HALVES.train, pipeline, 0), by_blocks.denoised_rows(HALVES.train, pipeline, 0)
    dense, by_rows = (score_guarded(HALVES.train, HALVES.test, each) for each in (dense_rows(made), rows))
    assert by_rows.guarded == pytest.approx(dense.guarded, abs=far) and by_rows.mass == pytest.approx(1.0)
    several = np.concatenate([rows(slice(0, 50)), rows(slice(50, 160))])
    assert several == pytest.approx(rows(WHOLE))
    if far < 1e-3:
        assert several == pytest.approx(made, rel=1e-5, abs=1e-8)


def test_a_part_that_is_not_made_by_blocks_is_said() -> None:
    with pytest.raises(ValueError, match="diffused is not made by blocks; raw, low_rank, neighbours, like_test are"):
        by_blocks.denoised_rows(HALVES.train, SPACE.pipeline({"diffused": 1}), 0)
    with pytest.raises(ValueError, match="basis = training is not made by blocks; basis = own is"):
        by_blocks.denoised_rows(HALVES.train, SPACE.pipeline({"low_rank": 1}, basis="training"), 0)


def test_blocks_are_all_of_a_matrix_and_small() -> None:
    for shape in ((1000, 15_000), (7, 3), (513, 100), (2, 5 * PLACES)):
        found = list(blocks(shape))
        assert [place for block in found for place in range(shape[0])[block]] == list(range(shape[0]))
        assert all((block.stop - block.start) * shape[1] <= max(PLACES, shape[1]) for block in found)


def test_thinning_denoising_and_scoring_hold_no_dense_matrix() -> None:
    """Of 4,000 x 5,000 places, 160 MB as float64, of which one in two hundred has a molecule."""
    drawn = sparse.random(4000, 5_000, 0.005, random_state=0, data_rvs=lambda size: np.full(size, 3.0))
    counts = sparse.csr_matrix(drawn).astype(np.int64)
    tracemalloc.start()
    halves = split_molecules(counts, seed=0)
    rows = by_blocks.denoised_rows(halves.train, SPACE.pipeline({"low_rank": 1, "raw": 1}, rank=2), 0)
    found = score_guarded(halves.train, halves.test, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(found.guarded) and peak < 0.6 * 8 * 4000 * 5_000
