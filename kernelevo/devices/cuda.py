"""The devices that time single calls: `cuda:N`, a real card, and `cuda:virtual`, the same code on the virtual GPU.

Both drive a card through a Driver in a process of its own, one call at a time (devices/measuring/). What `cuda:virtual`
tells are modelled times and says so; it is there so that all of this is tested where there is no card, and attacked.
Neither knows another order of threads, and neither looks for races: a device of their own does (`virtual:h100`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelevo.defences import ALL, Defences
from kernelevo.devices import gpus
from kernelevo.devices.measuring.session import Conditions, Session
from kernelevo.interfaces import CallReport
from kernelevo.measurement import Ceilings
from kernelevo.types import Budget, Capability, Figure, How, Image, Job, Launch, RunReport, StepReport

VIRTUAL = "cuda:virtual"
VIRTUAL_ROW = "h100"
MODELLED = "not calibrated; the measuring path on the virtual GPU, which measures nothing"
NOISE_BAND = 0.02
"""Two measured times closer than this are not told apart without an interval; an A/A run tells a card's own."""


@dataclass(frozen=True)
class Nature:
    """What a card is to a device: its name there, whether it is real, and its ceilings."""

    name: str
    how: How
    ceilings: Ceilings


class CudaDevice:
    """Implements interfaces.MeasuringDevice. What is in `conditions` belongs to it and is closed with it."""

    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, nature: Nature, conditions: Conditions) -> None:
        card = conditions.card
        self.name = nature.name
        self.how: How = nature.how
        self.arch = card.arch
        self.ceilings = nature.ceilings
        self.properties: Mapping[str, int] = {**card.properties, **_reported(nature)}
        self.band = NOISE_BAND if nature.how == "measured" else gpus.bands().comparison_band
        self.calibration = "" if nature.how == "measured" else MODELLED
        self.versions = {**card.versions, "card": card.name}
        self._conditions = conditions

    def open_session(self, candidate: Image, start: Image | None, budget: Budget, defences: Defences) -> Session:
        return Session(self._conditions, candidate, start, budget, defences)

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        """Each job is one call, in memory that is written anew; see interfaces.Device."""
        reports: list[RunReport] = []
        if not jobs:
            return reports
        started = time.monotonic()
        session = self.open_session(image, None, budget, ALL)
        try:
            for job in jobs:
                if time.monotonic() - started > budget.seconds:
                    return [*reports, RunReport("killed", {}, (), reason=f"more than {budget.seconds:g} s")]
                reports.append(self._report(job, session.call("candidate", "job", job, frozenset(), True)))
                if reports[-1].ended != "done":
                    break
        finally:
            session.close()
        return reports

    def close(self) -> None:
        self._conditions.watch.close()

    def _report(self, job: Job, call: CallReport) -> RunReport:
        if call.ended != "done" or call.sample is None:
            return RunReport(call.ended, {}, (), call.fault, call.reason)
        kernels = " + ".join(step.kernel for step in job.steps if isinstance(step, Launch))
        time_us = Figure(call.sample.event_us, "us", self.name, self.how) if job.profile else None
        return RunReport("done", call.outputs, (StepReport(kernels, {}, time=time_us),))


def _reported(nature: Nature) -> dict[str, int]:
    """What reports and proposers ask of a card besides its own properties, where a data sheet tells."""
    known = {"dram_bytes_per_us": nature.ceilings.dram_bytes_per_us, "launch_ns": 0,
             "fp32_flops_per_us": nature.ceilings.flops_per_us.get("f32")}  # fmt: skip
    if nature.how == "modelled" or None in known.values():
        return {}
    return {name: round(value) for name, value in known.items() if value is not None}
