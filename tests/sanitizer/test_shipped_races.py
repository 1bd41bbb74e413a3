"""The shipped kernels pass all checks and have no races: of the jobs that a check gives the virtual device, one of each
plan and case is done once more with the check of races. A check takes seconds, so both are asked of one.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
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
def test_a_shipped_start_passes_all_checks_and_has_no_race(
    name: str, raced: list[RunReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(KERNELS, tmp_path / "kernels")
    monkeypatch.chdir(tmp_path)
    code = main(["check", f"kernels/{name}", "--json"])
    captured = capsys.readouterr()
    assert captured.out, f"exit code {code}: {captured.err}"
    verdict = json.loads(captured.out)
    assert code == 0 and verdict["passed"] and verdict["checks"], captured.out
    assert [check for check in verdict["checks"] if not check["passed"]] == []
    assert raced, "no job was done with the check of races"
    for report in raced:
        assert (report.ended, report.faults, report.remarks) == ("done", (), ())
