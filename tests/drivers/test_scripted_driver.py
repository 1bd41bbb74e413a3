"""The scripted driver: the contract, and scripts that do what a card would never admit."""

from __future__ import annotations

import dataclasses

import pytest
from conformance.driver import DriverBench, DriverContract, launch

from kernelevo.devices.drivers.scripted import ScriptedDriver, Steps
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverClear
from kernelevo.measurement import CallFailure, CallTime
from kernelevo.types import Fault, Image

LOST = CallFailure(Fault("illegal_address", "it stored where it may not", "count"), sticky=True)


class TestScriptedDriver(DriverContract):
    @pytest.fixture
    def bench(self, image: Image) -> DriverBench:
        too_new = dataclasses.replace(image, arch="sm_120")
        return DriverBench(ScriptedDriver([]), image, lambda: ScriptedDriver([]), executes=False, too_new=too_new)


def scripted(image: Image, *lines: object) -> ScriptedDriver:
    driver = ScriptedDriver(lines)  # type: ignore[arg-type]
    driver.load(image)
    return driver


def test_it_answers_line_by_line_and_then_no_more(image: Image) -> None:
    times = [CallTime(3.0, 9.0), CallTime(2.0, 8.0)]
    driver = scripted(image, *times)
    assert [driver.call([launch("stop")]) for _ in times] == times
    with pytest.raises(Infrastructure, match="no line"):
        driver.call([launch("stop")])
    assert len(driver.calls) == 3 and driver.operations == ["load", "call", "call", "call"]


def test_a_line_may_write_what_a_launch_would(image: Image) -> None:
    def wild(driver: ScriptedDriver, steps: Steps) -> CallTime:
        driver.write(place, b"forged")
        return CallTime(1.0, 1.0)

    driver = scripted(image, wild)
    place = driver.allocate(10)
    driver.fill(place, 10, 0x01010101)
    driver.call([DriverClear(place + 8, 2)])
    assert driver.read(place, 10) == b"forged\1\1\0\0"


def test_a_sticky_failure_stays(image: Image) -> None:
    driver = scripted(image, LOST, CallTime(1.0, 1.0))
    assert driver.call([]) == driver.call([]) == LOST
    with pytest.raises(Infrastructure):
        driver.allocate(4)
