"""The least time that any kernel needs for a problem on a device: its bytes at DRAM's rate, its FLOP at the FP32's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelevo.answer import Floor


def floors(problem: Any, properties: Mapping[str, int]) -> dict[str, Floor]:
    """Per benchmark case, the least time on a device of these properties; none where its bandwidth is not known."""
    if "dram_bytes_per_us" not in properties:
        return {}
    return {case.name: _floor(problem, case.dims, properties) for case in problem.benchmarks}


def _floor(problem: Any, dims: Mapping[str, int], properties: Mapping[str, int]) -> Floor:
    moved, rate, launch = problem.least_bytes(dims), properties["dram_bytes_per_us"], properties["launch_ns"] / 1e3
    bounds = [Floor(launch + moved / rate, f"at least {moved:,} bytes at {rate / 1e3:,.0f} GB/s")]
    # Half-precision inputs may go through tensor cores, whose rate is another.
    if problem.flops is not None and all(str(tensor.dtype) == "f32" for tensor in problem.inputs):
        work, speed = problem.flops.evaluate(dims), properties["fp32_flops_per_us"]
        bounds.append(Floor(launch + work / speed, f"at least {work:,} FLOP at {speed / 1e6:.3g} TFLOP/s in FP32"))
    floor = max(bounds, key=lambda bound: bound.us)
    return Floor(floor.us, f"{floor.reason}, and {launch:g} us of launch")
