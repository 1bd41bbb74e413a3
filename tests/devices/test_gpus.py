"""The table of virtual GPUs is complete, and what it says of a card agrees with the card's published peaks."""

from __future__ import annotations

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


@pytest.mark.parametrize(("name", "tflops"), [("a100", 19.5), ("h100", 61.8)])
def test_fp32_peak_follows_from_the_rates(name: str, tflops: float) -> None:
    card = gpus.gpu(name)
    peak = card.sms * card.rates["fp32"] * 32 * 2 * card.clock_mhz / 1e6
    assert peak == pytest.approx(tflops, rel=0.01)


def test_h200_is_an_h100_with_faster_memory() -> None:
    assert gpus.gpu("h200").sms == gpus.gpu("h100").sms
    assert gpus.gpu("h200").dram_gbps > gpus.gpu("h100").dram_gbps


@pytest.mark.parametrize("name", ["rtx9999", "model", ""])
def test_an_unknown_gpu_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(BadInput, match="a100, h100, h200"):
        gpus.gpu(name)
