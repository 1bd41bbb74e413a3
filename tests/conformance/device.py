"""What every Device keeps. Subclass `DeviceContract` and give it a fixture `bench` (a fresh `DeviceBench`)."""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.interfaces import Device
from kernelevo.types import Budget, Image, Job

BUDGET = Budget(60.0, 1 << 30, 10**8)


@dataclass(frozen=True)
class DeviceBench:
    """A device with jobs whose ends are known.

    `good` ends well and reads back every buffer: "x" keeps its data, "y" is not written before or holds anything.
    `profiled` is the same with profile=True. `bad` does not end well (a fault or a limit, of the program).
    """

    device: Device
    image: Image
    good: Job
    profiled: Job
    bad: Job
    timed: bool
    """Whether the device gives times (a null device has none)."""


class DeviceContract:
    def test_it_says_what_it_is(self, bench: DeviceBench) -> None:
        assert bench.device.name and bench.device.how in ("measured", "modelled")
        assert bench.device.arch.startswith("sm_") and bench.device.band >= 0
        assert bool(bench.device.calibration) == (bench.device.how == "modelled")
        needed = {"sms", "warp", "threads_per_block", "shared_bytes_per_block", "registers_per_sm"}
        assert needed <= set(bench.device.properties)

    def test_jobs_are_answered_in_order(self, bench: DeviceBench) -> None:
        reports = bench.device.run(bench.image, [bench.good, bench.good], BUDGET)
        assert [report.ended for report in reports] == ["done", "done"]

    def test_what_is_to_be_read_back_comes_back_in_full(self, bench: DeviceBench) -> None:
        (report,) = bench.device.run(bench.image, [bench.good], BUDGET)
        wanted = {buffer.name: buffer.bytes for buffer in bench.good.buffers if buffer.read_back}
        assert {name: len(content) for name, content in report.outputs.items()} == wanted
        x = next(buffer for buffer in bench.good.buffers if buffer.name == "x")
        assert bytes(report.outputs["x"]) == bytes(x.data or b"")

    def test_it_stops_at_the_first_job_that_does_not_end_well(self, bench: DeviceBench) -> None:
        reports = bench.device.run(bench.image, [bench.good, bench.bad, bench.good], BUDGET)
        assert len(reports) == 2
        assert reports[0].ended == "done" and reports[1].ended != "done"

    def test_a_bad_job_leaves_the_device_usable(self, bench: DeviceBench) -> None:
        bench.device.run(bench.image, [bench.bad], BUDGET)
        assert bench.device.run(bench.image, [bench.good], BUDGET)[0].ended == "done"

    def test_no_job_means_no_report(self, bench: DeviceBench) -> None:
        assert bench.device.run(bench.image, [], BUDGET) == []

    def test_a_profiled_job_is_timed_by_this_device(self, bench: DeviceBench) -> None:
        time = bench.device.run(bench.image, [bench.profiled], BUDGET)[0].time
        assert (time is not None) == bench.timed
        if time is not None:
            assert time.unit == "us" and time.value > 0
            assert (time.device, time.how) == (bench.device.name, bench.device.how)
