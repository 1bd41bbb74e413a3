"""Where a run was that did not end: the kernel, and the line at which it stood.

A run that uses up its instructions is stopped by the machine, which says where. One that is killed, by the clock or for
memory, says nothing, and takes all that was asked together with it. So the same jobs are run once more, one by one,
without checks and each under a budget of instructions that is over soon: the first that uses it up is told, as one that
was still running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kernelevo.interfaces import Device
from kernelevo.types import Budget, Fault, Image, Job, RunReport

INSTRUCTIONS = 20_000_000
"""Of warps, by run: more than any shipped kernel executes in a test, and about a second."""
SECONDS = 5.0


def where_stopped(report: RunReport) -> Fault | None:
    """What the report itself says of the place, if it does."""
    return next((fault for fault in report.faults if fault.kind == "budget"), None)


def look_again(
    device: Device, image: Image, jobs: Sequence[Job], cases: Sequence[str], kernels: Sequence[str], budget: Budget
) -> Fault:
    """The place at which one of `jobs` (of `cases`, one each) stood; if that cannot be found, what is known: a fault
    without a line, of the case that was killed again or of all, and of all these kernels.
    """
    plain = [
        replace(job, profile=False, track_uninitialised=False, check_races=False, max_faults=1, sample=None)
        for job in jobs
    ]
    own = replace(budget, seconds=SECONDS, warp_instructions=INSTRUCTIONS)
    for job, case in zip(plain, cases, strict=True):
        reports = device.run(image, [job], own)
        found = where_stopped(reports[-1]) if reports else None
        if found is not None:
            words = f"it was still running after {INSTRUCTIONS:,} warp instructions"
            return replace(found, message=words, cases=(case,))
        if not reports or reports[-1].ended == "killed":
            return Fault("budget", "", ", ".join(dict.fromkeys(kernels)), cases=(case,))
    return Fault("budget", "", ", ".join(dict.fromkeys(kernels)), cases=tuple(dict.fromkeys(cases)))
