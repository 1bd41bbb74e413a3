"""What a verdict's counters say is wrong with a candidate, in words that rule settings use.

    scattered   of the bytes in the 32-byte sectors that were moved, less than half were asked for
    contended   one address took more than a thousand atomic updates
    rereading   more than 1.3 times the bytes were asked for that the problem needs at least
    narrow      a lane moved on average no more than 4 bytes in one request

The counters are those of vgpu::Counts (sandbox/vgpu/machine.h). The thresholds only decide in which order rules are
tried.
"""

from __future__ import annotations

from kernelevo.kernel.problem import Problem
from kernelevo.types import CaseResult, Verdict

SYMPTOMS = ("scattered", "contended", "rereading", "narrow")
_SECTOR, _LANES = 32, 32


def symptoms(verdict: Verdict, problem: Problem) -> frozenset[str]:
    """The symptoms that some case of the verdict shows; without counters there are none."""
    return frozenset(name for case in verdict.cases for name in _of_case(case, problem))


def _of_case(case: CaseResult, problem: Problem) -> list[str]:
    counts = case.counters
    sectors = counts.get("global_load_sectors", 0) + counts.get("global_store_sectors", 0)
    requests = counts.get("global_load_requests", 0) + counts.get("global_store_requests", 0)
    asked = counts.get("global_load_bytes", 0) + counts.get("global_store_bytes", 0)
    shown = {
        "scattered": asked < 0.5 * sectors * _SECTOR,
        "contended": counts.get("global_atomic_hottest", 0) > 1000,
        "rereading": asked > 1.3 * problem.least_bytes(case.dims),
        "narrow": 0 < asked <= 4 * _LANES * requests,
    }
    return [name for name in SYMPTOMS if shown[name]]
