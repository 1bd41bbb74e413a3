"""Work where a search's sample of blocks does not look, so that its provisional times are too short."""

from __future__ import annotations

from collections.abc import Sequence

from kernelevo.devices import gpus
from kernelevo.devices.virtual import PREFIX, VirtualDevice
from kernelevo.interfaces import Device
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.kernels import gain, outcome
from kernelevo.redteam.range import Range
from kernelevo.types import Budget, Image, Job, RunReport


class _TrustingDevice(VirtualDevice):
    """Takes a sample of blocks for the whole grid, however much they differ from the others."""

    def _watched_in_full(
        self, image: Image, jobs: Sequence[Job], reports: list[RunReport], budget: Budget
    ) -> list[RunReport]:
        return reports


_ONE_BLOCK = """
#pragma kernelevo launch attack<<<1024, 32>>>(a, b, c, n)
extern "C" __global__ void attack(const float* a, const float* b, float* c, int n) {
    if (blockIdx.x != HIDDEN) return;
    for (int i = threadIdx.x; i < n; i += 32) c[i] = a[i] + b[i];
}
"""


def _hidden_in_one_block(range_: Range, defended: bool) -> Outcome | Skipped:
    """One block of 1024 does all the work; it gets through if a search takes it for twice as fast as it is."""
    device: Device = range_.device
    if not defended:
        device = _TrustingDevice(gpus.gpu(range_.virtual_name.removeprefix(PREFIX)), range_.wall)
    problem = problems.ADD.with_cases(["n=200000"])
    # The sample holds each block with a chance of one in sixteen; of three texts one is hidden nearly always.
    best = Outcome(False, "no gain", "")
    for hidden in ("333", "555", "777"):
        text = _ONE_BLOCK.replace("HIDDEN", hidden)
        seen = range_.judge(problem, text, mode="search", device=device)
        whole = range_.judge(problem, text, mode="final", device=range_.device)
        if seen.score is None or whole.score is None:
            return outcome(seen if seen.score is None else whole)
        found = gain(seen, whole)
        best = found if found.got_through else best
    return best


ATTACKS = [
    Attack(
        "all work in one block", ("K13",), "does its work in a block that a search's sample of blocks hardly sees",
        "device code", ("differing samples are watched in full",), _hidden_in_one_block,
    ),
]  # fmt: skip
