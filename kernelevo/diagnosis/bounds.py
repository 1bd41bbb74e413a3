"""What bounds a launch: the names that devices give their bounds, in words, and their sums over a case.

A device that models time says of each launch how long every resource alone would need (`details["bounds_us"]`), and how
long launching takes; the largest of these decides. A device that measures says nothing of the kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kernelevo.types import CaseResult, StepReport

LAUNCH = "launch"
RESOURCES: Mapping[str, str] = {
    LAUNCH: "launch overhead",
    "issue": "instruction issue",
    "L1 sectors": "L1 sectors",
    "shared memory": "shared-memory wavefronts",
    "fp32": "FP32 units",
    "fp64": "FP64 units",
    "fp16": "FP16 units",
    "integer": "integer units",
    "wide_integer": "64-bit integer units",
    "conversion": "conversion units",
    "special": "special function units",
    "shuffle": "shuffles",
    "matrix": "tensor cores",
}
"""Names that a device gives its bounds, where they are not words already."""
EXPLAINED: Mapping[str, str] = {
    "latency": "latency (one warp's chain of dependent instructions, with too few warps to hide it)",
    "special": "special function units (exp, log, sqrt, division)",
    "constant cache": "the constant cache (lanes that want different words wait for each other)",
    "atomics": "atomics (on one address they wait for each other)",
}


def resource(name: str) -> str:
    return RESOURCES.get(name, name or "unknown")


def explained(name: str) -> str:
    return EXPLAINED.get(name, resource(name))


_ONE_PIPE = frozenset(("L1 sectors", "shared memory", "L1 data pipe"))
"""Bounds of the same banks: of what passes through them as L1, as shared memory, and of both together."""


def bounds_us(case: CaseResult) -> dict[str, float]:
    """Microseconds that each resource alone needs, and launching, largest first; empty if the device does not say."""
    return _summed(case.steps, case.time.microseconds)


def summed_us(steps: Sequence[StepReport]) -> dict[str, float]:
    """Of all steps together, as `bounds_us`."""
    return _summed(steps, sum(step.time.microseconds for step in steps if step.time))


def _summed(steps: Sequence[StepReport], time_us: float) -> dict[str, float]:
    total: Counter[str] = Counter()
    decided = launching = 0.0
    for step in steps:
        bounds = step.details.get("bounds_us", {})
        total.update(bounds)
        # Records of before waves were modelled do not say what launching took: it was all that no bound explains.
        decided += max(bounds.values(), default=0.0)
        launching += step.details.get("launch_us", 0.0)
    if total:
        total[LAUNCH] = launching or max(time_us - decided, 0.0)
    return dict(total.most_common())


def limiter_of(steps: Sequence[StepReport]) -> str:
    """What bounds these steps together; of a device that gives no bounds, what bounds the longest of them."""
    total = summed_us(steps)
    if total:
        return next(iter(total))
    return max(steps, key=lambda step: step.time.value if step.time else 0.0).limiter


def kernel_limiter(step: StepReport) -> str:
    """What bounds the kernel itself, also where launching takes longer."""
    bounds: Mapping[str, float] = step.details.get("bounds_us", {})
    return max(bounds, key=lambda name: bounds[name], default="") if step.limiter == LAUNCH else step.limiter


def next_after(first: str, bounds: Mapping[str, float]) -> tuple[str, float] | None:
    """The longest of the other bounds with its time, without what is the same pipe as the first; None if that is 0."""
    same = _ONE_PIPE if first in _ONE_PIPE else {first}
    rest = {name: us for name, us in bounds.items() if name not in same and us}
    return max(rest.items(), key=lambda item: item[1], default=None)
