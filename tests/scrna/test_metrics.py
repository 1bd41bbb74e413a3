"""What pipelines are rewarded by, under each metric, and what a verdict tells of the others."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.pipelines import Unsound
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import Dataset, checked, sample
from kernelevo.backends.scrna.metrics import CONSTRAINED, GUARDED, METRICS, PUBLISHED, SPACES, scored_by
from kernelevo.backends.scrna.pipeline import without_network
from kernelevo.backends.scrna.scoring import dense_rows, reference, score_guarded
from kernelevo.backends.scrna.thinning import split_molecules
from kernelevo.errors import BadInput
from kernelevo.learning import Split
from kernelevo.types import Candidate, Status

HALVES = split_molecules(sample(200, 300, seed=3).counts, seed=0)
KNOWN = reference(HALVES.train, HALVES.test)
TRAIN, TEST = (np.asarray(half.toarray(), dtype=float) for half in (HALVES.train, HALVES.test))
MEAN = np.tile(TRAIN.mean(axis=0), (len(TRAIN), 1))


def published_by_hand(made: np.ndarray) -> tuple[float, float]:
    """The normalised losses of OpenProblems v1.0.0, its arguments of the Poisson loss in its order."""

    def logged(matrix: np.ndarray) -> np.ndarray:
        sums = matrix.sum(axis=1, keepdims=True)
        return np.log1p(1e4 * np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0))

    def both(matrix: np.ndarray) -> np.ndarray:
        scaled = matrix * TEST.sum() / TRAIN.sum()
        return np.array([((logged(TEST) - logged(matrix)) ** 2).mean(), (TEST - scaled * np.log(TEST + 1e-6)).mean()])

    none, best, own = both(TRAIN), both(TEST), both(made)
    squared, poisson = (none - own) / (none - best)
    return float(squared), float(poisson)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_openproblems_is_the_published_mean_and_a_verdict_tells_both_rules(scale: float) -> None:
    squared, poisson = published_by_hand(MEAN * scale)
    found = {metric: scored_by(metric, KNOWN, MEAN * scale) for metric in (GUARDED, PUBLISHED)}
    assert found[PUBLISHED].loss == pytest.approx(1 - (squared + poisson) / 2)
    guarded = score_guarded(HALVES.train, HALVES.test, dense_rows(MEAN))
    assert found[GUARDED].loss == pytest.approx(1 - guarded.guarded)
    assert found[GUARDED].figures == pytest.approx(found[PUBLISHED].figures), "told the same whatever is rewarded"
    assert found[GUARDED].figures == pytest.approx(
        {"squared": squared, "poisson": guarded.poisson, "guarded": guarded.guarded,
         "published": (squared + poisson) / 2, "mass": scale}
    )  # fmt: skip


def test_the_constrained_metric_is_the_squared_error_of_what_keeps_the_constraints() -> None:
    made = TRAIN**1.3 * 0.001
    squared, poisson = published_by_hand(made)
    assert 0.97 <= poisson <= 1.0 and squared > 0.05
    assert scored_by(CONSTRAINED, KNOWN, made).loss == pytest.approx(1 - squared)
    assert scored_by(CONSTRAINED, KNOWN, TRAIN * 0.001).loss == pytest.approx(1.0), "no denoising at a small scale"
    assert published_by_hand(MEAN * 0.01)[0] < 0 and scored_by(CONSTRAINED, KNOWN, MEAN * 0.01).loss == 1.0, "kept at 0"


def one_gene(train: np.ndarray) -> np.ndarray:
    found = np.zeros_like(train)
    found[:, train.sum(axis=0).argmax()] = train.sum(axis=1)
    return found


def with_value(value: float) -> np.ndarray:
    made = MEAN * 0.001
    made[3, 7] = value
    return made


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (MEAN, r"published Poisson score is -?0\.\d+, and has to be 0\.97"),
        (one_gene(TRAIN), "less than that of the test half itself"),
        (with_value(np.nan), "cell 3, gene 7: nan is not finite"),
        (with_value(-1.0), "cell 3, gene 7: -1.0 is negative"),
        (with_value(1e9), "its largest value 1e.09 is more than"),
    ],
)
def test_what_breaks_a_constraint_is_refused_in_words(made: np.ndarray, words: str) -> None:
    with pytest.raises(Unsound, match=words):
        scored_by(CONSTRAINED, KNOWN, made)


def test_what_the_guarded_rule_refuses_is_told_as_worst_where_another_metric_is_asked_for() -> None:
    zeros = np.zeros_like(TRAIN)
    with pytest.raises(Unsound, match="every gene is 0"):
        scored_by(GUARDED, KNOWN, zeros)
    found = scored_by(PUBLISHED, KNOWN, zeros)
    assert found.figures["guarded"] == -1.0 and found.figures["published"] > 0.4, "an exploit of the published rule"


@pytest.mark.parametrize("metric", METRICS)
def test_a_task_under_each_metric(metric: str) -> None:
    backend = DenoisingBackend(sample(), metric)
    assert backend.space == without_network(SPACES[metric]) and backend.metrics == METRICS
    session = backend.open(backend.tasks(Split.REWARD)[0])
    start = session.judge(session.start, 1)
    assert start.status is Status.PASSED and session.reward(start) == pytest.approx(1.0)
    for name in ("squared", "poisson", "guarded", "published", "mass"):
        assert re.search(rf"\b{name} -?\d+\.\d{{4}}", start.feedback)
    small = session.judge(Candidate("weigh like_test = 1\nmass = 10\n"), 1)
    if metric == GUARDED:
        assert small.status is Status.BUILD_ERROR and "'mass' is none of" in small.feedback
        return
    assert session.reward(small) > 1.4
    whole = session.judge(Candidate("weigh like_test = 1\nmass = 1000\n"), 1)
    assert whole.status is (Status.WRONG if metric == CONSTRAINED else Status.PASSED)


def test_where_little_mass_breaks_the_constraints_the_start_still_counts_as_no_denoising() -> None:
    """Of uneven counts, a few genes' logarithms outweigh that most are 0."""
    source = np.random.default_rng(0)
    uneven = checked(sparse.csr_matrix(source.poisson(np.exp(source.normal(0, 2, 1800)), (300, 1800))), "uneven")
    backend = DenoisingBackend(Dataset("uneven", uneven, "ab" * 32), CONSTRAINED)
    session = backend.open(backend.tasks(Split.REWARD)[0])
    assert session.reward(session.judge(session.start, 1)) == pytest.approx(1.0)
    other = session.judge(Candidate("weigh raw = 1\nmass = 3\n"), 1)
    assert other.status is Status.WRONG and "published Poisson score is 0." in other.feedback


def test_versions_and_grammars_of_metrics_are_told_apart() -> None:
    backends = [DenoisingBackend(sample(), metric) for metric in METRICS]
    assert len({backend.version for backend in backends}) == 3
    assert backends[0].grammar.key != backends[1].grammar.key


def test_halves_that_nothing_can_be_told_of_are_bad_input() -> None:
    with pytest.raises(BadInput, match="a half has no molecule"):
        reference(HALVES.train, HALVES.test * 0)
    with pytest.raises(BadInput, match="predicts the test half perfectly"):
        reference(HALVES.test, HALVES.test)
