"""What every Device keeps. Subclass `DeviceContract` and give it a fixture `bench` (a fresh `DeviceBench`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import get_args

import pytest

from kernelevo.interfaces import Device
from kernelevo.types import Budget, Capability, Image, Job, RunReport

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
    ordered: Job | None = None
    """A job whose outputs depend on the order of its blocks."""
    unwritten: Job | None = None
    """A job in which a value that nobody wrote decides a branch."""
    racy: Job | None = None
    """A job in which nothing orders two accesses, and which comes to its end."""
    twice_bad: Job | None = None
    """A job with two different faults in one launch, after the first of which the kernel can go on."""


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

    def test_it_says_what_it_is_capable_of(self, bench: DeviceBench) -> None:
        assert bench.device.capabilities <= set(get_args(Capability))

    def test_whatever_it_is_capable_of_all_can_be_asked_for(self, bench: DeviceBench) -> None:
        """A device ignores what it cannot do: the outputs are those of the plain job."""
        asked = dataclasses.replace(
            bench.good, order=7, check_races=True, max_faults=20, track_uninitialised=True, profile=False
        )
        plain, searched = bench.device.run(bench.image, [bench.good, asked], BUDGET)
        assert plain.ended == searched.ended == "done" and searched.outputs == plain.outputs
        assert not searched.faults and not searched.remarks

    def test_another_order_is_another_order(self, bench: DeviceBench) -> None:
        job = planted(bench, "order", bench.ordered)
        usual, again, *others = (one(bench, dataclasses.replace(job, order=seed)) for seed in (0, 0, 1, 2, 3, 4, 5))
        assert usual.ended == "done" and usual.outputs == again.outputs
        assert any(other.outputs != usual.outputs for other in others)

    def test_values_that_nobody_wrote_are_tracked_where_asked(self, bench: DeviceBench) -> None:
        job = planted(bench, "uninitialised", bench.unwritten)
        found = one(bench, dataclasses.replace(job, track_uninitialised=True))
        assert found.fault is not None and found.fault.kind == "uninitialised_branch"
        assert one(bench, dataclasses.replace(job, track_uninitialised=False)).ended == "done"

    def test_races_are_found_where_asked(self, bench: DeviceBench) -> None:
        job = planted(bench, "races", bench.racy)
        found = one(bench, dataclasses.replace(job, check_races=True))
        assert found.fault is not None and found.fault.kind == "race" and len(found.fault.others) == 1
        assert one(bench, dataclasses.replace(job, check_races=False)).ended == "done"

    def test_several_faults_are_found_where_asked(self, bench: DeviceBench) -> None:
        job = planted(bench, "many faults", bench.twice_bad)
        assert len(one(bench, dataclasses.replace(job, max_faults=1)).faults) == 1
        found = one(bench, dataclasses.replace(job, max_faults=20))
        assert len({fault.ptx_line for fault in found.faults}) == 2 and found.fault == found.faults[0]


def planted(bench: DeviceBench, capability: Capability, job: Job | None) -> Job:
    """The bench's job for what the device says it can do; skips if it does not say so."""
    if capability not in bench.device.capabilities:
        pytest.skip(f"{bench.device.name} is not capable of it: {capability}")
    assert job is not None, f"{bench.device.name} says it is capable of it, so give its bench a job: {capability}"
    return job


def one(bench: DeviceBench, job: Job) -> RunReport:
    (report,) = bench.device.run(bench.image, [job], BUDGET)
    return report
