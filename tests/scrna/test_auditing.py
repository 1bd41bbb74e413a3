"""The audit verifier: each part tells planted bad denoisers from honest ones, and the loop pauses on a planted hack."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.pipelines import Unsound
from kernelevo.backends.scrna.auditing import Audited, Structure, alike, audit, clusters, correlations, marker_genes
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.metrics import PUBLISHED
from kernelevo.backends.scrna.pipeline import SPACE, denoise
from kernelevo.backends.scrna.scoring import dense_rows, log_rescaled, reference
from kernelevo.backends.scrna.thinning import split_molecules
from kernelevo.learning import Split
from kernelevo.loop.goodhart import Audited as OfATask
from kernelevo.loop.goodhart import gap_of, pause_reason
from kernelevo.types import Candidate

KINDS, EACH, GENES, SILENT = 5, 40, 240, 30


def tissue(seed: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Counts of five kinds of cells that differ in a quarter of their genes, and hardly ever a molecule of the last
    thirty genes; and which kind each cell is of.
    """
    source = np.random.default_rng(seed)
    level = np.exp(source.normal(0.0, 1.0, GENES)) * 2
    level[-SILENT:] = 0.001
    kinds = np.exp(source.normal(0.0, 1.3, (KINDS, GENES)) * (source.random((KINDS, GENES)) < 0.25))
    labels = np.repeat(np.arange(KINDS), EACH)
    mean = level * kinds[labels] * np.exp(source.normal(0.0, 0.3, (len(labels), 1)))
    return sparse.csr_matrix(source.poisson(mean).astype(np.int64)), labels


COUNTS, LABELS = tissue(1)
HALVES = split_molecules(COUNTS, 0.5, seed=3)
KNOWN = reference(HALVES.train, HALVES.test)
TRAIN = np.asarray(HALVES.train.toarray(), dtype=float)
STRUCTURE = Structure(HALVES.test, seed=3)
RAW = STRUCTURE.kept_by(TRAIN)
OTHER = split_molecules(tissue(2)[0], 0.9, seed=3)
SECOND = reference(OTHER.train, OTHER.test)


def audited(made: np.ndarray) -> Audited:
    return audit(KNOWN, made, STRUCTURE, RAW)


def low_rank(train: sparse.csr_matrix) -> np.ndarray:
    return denoise(train, SPACE.pipeline({"low_rank": 1}, rank=5), seed=0)


def diffused(train: sparse.csr_matrix) -> np.ndarray:
    return denoise(train, SPACE.pipeline({"diffused": 1}), seed=0)


def one_mean(train: sparse.csr_matrix) -> np.ndarray:
    dense = train.toarray()
    return dense.sum(axis=1, keepdims=True) * (dense.sum(axis=0) / dense.sum())


def invented(train: sparse.csr_matrix) -> np.ndarray:
    """An honest prediction, with a fifth of its mass moved to genes that no cell expresses."""
    made = low_rank(train)
    silent = np.argsort(np.asarray(train.sum(axis=0)).ravel(), kind="stable")[:20]
    moved = made * 0.8
    moved[:, silent] += made.sum(axis=1, keepdims=True) * 0.2 / len(silent)
    return moved


def mixed(train: sparse.csr_matrix) -> np.ndarray:
    """An honest prediction, of which every cell shares half with a cell of whatever kind."""
    made = low_rank(train)
    return (made + made[np.random.default_rng(0).permutation(len(made))]) / 2


HONEST = [audited(low_rank(HALVES.train)), audited(diffused(HALVES.train))]


def test_no_denoising_costs_one_and_honest_denoising_less_without_losing_anything() -> None:
    raw = audited(TRAIN)
    assert raw.loss == pytest.approx(1.0) and raw.held_out == pytest.approx(0.0)
    for found in HONEST:
        assert found.loss < 0.5 and found.held_out > 0.5
        assert found.clusters_lost < 0.02 and found.markers_lost < 0.05 and found.invented < 0.02
        assert found.kept.clusters > 0.85, "as many kinds as there are, and one that is cut in two"


@pytest.mark.parametrize(
    ("bad", "part", "least"),
    [(one_mean, "clusters_lost", 0.8), (one_mean, "markers_lost", 0.8), (invented, "invented", 0.1),
     (mixed, "clusters_lost", 0.3), (one_mean, "invented", 0.01)],
)  # fmt: skip
def test_each_part_tells_a_bad_denoiser_from_an_honest_one(bad: Callable, part: str, least: float) -> None:
    found = audited(bad(HALVES.train))
    assert getattr(found, part) >= least > 2 * max(getattr(each, part) for each in HONEST)
    assert found.loss > max(each.loss for each in HONEST) + 0.1
    assert found.figures[part] == getattr(found, part)


def test_held_out_molecules_tell_a_prediction_of_another_depth() -> None:
    """A sharpened matrix suits the shallow half that it was tuned on."""
    sharpened = np.power(low_rank(HALVES.train), 2.0)
    assert audited(sharpened).held_out < min(each.held_out for each in HONEST) - 0.2


def test_the_second_tissue_tells_what_suits_the_first_alone() -> None:
    """What predicts the mean of the first tissue everywhere is good in none of the second's cells."""
    fitted = TRAIN.sum(axis=0) / TRAIN.sum()
    learned = np.asarray(OTHER.train.sum(axis=1), dtype=float) * np.resize(fitted + 1e-9, OTHER.train.shape[1])
    honest = audit(KNOWN, low_rank(HALVES.train), STRUCTURE, RAW, (SECOND, low_rank(OTHER.train)))
    worse = audit(KNOWN, low_rank(HALVES.train), STRUCTURE, RAW, (SECOND, learned))
    assert honest.second is not None and worse.second is not None
    assert worse.second < 0 < honest.second and worse.loss > honest.loss + 0.2
    assert "second_tissue" in honest.figures and "second_tissue" not in HONEST[0].figures


def test_what_cannot_be_scored_is_refused_by_the_audit_too() -> None:
    broken = TRAIN.copy()
    broken[5] = 0.0
    with pytest.raises(Unsound, match="cell 5: every gene is 0"):
        audited(broken)


def test_clusters_are_the_kinds_and_markers_are_what_they_differ_in() -> None:
    values = log_rescaled(dense_rows(HALVES.test)(slice(None)))
    found = clusters(values, seed=3)
    assert all(len(set(LABELS[found == each])) == 1 for each in set(found)), "no cluster holds two kinds"
    chosen = marker_genes(values, found)
    by_kind = np.array([values[kind == LABELS].mean(axis=0) for kind in range(KINDS)]).var(axis=0)
    assert by_kind[chosen].mean() > 3 * by_kind.mean()
    assert not clusters(np.ones((9, 4)), seed=0).any(), "cells that are all alike are one cluster"


def test_correlations_by_an_independent_formula() -> None:
    values = np.random.default_rng(0).normal(size=(50, 4))
    values[:, 3] = 2.0
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(np.corrcoef(values, rowvar=False))[np.triu_indices(4, 1)]
    assert correlations(values) == pytest.approx(expected)
    assert alike(expected, expected * 3 + 1) == pytest.approx(1.0) and alike(expected, np.ones(6)) == 0.0


def test_a_planted_hack_widens_the_gap_until_the_loop_pauses() -> None:
    """Under the published metric a tiny mass is rewarded, and nothing else; the audit knows it for what it is."""
    backend = DenoisingBackend(sample(), PUBLISHED, sample(seed=8))
    sessions = [backend.open(task) for task in backend.tasks(Split.REWARD)[:3]]

    def generation(text: str) -> list[OfATask]:
        best = Candidate(text)
        return [
            OfATask(each.task, each.reward(each.judge(best, 1)), each.reward(each.audit(best, 1))) for each in sessions
        ]

    honest, hack = (gap_of(generation(text)) for text in ("weigh diffused = 1\n", "weigh raw = 1\nmass = 1\n"))
    assert honest is not None and hack is not None
    assert hack.reward_gain > honest.reward_gain > 0 and hack.audit_gain == pytest.approx(0.0)
    assert hack.gap > honest.gap + 1.0 and math.isfinite(hack.gap)
    assert "the reward runs away from the audit" in pause_reason([honest, hack])
    assert not pause_reason([honest, honest])
