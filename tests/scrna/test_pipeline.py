"""What denoising pipelines are made of."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from kernelevo.backends.keeping import Keeping, anew
from kernelevo.backends.pipelines import NoPipeline, Unsound
from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.pipeline import NETWORK, REGRESSED, SPACE, denoise, without_network
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import split_molecules

PARTS = tuple(part for part in SPACE.parts if part not in (NETWORK, REGRESSED))
HALVES = split_molecules(sample(160, 240, seed=5).counts, seed=0)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("transform", parts.TRANSFORMS)
def test_components_predict_counts_of_the_same_mass(name: str, transform: str) -> None:
    pipeline = SPACE.pipeline({name: 1}, rank=5, neighbours=10, transform=transform)
    made = denoise(HALVES.train, pipeline, seed=0)
    assert made.shape == HALVES.train.shape and (made >= 0).all() and np.isfinite(made).all()
    assert made.sum(axis=1) == pytest.approx(np.asarray(HALVES.train.sum(axis=1)).ravel())
    scores = score_guarded(HALVES.train, HALVES.test, dense_rows(made))
    assert scores.guarded == pytest.approx(0.0, abs=1e-9) if name == "raw" else scores.poisson > 0.05


def test_a_blend_lies_between_and_the_cache_changes_nothing() -> None:
    keep = Keeping(10**9).under("these counts")
    blended = SPACE.pipeline({"raw": 1, "low_rank": 1}, rank=5)
    assert (denoise(HALVES.train, blended, 0, keep) == denoise(HALVES.train, blended, 0)).all()
    assert denoise(HALVES.train, blended, 0, keep) == pytest.approx(denoise(HALVES.train, blended, 0, keep))
    one, other = (denoise(HALVES.train, SPACE.pipeline({name: 1}, rank=5), 0) for name in ("raw", "low_rank"))
    assert denoise(HALVES.train, blended, 0) == pytest.approx((one + other) / 2)


@pytest.mark.parametrize("transform", parts.TRANSFORMS)
def test_restoring_undoes_stabilising(transform: str) -> None:
    dense = HALVES.train.toarray().astype(float)
    back = parts.restored(parts.stabilised(HALVES.train, transform), transform)
    back *= dense.sum(axis=1, keepdims=True) / back.sum(axis=1, keepdims=True)
    assert back == pytest.approx(dense, abs=1e-6)


def test_low_rank_is_the_best_of_its_rank() -> None:
    values = parts.stabilised(HALVES.train, "log")
    found = parts.low_rank(values, 5, seed=0) - values.mean(axis=0)
    left, weights, right = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    exact = (left[:, :5] * weights[:5]) @ right[:5]
    error, least = (np.square(values - values.mean(axis=0) - each).sum() for each in (found, exact))
    assert np.linalg.matrix_rank(found, tol=1e-6) == 5 and error <= least * 1.01


def test_neighbours_are_the_nearest_cells_their_own_among_them() -> None:
    values = parts.stabilised(HALVES.train, "log")
    assert parts.neighbour_mean(HALVES.train, values, 1, seed=0) == pytest.approx(values)
    places = parts.components(values, 50, seed=0)
    nearest = np.square(places - places[7]).sum(axis=1).argsort()[:4]
    assert parts.neighbour_mean(HALVES.train, values, 4, seed=0)[7] == pytest.approx(values[nearest].mean(axis=0))


def test_a_walk_over_cells_smooths_and_keeps_constants() -> None:
    constant = np.ones((HALVES.train.shape[0], 2)) * [1.0, 3.0]
    assert parts.diffused(HALVES.train, constant, 3, seed=0) == pytest.approx(constant)
    values = parts.stabilised(HALVES.train, "sqrt")
    one, three = (parts.diffused(HALVES.train, values, steps, seed=0).var(axis=0).sum() for steps in (1, 3))
    assert values.var(axis=0).sum() > one > three


def test_like_test_is_what_the_mean_thinning_looks_like() -> None:
    whole = parts.like_test(HALVES.train, seed=0)
    test = parts.log_rescaled(HALVES.test.toarray().astype(float))
    raw = parts.stabilised(HALVES.train, "log")
    assert np.square(whole - test).mean() < 0.8 * np.square(raw - test).mean()


@pytest.mark.parametrize("name", ["neighbours", "diffused", "like_test"])
def test_what_hangs_on_no_setting_is_made_once_and_gives_the_same(name: str) -> None:
    keeping = Keeping(10**9)
    settings = [{"neighbours": 5, "steps": 1, "rank": 2}, {"neighbours": 10, "steps": 2, "rank": 5}]
    for each in settings:
        pipeline = SPACE.pipeline({name: 1}, **each)
        kept = denoise(HALVES.train, pipeline, 0, keeping.under("these counts"))
        assert (kept == denoise(HALVES.train, pipeline, 0)).all()
    assert len(keeping) == 3  # two components, and what both were made of


def test_a_network_is_blended_by_what_it_says_and_is_missed_where_there_is_none() -> None:
    genes = HALVES.train.shape[1]
    asked = []

    def shares(key: str) -> np.ndarray:
        asked.append(key)
        return np.full((HALVES.train.shape[0], genes), 1 / genes)

    made = denoise(HALVES.train, SPACE.pipeline({NETWORK: 1}, network="0123456789abcdef"), 0, anew, shares)
    assert asked == ["0123456789abcdef"]
    assert made == pytest.approx(np.tile(np.asarray(HALVES.train.sum(axis=1)) / genes, genes))
    with pytest.raises(Unsound, match="no network"):
        denoise(HALVES.train, SPACE.pipeline(), 0)
    plain = without_network(SPACE)
    assert NETWORK not in plain.parts and plain.text(plain.pipeline()).startswith("weigh raw = 1\n")
    with pytest.raises(NoPipeline):
        plain.read("weigh raw = 1\nnetwork = 0123456789abcdef\n")
