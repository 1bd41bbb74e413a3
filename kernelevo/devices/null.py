"""A device without a machine: computes nothing, or replays reports that a test wrote. For tests and dry runs.

Without a script every output comes back as its poison and no step has a time, so that nothing can pass by it. Its
figures, if a script has any, are `modelled`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kernelevo.errors import Infrastructure
from kernelevo.types import Budget, Buffer, Capability, How, Image, Job, Launch, RunReport, StepReport

PROPERTIES: Mapping[str, int] = {
    "sms": 1,
    "warp": 32,
    "threads_per_block": 1024,
    "shared_bytes_per_block": 48 << 10,
    "registers_per_sm": 65536,
    "warps_per_sm": 64,
}


class NullDevice:
    """`script`, if given, holds one report per job, in order; when it is used up, `run` raises Infrastructure.
    `capabilities` are those that the script is written for.
    """

    def __init__(
        self,
        script: Iterable[RunReport] | None = None,
        properties: Mapping[str, int] = PROPERTIES,
        capabilities: Iterable[Capability] = (),
    ) -> None:
        self.name = "null"
        self.how: How = "modelled"
        self.arch = "sm_80"
        self.properties = dict(properties)
        self.capabilities = frozenset(capabilities)
        self.band = 0.0
        self.calibration = "not calibrated"
        self.jobs: list[Job] = []
        self._script = None if script is None else iter(script)

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        reports: list[RunReport] = []
        for job in jobs:
            self.jobs.append(job)
            reports.append(self._report(job))
            if reports[-1].ended != "done":
                break
        return reports

    def close(self) -> None:
        """Nothing is held."""

    def _report(self, job: Job) -> RunReport:
        if self._script is None:
            return _untouched(job)
        report = next(self._script, None)
        if report is None:
            raise Infrastructure(f"the null device's script has no report for job {len(self.jobs)}; add one")
        return report


def _untouched(job: Job) -> RunReport:
    """Every buffer as it was before the launches; nothing counted, nothing timed."""
    outputs = {buffer.name: _content(buffer, job.poison) for buffer in job.buffers if buffer.read_back}
    return RunReport(
        "done", outputs, tuple(StepReport(step.kernel, {}) for step in job.steps if isinstance(step, Launch))
    )


def _content(buffer: Buffer, poison: int) -> bytes:
    if buffer.data is not None:
        return bytes(buffer.data)
    return (poison.to_bytes(4, "little") * (buffer.bytes // 4 + 1))[: buffer.bytes]
