"""Where a run was that did not end: the kernel, and the line at which it stood.

A run that uses up its instructions is stopped by the machine, which says where. One that is killed, by the clock or for
memory, says nothing, and takes all that was asked together with it. So the same jobs are run once more, without checks
and under a budget of instructions that is over soon: the first that uses it up is told, as one that was still running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kernelevo.interfaces import Device
from kernelevo.types import Budget, Fault, Image, Job, RunReport

INSTRUCTIONS = 20_000_000
"""Of warps, by launch: more than any shipped kernel executes in a test, and about a second."""
SECONDS = 5.0


def where_stopped(report: RunReport) -> Fault | None:
    """What the report itself says of the place, if it does."""
    return next((fault for fault in report.faults if fault.kind == "budget"), None)


def look_again(
    device: Device, image: Image, jobs: Sequence[Job], cases: Sequence[str], kernels: Sequence[str], budget: Budget
) -> Fault:
    """The place at which one of `jobs` (of `cases`, one each) stood; if that cannot be found, what is known: a fault
    without a line, of all these cases and kernels.
    """
    plain = [
        replace(job, profile=False, track_uninitialised=False, check_races=False, max_faults=1, sample=None)
        for job in jobs
    ]
    reports = device.run(image, plain, replace(budget, seconds=SECONDS, warp_instructions=INSTRUCTIONS))
    found = where_stopped(reports[-1]) if reports else None
    if found is not None:
        words = f"it was still running after {INSTRUCTIONS:,} warp instructions"
        return replace(found, message=words, cases=(cases[len(reports) - 1],))
    return Fault("budget", "", ", ".join(dict.fromkeys(kernels)), cases=tuple(dict.fromkeys(cases)))
