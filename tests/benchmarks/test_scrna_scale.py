"""The benchmark of many cells fails at its limits, and the docs quote its record."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "scrna_scale.json").read_text(encoding="utf-8"))
DOCUMENT = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("scrna_scale")


def test_a_small_case_is_measured_in_a_process_of_its_own(scale: Any) -> None:
    words = [sys.executable, scale.__file__, "--case", "large", "--cells", "400", "--genes", "600"]
    row = scale.Row(**json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout))
    assert (row.cells, row.genes, row.dense) == (400, 600, 8 * 400 * 600)
    assert 0 < row.before <= row.peak and row.guarded > 0.1 and 500 * 400 < row.molecules < 4000 * 400
    assert set(row.seconds) == {"thinning", "denoising", "scoring", "scoring by the published rule"}


def test_what_is_beyond_a_limit_fails_and_is_not_recorded(
    scale: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = scale.Row(**RECORD["rows"][0])
    monkeypatch.setattr(scale, "RESULT", tmp_path / "scale.json")
    monkeypatch.setattr(sys, "argv", ["scrna_scale.py", "--record"])
    slow = {"thinning": 10.5}
    monkeypatch.setattr(scale, "_in_a_process_of_its_own", lambda case, *size: replace(told, case=case, seconds=slow))
    with pytest.raises(SystemExit, match=r"took 10\.5 s, and 10 are allowed"):
        scale.main()
    heavy = replace(told, peak=told.before + 2 * told.dense)
    assert scale.beyond(heavy) == ["1,000 x 15,000 needed 2.00 dense matrices; 2 are allowed"]
    assert not scale.RESULT.exists()
    monkeypatch.setattr(scale, "_in_a_process_of_its_own", lambda case, *size: replace(told, case="small"))
    assert scale.main() == 0 and scale.RESULT.exists()


def test_the_record_keeps_the_limits_and_the_docs_quote_it(scale: Any) -> None:
    small, large = (scale.Row(**row) for row in RECORD["rows"])
    assert (small.cells, small.genes) == scale.SMALL and (large.cells, large.genes) == (100_000, 15_000)
    assert not scale.beyond(small) and not scale.beyond(large)
    assert f"{small.whole:.1f} s and {(small.peak - small.before) / 1e6:.0f} MB above" in DOCUMENT
    assert f"100,000 x 15,000 in {large.whole / 60:.0f} minutes" in DOCUMENT
    peak, dense = (large.peak - large.before) / 1e9, large.dense / 1e9
    words = " ".join(DOCUMENT.split())
    assert f"{peak:.1f} GB above its counts, where the dense matrix would take {dense:.0f} GB" in words
