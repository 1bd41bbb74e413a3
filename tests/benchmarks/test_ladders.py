"""The ladder table is what the record says, the record has every step, and a step is judged by direction and band."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernelevo.devices import gpus

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "ladders.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "time-model.md").read_text(encoding="utf-8")
CARDS = (ROOT / "benchmarks" / "ladders" / "cards.toml").read_text(encoding="utf-8")


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "ladders"))
    return importlib.import_module


@pytest.fixture
def ladders(benchmark_module: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command's file; `import ladders` would find the folder beside it."""
    spec = importlib.util.spec_from_file_location("ladders_command", ROOT / "benchmarks" / "ladders.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def step(published: float, modelled: float) -> Any:
    return SimpleNamespace(rung=SimpleNamespace(published=published), modelled=modelled)


@pytest.mark.parametrize(
    ("published", "modelled", "seen"),
    [
        (2.0, 3.0, "yes"),
        (0.5, 0.7, "yes"),
        (1.1, 0.9, "yes"),
        (2.0, 1.1, "too small"),
        (2.0, 1.0, "too small"),
        (1.1, 2.0, "too large"),
        (2.0, 0.9, "no"),
        (2.0, 0.5, "no"),
        (0.9, 2.0, "no"),
    ],
)
def test_how_a_step_is_seen(ladders: Any, published: float, modelled: float, seen: str) -> None:
    assert ladders.sight(step(1, 1), step(published, modelled)) == seen


def test_the_record_is_of_this_model_and_has_every_published_step(benchmark_module: Any) -> None:
    rungs = benchmark_module("rungs")
    assert RECORD["model"] == gpus.bands().version and RECORD["how"] == "modelled"
    recorded = {
        item["name"]: [(row["kernel"], row["published"]) for row in item["rungs"]] for item in RECORD["ladders"]
    }
    assert recorded == {
        ladder.name: [(rung.kernel, rung.published) for rung in ladder.rungs] for ladder in rungs.LADDERS
    }
    tolerances = {ladder.name: ladder.tolerance for ladder in rungs.LADDERS}
    for item in RECORD["ladders"]:
        assert all(row["error"] <= tolerances[item["name"]] for row in item["rungs"])


def test_the_page_shows_the_record(ladders: Any) -> None:
    assert ladders.with_table(PAGE, RECORD) == PAGE
    changed = json.loads(json.dumps(RECORD))
    changed["ladders"][0]["rungs"][0]["modelled"] *= 2
    assert ladders.with_table(PAGE, changed) != PAGE
    with pytest.raises(SystemExit, match="markers"):
        ladders.with_table("a page", RECORD)


def test_every_step_that_the_model_does_not_see_has_its_reason() -> None:
    missed = [row for item in RECORD["ladders"] for row in item["rungs"] if row["seen"] not in ("", "yes")]
    assert missed and all(row["why"] for row in missed)
    assert "not explained yet" not in PAGE


def test_the_kernels_have_the_names_of_the_steps(benchmark_module: Any) -> None:
    for ladder in benchmark_module("rungs").LADDERS:
        text = (ROOT / "benchmarks" / "ladders" / f"{ladder.name.lower()}.cu").read_text(encoding="utf-8")
        found = re.findall(r'extern "C" __global__ void (?:__launch_bounds__\(\d+\) )?(\w+)\(', text)
        assert found == [rung.kernel for rung in ladder.rungs]


def test_every_constant_of_the_benchmark_cards_has_a_source() -> None:
    marks = gpus.sources(CARDS)
    assert len(marks) > 100 and all(marks.values()), [key for key, mark in marks.items() if not mark]
    peaks = {"rtx_a6000": 38.7, "rtx_3090": 35.6, "rtx_3050_laptop": 6.1}
    for name, tflops in peaks.items():
        card = gpus.read_gpu(name, CARDS)
        assert card.sms * card.rates["fp32"] * 64 * card.clock_mhz / 1e6 == pytest.approx(tflops, rel=0.01)
        assert set(card.rates) == set(gpus.gpu("a100").rates) and set(card.latency) == set(gpus.gpu("a100").latency)
