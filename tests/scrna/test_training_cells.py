"""What the training split's cells teach a pipeline."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from kernelevo.backends.keeping import anew
from kernelevo.backends.pipelines import Pipeline, Unsound
from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna import training_cells
from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.pipeline import REGRESSED, SPACE, denoise, without_network
from kernelevo.backends.scrna.scoring import dense_rows, log_rescaled, score_guarded
from kernelevo.backends.scrna.thinning import TRAIN_SHARE, split_molecules
from kernelevo.backends.scrna.training_cells import THINNED, Taught, TrainingCells

COUNTS = sample(480, 240, seed=5).counts
TRAINING, TASK = COUNTS[:400], COUNTS[400:]
HALVES = split_molecules(TASK, TRAIN_SHARE, seed=0)
TAUGHT = Taught(TrainingCells(TRAINING), HALVES.genes)
KINDS = (*parts.TRANSFORMS, THINNED)


def guarded(pipeline: Pipeline, taught: Taught | None = TAUGHT) -> float:
    made = denoise(HALVES.train, pipeline, 0, anew, None, taught)
    return score_guarded(HALVES.train, HALVES.test, dense_rows(made)).guarded


@pytest.mark.parametrize("kind", KINDS)
def test_directions_are_orthonormal_and_say_more_of_cells_than_as_many_at_random(kind: str) -> None:
    found = TAUGHT.cells.directions(kind)
    assert found.rows @ found.rows.T == pytest.approx(np.eye(len(found.rows)), abs=1e-3)
    values = parts.stabilised(TRAINING, "log" if kind == THINNED else kind) - found.mean
    at_random = np.linalg.qr(np.random.default_rng(0).normal(size=(COUNTS.shape[1], 5)))[0].T
    assert np.square(values @ found.rows[:5].T).sum() > 2 * np.square(values @ at_random.T).sum()


def test_what_lies_along_the_directions_is_left_as_it_is_and_more_of_them_keep_more() -> None:
    values = parts.stabilised(HALVES.train, "log")
    two, five = (TAUGHT.projected(values, "log", rank) for rank in (2, 5))
    assert TAUGHT.cells.directions("log").rows.shape[0] == training_cells.MOST_DIRECTIONS
    if len(HALVES.genes) == COUNTS.shape[1]:
        assert TAUGHT.projected(five, "log", 5) == pytest.approx(five, abs=1e-3)
    assert np.square(values - five).sum() < np.square(values - two).sum()


@pytest.mark.parametrize("transform", parts.TRANSFORMS)
def test_the_regression_is_ridge_regression_on_these_places(transform: str) -> None:
    """Against scikit-learn's on the same dealt halves."""
    from sklearn.linear_model import Ridge

    found = TAUGHT.cells.regression(transform)
    source = np.random.default_rng(training_cells.SEED)
    halves, tests = [], []
    for _ in range(3):  # as many as MOST_DEALT leaves of 400 cells
        train = TRAINING.copy()
        train.data = source.binomial(TRAINING.data, TRAIN_SHARE)
        kept = np.flatnonzero((train.sum(axis=1) > 0) & (TRAINING.sum(axis=1) > train.sum(axis=1)))
        halves.append(parts.stabilised(train[kept], transform))
        tests.append(log_rescaled((TRAINING - train)[kept].toarray().astype(float)))
    along = (np.vstack(halves) - found.directions.mean) @ found.directions.rows.T
    ridge = Ridge(alpha=30_000.0).fit(along, np.vstack(tests))
    asked = parts.stabilised(HALVES.train, transform)
    whole = np.zeros((asked.shape[0], COUNTS.shape[1])) + found.directions.mean
    whole[:, HALVES.genes] = asked
    wanted = ridge.predict((whole - found.directions.mean) @ found.directions.rows.T)[:, HALVES.genes]
    assert TAUGHT.regressed(asked, transform, 30) == pytest.approx(wanted, abs=0.02)


def test_many_cells_of_others_denoise_better_than_a_tasks_own_few() -> None:
    own = guarded(SPACE.pipeline({"like_test": 1}, rank=5))
    others = guarded(SPACE.pipeline({"like_test": 1}, rank=5, basis="training"))
    regressed = guarded(SPACE.pipeline({REGRESSED: 1}, transform="sqrt", penalty=100))
    assert others > own + 0.02 and regressed > own + 0.02


def test_without_a_training_split_it_is_the_pipelines_own_fault() -> None:
    for pipeline in (SPACE.pipeline({REGRESSED: 1}), SPACE.pipeline({"low_rank": 1}, basis="training")):
        with pytest.raises(Unsound, match="no training split"):
            guarded(pipeline, None)
    plain = without_network(SPACE)
    assert REGRESSED not in plain.parts and not {"basis", "penalty"} & set(plain.choices)
    assert plain.text(plain.pipeline({"like_test": 1})) == "weigh like_test = 1\nrank = 10\ngamma = 100\n"


def test_a_part_of_the_cells_is_taken_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_cells, "MOST_DEALT", 100)
    few = TrainingCells(TRAINING)
    assert few.regression("log").variances.shape == (training_cells.MOST_DIRECTIONS,)
    assert few.regression("log").mean != pytest.approx(TAUGHT.cells.regression("log").mean)
    assert (few.directions("log").rows == TrainingCells(TRAINING).directions("log").rows).all()
