"""The comparison with other tools cannot be won by a wrong result or an absent peer, and the docs quote its record."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "peers.json").read_text(encoding="utf-8"))
SECTION = (ROOT / "docs" / "virtual-gpu.md").read_text(encoding="utf-8").partition("## Beside other tools")[2]


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "peers"))
    return importlib.import_module


@pytest.mark.parametrize("size", ["large", "small"])
def test_a_right_result_is_accepted_and_one_wrong_element_is_not(benchmark_module: Any, size: str) -> None:
    for work in getattr(benchmark_module("works"), size)():
        work.check("a peer", work.expected)
        wrong = np.array(work.expected)
        wrong.flat[-1] *= 1.001
        with pytest.raises(AssertionError, match="a peer computes"):
            work.check("a peer", wrong)


def test_outputs_start_as_something_else_than_the_result(benchmark_module: Any) -> None:
    works = benchmark_module("works")
    for work in [*works.large(), *works.small(), works.one_block()]:
        with pytest.raises(AssertionError):
            work.check("nobody", work.values[work.output])


def test_the_virtual_gpu_computes_the_small_works(benchmark_module: Any) -> None:
    small = benchmark_module("works").small()
    peer = benchmark_module("virtual_gpu").VirtualGpu(small)
    for work, result in zip(small, peer.results(), strict=True):
        work.check(peer.name, result)


def test_a_peer_that_is_not_installed_is_missing(
    benchmark_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    oclgrind, timings = benchmark_module("oclgrind"), benchmark_module("timings")
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = oclgrind.find_oclgrind([], tmp_path)
    assert isinstance(found, timings.Missing)
    assert "install" in found.reason


def test_a_run_without_a_peer_is_not_recorded(
    benchmark_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    peers, missing = benchmark_module("peers"), benchmark_module("timings").Missing("a peer", "it is away")
    monkeypatch.setattr(peers, "RESULT", tmp_path / "peers.json")
    with pytest.raises(SystemExit, match="a peer"):
        peers._write({}, [missing])
    assert not peers.RESULT.exists()
    peers._write({}, [])
    assert peers.RESULT.exists()


def test_the_record_holds_every_peer() -> None:
    assert RECORD["skipped"] == {}
    assert {row["peer"] for row in RECORD["rows"]} == set(RECORD["versions"])
    assert len(RECORD["versions"]) == 7


def test_the_docs_quote_the_record() -> None:
    lines = SECTION.splitlines()
    for row in RECORD["rows"]:
        if row["peer"] != "virtual GPU":
            (line,) = [line for line in lines if line.startswith(f"| {row['kernel']} {row['shape']} |")]
            assert f" {quoted(row['times_virtual'])} |" in line, row


def quoted(times: float) -> str:
    """Three digits of how many times faster, or one over how many times slower."""
    if times < 1:
        return f"1/{1 / times:.1f}"
    return f"{times:.3g} x" if times < 1000 else f"{times:.0f} x"
