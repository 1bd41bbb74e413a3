"""What `agent.fit` trains hangs on the training split alone: byte for byte the same where all else is another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extras `legal` and `scrna` are not installed")
pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

from own_agents.hidden import (
    CASES,
    CELLS,
    JUDGED,
    cells_of,
    of_cases,
    of_cells,
    places_of,
    with_cells,
    with_facts,
    with_labels,
)

from kernelevo.backends.legal.data import Cases
from kernelevo.backends.pipelines import PipelineBackend
from kernelevo.backends.scrna.components import TRANSFORMS
from kernelevo.backends.scrna.data import Dataset
from kernelevo.backends.scrna.training_cells import THINNED
from kernelevo.learning import Split, folder_key

STRENGTH = 0.25


def trained(backend: PipelineBackend, into: Path) -> tuple[dict[str, bytes], str]:
    """The base's arrays, and the key of the adapter that goes on from another one: both are files of `into`."""
    agent = backend.agent
    (into / "first").mkdir()
    (into / "then").mkdir()
    agent.fit("", None, into / "first", 3, STRENGTH)
    agent.fit("", into / "first", into / "then", 4, STRENGTH)
    return {name: value.tobytes() for name, value in agent.networks.base().items()}, folder_key(into / "then")


def of(data: Cases | Dataset, folder: Path) -> tuple[dict[str, bytes], str]:
    folder.mkdir()
    opened = of_cases(data, folder / "shelf") if isinstance(data, Cases) else of_cells(data, folder / "shelf")
    return trained(opened, folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[type, tuple[dict[str, bytes], str]]:
    folder = tmp_path_factory.mktemp("plain")
    return {type(data): of(data, folder / type(data).__name__) for data in (CASES, CELLS)}


def other_training_label() -> Cases:
    labels = CASES.labels.copy()
    place = places_of((Split.TRAINING,))[0]
    labels[place] = (labels[place] + 1) % len(CASES.charges)
    return replace(CASES, labels=labels)


def other_training_count() -> Dataset:
    counts = CELLS.counts.copy()
    row = cells_of((Split.TRAINING,))[0]
    counts.data[counts.indptr[row]] += 1
    return replace(CELLS, counts=counts)


@pytest.mark.parametrize(
    "hidden", [with_labels(JUDGED), with_facts(JUDGED), with_cells(JUDGED), with_cells(JUDGED, marker=True)],
    ids=["labels", "facts", "cells", "marker"],
)  # fmt: skip
def test_an_adapter_hangs_on_nothing_that_is_judged_by(
    hidden: Cases | Dataset, plain: dict[type, tuple[dict[str, bytes], str]], tmp_path: Path
) -> None:
    assert differs(hidden)
    assert of(hidden, tmp_path / "hidden") == plain[type(hidden)]


@pytest.mark.parametrize("control", [other_training_label(), other_training_count()], ids=["label", "count"])
def test_the_control_one_label_or_molecule_of_the_training_split_makes_another(
    control: Cases | Dataset, plain: dict[type, tuple[dict[str, bytes], str]], tmp_path: Path
) -> None:
    base, adapter = of(control, tmp_path / "control")
    assert adapter != plain[type(control)][1]
    assert (base == plain[type(control)][0]) is isinstance(control, Cases), "a label is nothing to the base, a cell is"


def taught(cells: Dataset, shelf: Path) -> list[bytes]:
    """All that pipelines use of the training split's cells."""
    backend = of_cells(cells, shelf)
    session = backend.open(backend.tasks(Split.GATE)[0])
    assert session._training is not None
    made = [session._training.directions(kind) for kind in (*TRANSFORMS, THINNED)]
    fitted = [session._training.regression(transform) for transform in TRANSFORMS]
    arrays = [array for each in made for array in (each.mean, each.rows)]
    arrays += [array for each in fitted for array in (each.directions.rows, each.variances, each.products, each.mean)]
    return [array.tobytes() for array in arrays]


def test_what_training_cells_teach_pipelines_hangs_on_them_alone(tmp_path: Path) -> None:
    plain = taught(CELLS, tmp_path / "plain")
    for number, hidden in enumerate((with_cells(JUDGED), with_cells(JUDGED, marker=True))):
        assert differs(hidden) and taught(hidden, tmp_path / str(number)) == plain
    control = taught(other_training_count(), tmp_path / "control")
    assert sum(one != other for one, other in zip(control, plain, strict=True)) > len(plain) / 2


def differs(hidden: Cases | Dataset) -> bool:
    """In every judged case or cell, and in none of the training split."""
    if isinstance(hidden, Cases):
        facts = [one != other for one, other in zip(hidden.facts, CASES.facts, strict=True)]
        return np.flatnonzero(np.array(facts) | (hidden.labels != CASES.labels)).tolist() == places_of(JUDGED)
    changed = (hidden.counts != CELLS.counts).toarray().any(axis=1)
    return np.flatnonzero(changed).tolist() == cells_of(JUDGED)
