"""The record of the modelled gains: every shipped kernel is in it, and single rows are recorded beside the others."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
RECORD = ROOT / "benchmarks" / "results" / "shipped_gains-virtual_h100.json"


@pytest.fixture
def command() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shipped_gains", ROOT / "benchmarks" / "shipped_gains.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(best_us: float) -> dict:
    return {"baseline_us": 4.0, "best_us": best_us, "speedup": 4 / best_us, "evaluations": 1, "passed": True,
            "moves": [], "cases": [], "seconds": 1.0}  # fmt: skip


def test_every_shipped_kernel_is_recorded_and_passed() -> None:
    rows = json.loads(RECORD.read_text(encoding="utf-8"))["kernels"]
    assert set(rows) == {file.stem for file in (ROOT / "kernels").glob("*.cu")}
    assert all(each["passed"] for each in rows.values())
    for name in ("attention_unfused", "batch_norm", "cross_entropy", "mlp"):
        assert rows[name]["speedup"] > 1.2 and rows[name]["moves"]


def test_one_row_is_recorded_beside_the_others(
    command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kernels").mkdir()
    for name in ("first", "second", "third"):
        (tmp_path / "kernels" / f"{name}.cu").touch()
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "optimise", lambda kernel, options: row(2.0))
    monkeypatch.setattr(sys, "argv", ["shipped_gains.py", "--write"])
    assert command.main() == 0
    monkeypatch.setattr(command, "optimise", lambda kernel, options: row(1.0))
    monkeypatch.setattr(sys, "argv", ["shipped_gains.py", "--write", "--only", "second"])
    assert command.main() == 0
    assert "second" in capsys.readouterr().out.splitlines()[-1]
    written = json.loads((tmp_path / "benchmarks" / "results" / RECORD.name).read_text(encoding="utf-8"))["kernels"]
    assert {name: each["best_us"] for name, each in written.items()} == {"first": 2.0, "second": 1.0, "third": 2.0}
    with pytest.raises(SystemExit, match="no shipped kernel fourth"):
        command.kernels(["fourth"])
