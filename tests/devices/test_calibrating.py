"""A calibration is used only for its card, with its date and format, and changes what it says it changes."""

from __future__ import annotations

import dataclasses
import datetime
import math

import pytest

from kernelevo.devices import gpus, virtual
from kernelevo.devices.calibrating import (
    PARAMETERS,
    Calibration,
    calibrated,
    calibration_of,
    read_calibration,
    written,
)
from kernelevo.devices.gpus import gpu
from kernelevo.errors import BadInput
from kernelevo.sandbox_scripted import ScriptedWall

H100 = gpu("h100")
GOOD = Calibration("h100", "NVIDIA H100 80GB HBM3", datetime.date(2026, 1, 31), "580.82", {
    "launch_us": 2.0, "dram_efficiency": 0.93, "l2_factor": 0.8, "latency_factor": 1.25, "issue_factor": 0.5,
    "overlap": 6.0,
})  # fmt: skip
TEXT = written(GOOD)


def test_what_is_written_is_read_back() -> None:
    assert read_calibration(H100, TEXT, "h100.toml") == GOOD
    assert str(GOOD) == "calibrated on NVIDIA H100 80GB HBM3, 2026-01-31, driver 580.82"


def test_there_are_at_most_six_parameters_and_each_moves_its_part_of_the_card() -> None:
    assert len(PARAMETERS) <= 6
    moved = calibrated(H100, GOOD.parameters)
    assert (moved.launch_us, moved.dram_efficiency, moved.latency_factor, moved.overlap) == (2.0, 0.93, 1.25, 6.0)
    assert moved.l2_gbps == pytest.approx(0.8 * H100.l2_gbps)
    assert moved.rates == {name: pytest.approx(0.5 * rate) for name, rate in H100.rates.items()}
    assert calibrated(H100, {}) == H100 and math.isinf(H100.overlap)
    unmoved = {"sms", "clock_mhz", "dram_gbps", "l2_bytes", "latency"}
    assert all(getattr(moved, name) == getattr(H100, name) for name in unmoved)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('gpu = "h100"', 'gpu = "a100"', "its gpu is 'a100'"),
        ("format = 1", "format = 0", "its format is 0"),
        (f"model = {gpus.bands().version}", "model = 1", "its model is 1"),
        ("measured = 2026-01-31\n", "", "not on which date"),
        ("measured = 2026-01-31", 'measured = "2026-01-31"', "not on which date"),
        ("measured = 2026-01-31", "measured = 2999-01-31", "lies in the future"),
        ('card = "NVIDIA H100 80GB HBM3"', 'card = " "', "does not name the card"),
        ('driver = "580.82"\n', "", "does not name the driver"),
        ("l2_factor = 0.8", "l2_speed = 0.8", "has a parameter l2_speed"),
        ("launch_us = 2", "launch_us = -2", "its launch_us is -2"),
        ("launch_us = 2", "launch_us = nan", "its launch_us is nan"),
        ("launch_us = 2", "launch_us = true", "its launch_us is True"),
        (TEXT.partition("[parameters]")[2], "\n", "has no parameters"),
        ("[parameters]", "[parameters", "is not TOML"),
    ],
)
def test_a_calibration_that_may_not_be_used_is_refused_in_words(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(BadInput, match=r"benchmarks/calibrate\.py") as refused:
        read_calibration(H100, TEXT.replace(old, new), "h100.toml")
    assert words in str(refused.value) and "h100.toml" in str(refused.value)


def test_a_calibration_of_another_card_is_refused() -> None:
    with pytest.raises(BadInput, match="virtual:l4 needs 'l4'"):
        read_calibration(gpu("l4"), TEXT, "l4.toml")


@pytest.mark.parametrize("name", gpus.names())
def test_no_card_has_been_measured_so_none_is_calibrated(name: str) -> None:
    """When a real card is measured, this test goes, and the file names card and date."""
    assert calibration_of(gpu(name)) is None


def test_a_calibrated_device_names_card_and_date_and_uses_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = ScriptedWall([])
    plain = virtual.VirtualDevice(H100, wall)
    monkeypatch.setattr(virtual, "calibration_of", lambda card: GOOD if card == H100 else None)
    device = virtual.VirtualDevice(H100, wall)
    assert (plain.calibration, device.calibration) == ("not calibrated", str(GOOD))
    assert (plain.properties["launch_ns"], device.properties["launch_ns"]) == (2500, 2000)
    assert virtual.VirtualDevice(gpu("l4"), wall).calibration == "not calibrated"


def test_the_table_itself_holds_no_calibrated_parameter() -> None:
    for name in gpus.names():
        plain = {field.name: field.default for field in dataclasses.fields(gpu(name))}
        assert (gpu(name).latency_factor, gpu(name).overlap) == (plain["latency_factor"], plain["overlap"])
