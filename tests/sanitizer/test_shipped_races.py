"""The shipped kernels have no races: of the jobs that a check gives the virtual device, one of each plan and case is
done once more with the check of races.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernelevo.cli import main
from kernelevo.devices.virtual import VirtualDevice
from kernelevo.types import Budget, Image, Job, RunReport

KERNELS = Path(__file__).parent.parent.parent / "kernels"
SHIPPED = sorted(path.name for path in KERNELS.glob("*.cu"))


@pytest.fixture
def raced(monkeypatch: pytest.MonkeyPatch) -> list[RunReport]:
    """What the additional launches reported; it fills while the virtual device runs jobs."""
    seen: list[RunReport] = []
    run = VirtualDevice.run

    def run_twice(self: VirtualDevice, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        different = {job.steps: job for job in jobs if not job.profile}
        checked = [
            dataclasses.replace(job, track_uninitialised=False, check_races=True, max_faults=10)
            for job in different.values()
        ]
        seen.extend(run(self, image, checked, budget))
        return run(self, image, jobs, budget)

    monkeypatch.setattr(VirtualDevice, "run", run_twice)
    return seen


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_kernel_has_no_race(name: str, raced: list[RunReport]) -> None:
    assert main(["check", str(KERNELS / name)]) == 0
    assert raced, "no job was done with the check of races"
    for report in raced:
        assert (report.ended, report.faults, report.remarks) == ("done", (), ())
