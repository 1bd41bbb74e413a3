"""What bounds a launch: the names that devices give their bounds, in words, and their sums over a case.

A device that models time says of each launch how long every resource alone would need (`details["bounds_us"]`); the
largest one decides. A device that measures says nothing of the kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from kernelevo.types import CaseResult

RESOURCES: Mapping[str, str] = {
    "launch": "launch overhead",
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
    "atomics": "atomics (on one address they wait for each other)",
}


def resource(name: str) -> str:
    return RESOURCES.get(name, name or "unknown")


def explained(name: str) -> str:
    return EXPLAINED.get(name, resource(name))


def bounds_us(case: CaseResult) -> dict[str, float]:
    """Microseconds that each resource alone needs, and launching, largest first; empty if the device does not say."""
    total: Counter[str] = Counter()
    decided = launching = 0.0
    for step in case.steps:
        bounds = step.details.get("bounds_us", {})
        total.update(bounds)
        # Records of before waves were modelled do not say what launching took: it was all that no bound explains.
        decided += max(bounds.values(), default=0.0)
        launching += step.details.get("launch_us", 0.0)
    if total:
        total["launch"] = launching or max(case.time.microseconds - decided, 0.0)
    return dict(total.most_common())
