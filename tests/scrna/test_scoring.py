"""The two rules of scoring, against hand-computed tables, independent code and known exploits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.pipelines import Unsound
from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.scoring import dense_rows, losses, score_guarded, score_published
from kernelevo.backends.scrna.thinning import Halves, split_molecules

HALVES = split_molecules(sample(200, 300, seed=3).counts, seed=0)
TRAIN, TEST = (np.asarray(half.toarray(), dtype=float) for half in (HALVES.train, HALVES.test))


def plainly(test: np.ndarray, denoised: np.ndarray, train: np.ndarray) -> tuple[float, float]:
    """The published losses, as OpenProblems v1.0.0 words them: dense, and one formula after the other."""

    def logged(matrix: np.ndarray) -> np.ndarray:
        sums = matrix.sum(axis=1)
        return np.log1p(matrix / np.where(sums > 0, sums, 1.0)[:, None] * 1e4)

    squared = np.mean((logged(test) - logged(denoised)) ** 2)
    rescaled = denoised * test.sum() / train.sum()
    return float(squared), float(np.mean(test - rescaled * np.log(test + 1e-6)))


def test_the_published_rule_is_that_of_the_benchmark() -> None:
    drawn = np.random.default_rng(0).gamma(1.0, 1.0, TRAIN.shape)
    (none, none_swapped), (best, best_swapped), (own, own_swapped) = (
        plainly(TEST, matrix, TRAIN) for matrix in (TRAIN, TEST, drawn)
    )
    found = score_published(HALVES.train, HALVES.test, dense_rows(drawn))
    assert found.squared == pytest.approx((none - own) / (none - best), rel=1e-12)
    assert found.swapped == pytest.approx((none_swapped - own_swapped) / (none_swapped - best_swapped), rel=1e-12)
    assert found.published == pytest.approx((found.squared + found.swapped) / 2)


def test_losses_by_hand() -> None:
    """Two cells, two genes: rows (1, 1) and (0, 2) of the test against (3, 1) and (1, 1), at half the mass."""
    test, denoised = sparse.csr_matrix([[1, 1], [0, 2]]), np.array([[3.0, 1.0], [1.0, 1.0]])
    found = losses(test, dense_rows(denoised), 0.5)
    wanted = np.log1p([[5000.0, 5000.0], [0.0, 10000.0]]) - np.log1p([[7500.0, 2500.0], [5000.0, 5000.0]])
    assert found.squared == pytest.approx(float(np.mean(wanted**2)))
    # Means are (1.5, 0.5) and (0.5, 0.5); sum of mean - test * log(mean) over four places.
    ordered = (1.5 - np.log(1.5)) + (0.5 - np.log(0.5)) + 0.5 + (0.5 - 2 * np.log(0.5))
    assert found.poisson == pytest.approx(ordered / 4, rel=1e-5)
    swapped = 1 + 1 + (0 - 0.5 * np.log(1e-6)) + (2 - 0.5 * np.log(2))
    assert found.swapped == pytest.approx(swapped / 4, rel=1e-5)


@pytest.mark.parametrize("score", [score_published, score_guarded])
def test_no_denoising_is_nothing_and_the_test_half_is_best(score: Callable) -> None:
    nothing = score(HALVES.train, HALVES.test, dense_rows(HALVES.train))
    assert (nothing.squared, nothing.poisson, nothing.swapped) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    if score is score_published:
        best = score(HALVES.train, HALVES.test, dense_rows(HALVES.test))
        assert (best.squared, best.swapped) == pytest.approx((1.0, 1.0)) and best.poisson <= 1.0


def test_blocks_of_cells_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(1).gamma(1.0, 1.0, TRAIN.shape)
    whole = score_guarded(HALVES.train, HALVES.test, dense_rows(drawn))
    monkeypatch.setattr("kernelevo.backends.scrna.thinning.BLOCK", 7)
    parts = score_guarded(HALVES.train, HALVES.test, dense_rows(drawn))
    assert parts.guarded == pytest.approx(whole.guarded, rel=1e-12) and parts.mass == pytest.approx(whole.mass)


def zeros(train: np.ndarray) -> np.ndarray:
    return np.zeros_like(train)


def tiny(train: np.ndarray) -> np.ndarray:
    return np.asarray(train * 1e-6)


def on_one_gene(train: np.ndarray) -> np.ndarray:
    found = np.zeros_like(train)
    found[:, train.sum(axis=0).argmax()] = train.sum(axis=1)
    return found


def rounded_small(train: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(train * 0.01))


def rank_one(train: np.ndarray) -> np.ndarray:
    """Honest, if plain: every cell is the mean cell."""
    return np.tile(train.mean(axis=0), (len(train), 1))


@pytest.mark.parametrize("exploit", [zeros, tiny, on_one_gene, rounded_small])
def test_known_exploits_score_high_where_it_is_published_and_never_gain_where_it_is_guarded(exploit: Callable) -> None:
    made = exploit(TRAIN)
    published = score_published(HALVES.train, HALVES.test, dense_rows(made))
    assert published.swapped > 0.9, "the published Poisson loss pays for it"
    try:
        guarded = score_guarded(HALVES.train, HALVES.test, dense_rows(made)).guarded
    except Unsound:
        guarded = 0.0
    honest = score_guarded(HALVES.train, HALVES.test, dense_rows(rank_one(TRAIN))).guarded
    assert guarded < 0.1 < honest


@pytest.mark.parametrize("exploit", [tiny, lambda train: train * np.linspace(0.1, 9.0, len(train))[:, None]])
def test_the_mass_of_a_row_changes_no_guarded_score(exploit: Callable) -> None:
    plain = score_guarded(HALVES.train, HALVES.test, dense_rows(rank_one(TRAIN)))
    moved = score_guarded(HALVES.train, HALVES.test, dense_rows(exploit(rank_one(TRAIN))))
    assert moved.guarded == pytest.approx(plain.guarded, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "not finite"), (np.inf, "not finite"), (-1e-9, "is negative"), (None, "every gene is 0")],
)
def test_what_predicts_nothing_is_refused_and_where_is_said(value: float | None, words: str) -> None:
    made = rank_one(TRAIN)
    made[17] = 0.0 if value is None else made[17]
    made[17, 5] = 0.0 if value is None else value
    with pytest.raises(Unsound, match=f"cell 17.*{words}"):
        score_guarded(HALVES.train, HALVES.test, dense_rows(made))
    with pytest.raises(Unsound, match="are wanted"):
        score_guarded(HALVES.train, HALVES.test, dense_rows(made[:, :-1]))


def test_molecules_are_dealt_and_none_is_lost() -> None:
    counts = sample(200, 300, seed=3).counts
    halves: Halves = split_molecules(counts, 0.8, seed=5)
    assert ((halves.train + halves.test) != counts[:, halves.genes]).nnz == 0
    assert halves.train.sum() / counts.sum() == pytest.approx(0.8, abs=0.01)
    assert (np.asarray(halves.train.sum(axis=0)) > 0).all()
    again = split_molecules(counts, 0.8, seed=5)
    assert (again.train != halves.train).nnz == 0 and (split_molecules(counts, 0.8, seed=6).train != halves.train).nnz


def test_the_draws_are_those_of_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenProblems draws over the dense matrix at once."""
    counts = sample(200, 300, seed=3).counts
    dense = np.random.RandomState(4).binomial(counts.toarray(), 0.9)
    monkeypatch.setattr("kernelevo.backends.scrna.thinning.BLOCK", 33)
    halves = split_molecules(counts, seed=4)
    assert (halves.train.toarray() == dense[:, halves.genes]).all()
