"""Races in a kernel that is made so slow to search that nobody waits for the end of it."""

from __future__ import annotations

from collections.abc import Sequence

from kernelevo.defences import ALL
from kernelevo.devices import gpus
from kernelevo.devices.virtual import PREFIX, VirtualDevice
from kernelevo.evaluators.sanitizing import BEGINNINGS
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.attacks.races import total
from kernelevo.redteam.kernels import outcome
from kernelevo.redteam.range import Range
from kernelevo.types import Budget, Image, Job, RunReport

_LARGE = 50_000
"""Bytes of an input that only a timed size has."""
_BUDGET = Budget(seconds=30.0, memory_bytes=1 << 30, warp_instructions=5_000_000)
_TEXT = total("if (n > 10000) *out += sum; else atomicAdd(out, sum);")


class _Impatient(VirtualDevice):
    """Has no time for a whole search at a timed size, so that nothing here needs to be slow in fact."""

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        searched = any(job.check_races and job.buffers[0].bytes > _LARGE for job in jobs)
        if searched and budget.warp_instructions > BEGINNINGS[0]:
            return [RunReport("killed", {}, (), reason="it did not end in time")]
        return super().run(image, jobs, budget)


def _slow(range_: Range, defended: bool) -> Outcome | Skipped:
    defences = ALL if defended else ALL.without("searched_in_part")
    device = _Impatient(gpus.gpu(range_.virtual_name.removeprefix(PREFIX)), range_.wall)
    return outcome(range_.judge(problems.TOTAL, _TEXT, defences, device=device, budget=_BUDGET))


ATTACKS = [
    Attack(
        "too slow to be searched", ("K31",), "races at a timed size, whose search for races takes too long",
        "device code", ("searched_in_part",), _slow,
    ),
]  # fmt: skip
