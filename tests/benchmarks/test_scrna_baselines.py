"""The recorded baselines are those of the table, and the command refuses what is not."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.scrna.data import sample
from kernelevo.backends.scrna.registry import REGISTRY
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.backends.scrna.thinning import split_molecules

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "scrna_baselines.json").read_text(encoding="utf-8"))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("scrna_baselines")


def test_the_record_is_of_the_registered_file_and_within_rounding_of_the_table(command: Any) -> None:
    known = next(row for row in REGISTRY if row.name == command.DATASET)
    assert known.sha256[:16] in RECORD["dataset"] and tuple(RECORD["shape"]) == command.SHAPE
    rows = [
        command.Row(**{name: value for name, value in row.items() if name != "differs"}) for row in RECORD["rows"]
    ]
    assert [row.method for row in rows] == list(command.METHODS) == list(command.PUBLISHED)
    assert not [command.beyond(row) for row in rows if command.beyond(row)]


def test_what_rounding_does_not_explain_is_told(command: Any) -> None:
    row = replace(command.PUBLISHED["MAGIC"], squared=0.345, mass=0.8)
    assert command.beyond(row) == ["squared by +0.006000", "mass by +0.050000"]
    assert not command.beyond(replace(row, squared=0.3394, mass=0.7541))


def test_every_method_predicts_something_on_other_counts(command: Any) -> None:
    halves = split_molecules(sample(200, 400, seed=2).counts, seed=0)
    task = command._task(halves.train)
    for name, method in command.METHODS.items():
        if name != "ALRA":  # which needs a spectrum of a hundred values
            made = method(task)
            assert made.shape == halves.train.shape and np.isfinite(made).all() and (made >= 0).all()
    honest = score_guarded(halves.train, halves.test, dense_rows(command.METHODS["MAGIC"](task)))
    assert honest.guarded > 0.1


def test_another_file_is_refused(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse.save_npz(tmp_path / "a.npz", sample(200, 300).counts)
    monkeypatch.setattr(sys, "argv", ["scrna_baselines.py", "--data", str(tmp_path / "a.npz")])
    with pytest.raises(SystemExit, match="is not pbmc-1k-v3"):
        command.main()
