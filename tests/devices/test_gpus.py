"""The table of virtual GPUs is complete, and what it says of a card agrees with the card's published peaks."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from kernelevo.devices import gpus
from kernelevo.errors import BadInput


@pytest.mark.parametrize("name", gpus.names())
def test_every_row_is_complete(name: str) -> None:
    card = gpus.gpu(name)
    assert card.name == name
    assert set(card.rates) == set(gpus.gpu("a100").rates)
    assert set(card.latency) == set(gpus.gpu("a100").latency)
    assert card.properties()["sms"] == card.sms


@pytest.mark.parametrize("name", gpus.names())
def test_every_unit_that_the_cost_model_divides_by_has_a_rate(name: str) -> None:
    card = gpus.gpu(name)
    assert all(rate > 0 for rate in card.rates.values())
    assert min(card.dram_gbps, card.l2_gbps, card.launch_us, card.same_address_atomics_per_clock) > 0
    assert card.latency["l1_hit"] < card.latency["l2_hit"] < card.latency["dram"]
    assert card.shared_bytes_per_block < card.shared_bytes_per_sm < card.l1_bytes


def test_every_constant_has_a_source_of_the_legend() -> None:
    marks = gpus.sources()
    text = resources.files(gpus.__package__ or "").joinpath("gpus.toml").read_text(encoding="utf-8")
    legend = set(re.findall(r"^# \[([A-Z])\]", text, re.MULTILINE))
    constants = {f"{section}.{key}" for section, row in _sections(tomllib.loads(text)).items() for key in row}
    assert set(marks) == constants
    assert {key for key, mark in marks.items() if mark not in legend} == set()


def test_a_constant_without_a_source_is_seen() -> None:
    table = "[card]\nsms = 1 # [W] a page\nclock_mhz = 2\ndram_gbps = 3 # no mark\n"
    assert gpus.sources(table) == {"card.sms": "W", "card.clock_mhz": "", "card.dram_gbps": ""}


def test_every_estimate_is_listed_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "time-model.md").read_text(encoding="utf-8")
    listed = page.split("<!-- estimates -->")[1]
    estimates = {key.rpartition(".")[2] for key, mark in gpus.sources().items() if mark == "E"}
    assert estimates == set(re.findall(r"`(\w+)`", listed))


def _sections(rows: dict[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    found = {}
    for name, row in rows.items():
        found[prefix + name] = {key: value for key, value in row.items() if not isinstance(value, dict)}
        found |= _sections({key: value for key, value in row.items() if isinstance(value, dict)}, f"{prefix}{name}.")
    return found


@pytest.mark.parametrize(("name", "tflops"), [("a100", 19.5), ("h100", 61.8), ("l4", 30.3), ("rtx4090", 82.6)])
def test_fp32_peak_follows_from_the_rates(name: str, tflops: float) -> None:
    card = gpus.gpu(name)
    peak = card.sms * card.rates["fp32"] * 32 * 2 * card.clock_mhz / 1e6
    assert peak == pytest.approx(tflops, rel=0.01)


def test_h200_is_an_h100_with_faster_memory() -> None:
    assert gpus.gpu("h200").sms == gpus.gpu("h100").sms
    assert gpus.gpu("h200").dram_gbps > gpus.gpu("h100").dram_gbps


@pytest.mark.parametrize("name", ["rtx9999", "model", ""])
def test_an_unknown_gpu_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(BadInput, match="a100, h100, h200, l4, rtx4090"):
        gpus.gpu(name)
