"""`scripts/train-tiny`, from traces to a base that is loaded: one command, the same weights each time."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

from tiny.traces import GRAMMAR, write_traces

from kernelevo.models.tiny.base import RECIPE, WEIGHTS, read_base

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "train-tiny"


def train(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    code: int = runpy.run_path(str(SCRIPT))["main"]()
    return code


def test_it_writes_a_base_with_its_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_traces(tmp_path / "a.jsonl.gz", ["wide-1", "chained-31"])
    made = [tmp_path / "one", tmp_path / "two"]
    for folder in made:
        words = ("--backend", "scripted", "--traces", str(tmp_path), "--out", str(folder), "--epochs", "1")
        assert train(monkeypatch, *words) == 0
    told = capsys.readouterr().out
    assert "training: 6 states of 1 problems" in told and "epoch 1: loss" in told
    base = read_base(made[0], GRAMMAR)
    recipe = json.loads((made[0] / RECIPE).read_text())
    assert base.sentence in told and recipe["training"]["trained_on"]["problems"] == 1
    assert (made[0] / WEIGHTS).read_bytes() == (made[1] / WEIGHTS).read_bytes()


def test_what_is_wrong_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(monkeypatch, "--backend", "scripted", "--traces", str(tmp_path / "none.jsonl")) == 2
    told = capsys.readouterr().err
    assert told.startswith("scripts/train-tiny: the traces") and told.count("\n") == 1
