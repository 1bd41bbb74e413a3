"""The memory benchmark fails at its limit, and the docs quote its record."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "memory.json").read_text(encoding="utf-8"))
DOCUMENT = (ROOT / "docs" / "virtual-gpu.md").read_text(encoding="utf-8")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("memory")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_peak_over_the_limit_fails_and_is_not_recorded(
    memory: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: bool
) -> None:
    monkeypatch.setattr(memory, "RESULT", tmp_path / "memory.json")
    monkeypatch.setattr(memory, "LIMIT", 10**9 if allowed else 10**6)
    monkeypatch.setattr(memory, "KERNELS", ("softmax_block",))
    monkeypatch.setattr(memory, "SETTINGS", {"counters": {}})
    monkeypatch.setattr(sys, "argv", ["memory.py", "--size", "128", "--record"])
    if allowed:
        assert memory.main() == 0
    else:
        with pytest.raises(SystemExit, match="softmax_block"):
            memory.main()
    assert memory.RESULT.exists() == allowed


def test_the_record_is_of_4096_and_below_the_limit(memory: Any) -> None:
    assert RECORD["size"] == 4096
    assert {row["kernel"] for row in RECORD["rows"]} == set(memory.KERNELS)
    assert all(row["matrices"] < row["peak"] < memory.LIMIT for row in RECORD["rows"])


def test_the_docs_quote_the_peaks() -> None:
    peaks = [row["peak"] / 1e6 for row in RECORD["rows"]]
    assert f"{min(peaks):.0f} to {max(peaks):.0f} MB were recorded" in DOCUMENT
