"""The benchmark of adapting fails at its limits, and the docs quote its record."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "scrna_adapting.json").read_text(encoding="utf-8"))


@pytest.fixture
def adapting(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("scrna_adapting")


def test_a_small_case_is_measured(adapting: Any) -> None:
    found = adapting.measure(120, 300)
    assert (found["cells"], found["genes"], found["dense"]) == (120, 300, 8 * 120 * 300)
    assert found["loss"][1] < found["loss"][0] and 0 < found["before"] <= found["after training"] <= found["peak"]


def test_what_is_beyond_a_limit_fails_and_is_not_recorded(
    adapting: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(adapting, "RESULT", tmp_path / "adapting.json")
    monkeypatch.setattr(sys, "argv", ["scrna_adapting.py", "--record"])
    wide = RECORD["before"] + 2 * RECORD["dense"]
    for beyond in ({"after training": wide}, {"seconds": {"base": 40.0, "adapter": 20.5, "all cells": 1.0}}):
        monkeypatch.setattr(adapting, "measure", lambda *size, beyond=beyond: {**RECORD, **beyond})
        with pytest.raises(SystemExit, match="nothing is recorded"):
            adapting.main()
    assert not (tmp_path / "adapting.json").exists()
    monkeypatch.setattr(adapting, "measure", lambda *size: RECORD)
    assert adapting.main() == 0 and (tmp_path / "adapting.json").exists()


def test_the_docs_quote_the_record() -> None:
    said = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    seconds, needed = RECORD["seconds"], (RECORD["after training"] - RECORD["before"]) / 1e6
    assert (RECORD["cells"], RECORD["genes"]) == (1000, 15_000)
    assert f"synthetic counts in {seconds['base']:.1f} s and an adapter in {seconds['adapter']:.1f} s" in said
    assert f"with {needed:.0f} MB above torch and the counts" in said
