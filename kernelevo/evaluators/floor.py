"""The physics floor of a case: no call can be shorter, however clever, so a shorter time was not of this work.

    bytes    (least bytes - what may stay in L2) / peak bandwidth of DRAM
    flops    operations * LEAST_WORK / peak rate at the declared precision
    floor    the greater of the two, less what events cannot tell apart

Before a call its inputs are cold (but for `Ceilings.warm_bytes`), so that they must come from DRAM. Outputs need not
have left L2 when the call ends, so as many bytes of them as L2 holds cost nothing here. Every doubt is resolved for the
kernel: a floor catches what is impossible, not what is unlikely. docs/measuring.md has an example.
"""

from __future__ import annotations

from kernelevo.kernel.cases import Case
from kernelevo.kernel.problem import Problem
from kernelevo.measurement import Ceilings, PhysicsFloor

RESOLUTION_US = 1.0
"""Events tell half a microsecond (CUDA runtime API, cudaEventElapsedTime), one at each end."""
LEAST_WORK = 0.75
"""Of the operations that a problem declares: two levels of Strassen's method need (7/8)^2 of them."""


def physics_floor(problem: Problem, case: Case, ceilings: Ceilings) -> PhysicsFloor | None:
    """None where nothing is known, or where the floor is below what events can tell."""
    bounds = [bound for bound in (_bytes(problem, case, ceilings), _flops(problem, case, ceilings)) if bound]
    if not bounds:
        return None
    floor = max(bounds, key=lambda bound: bound.us)
    us = floor.us - RESOLUTION_US
    return PhysicsFloor(us, floor.reason) if us > 0 else None


def _bytes(problem: Problem, case: Case, ceilings: Ceilings) -> PhysicsFloor | None:
    if ceilings.dram_bytes_per_us is None:
        return None
    written = sum(tensor.nbytes(case.dims) for tensor in problem.outputs)
    kept = min(written, ceilings.l2_bytes) + ceilings.warm_bytes
    moved = problem.least_bytes(case.dims) - kept
    if moved <= 0:
        return None
    rate = ceilings.dram_bytes_per_us
    words = f"{moved:,} bytes that cannot be in L2, at {rate / 1e3:,.0f} GB/s ({ceilings.source})"
    return PhysicsFloor(moved / rate, words)


def _flops(problem: Problem, case: Case, ceilings: Ceilings) -> PhysicsFloor | None:
    rate = ceilings.flops_per_us.get(problem.compute_dtype.name)
    if problem.flops is None or rate is None:
        return None
    work = problem.flops.evaluate(case.dims) * LEAST_WORK
    words = f"{work:,.0f} operations in {problem.compute_dtype.name} at {rate / 1e6:,.4g} TFLOP/s ({ceilings.source})"
    return PhysicsFloor(work / rate, words)
