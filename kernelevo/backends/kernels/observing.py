"""What is known of a judged attempt, as numbers and words of the grammar. All of it rests on what the reward verifier
timed: counts, residency and modelled times; nothing of a test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from kernelevo.backends.kernels.grammar import BOUNDS, EVENNESS, word
from kernelevo.diagnosis.bounds import bounds_us, limiter_of
from kernelevo.diagnosis.diagnose import diagnose
from kernelevo.diagnosis.subject import Subject
from kernelevo.kernel.problem import Problem
from kernelevo.types import Attempt, CaseResult, StepReport, Verdict

SECTOR, WARP = 32, 32


def slowest(verdict: Verdict) -> CaseResult:
    """The case that is observed; raises ValueError for a verdict without one."""
    return max(verdict.cases, key=lambda case: case.time.value)


def facts_of(
    attempt: Attempt, problem: Problem, reward: float | None, least_us: Mapping[str, float]
) -> dict[str, float]:
    case = slowest(attempt.verdict)
    least = least_us.get(case.name, 0.0)
    facts = {
        "moves": float(len(attempt.candidate.moves)), "launches": float(len(case.steps)),
        **({"log2_gain": math.log2(reward)} if reward else {}),
        **({"log2_over_least": math.log2(case.time.microseconds / least)} if least else {}),
        **_traffic(case.counters, problem.least_bytes(case.dims)),
        **_work(case.counters, problem, case),
        **_residency(case.steps),
        **_image(attempt.verdict),
        **_sizes(problem, case),
        **_shares(case),
    }  # fmt: skip
    return {name: round(value, 4) for name, value in facts.items()}


def words_of(attempt: Attempt, symptoms: Iterable[str], file_name: str) -> tuple[str, ...]:
    case = slowest(attempt.verdict)
    found = {f"limit_{word(limiter_of(case.steps))}", *(f"shows_{name}" for name in symptoms)}
    for step in case.steps:
        found |= {f"found_{finding.rule}" for finding in diagnose(Subject(step, step.kernel, file_name, case.dims))}
    sizes = zip(EVENNESS, case.dims.values(), strict=False)
    found |= {f"{name}_of_{divisor}" for name, size in sizes for divisor in (4, 32) if size % divisor == 0}
    return tuple(sorted(found))


def _traffic(counts: Mapping[str, int], least: int) -> dict[str, float]:
    loads, stores = counts.get("global_load_requests", 0), counts.get("global_store_requests", 0)
    load_sectors, store_sectors = counts.get("global_load_sectors", 0), counts.get("global_store_sectors", 0)
    asked = counts.get("global_load_bytes", 0) + counts.get("global_store_bytes", 0)
    dram = counts.get("dram_read_sectors", 0) + counts.get("dram_write_sectors", 0)
    atomics = counts.get("global_atomic_requests", 0)
    shared = counts.get("shared_load_requests", 0) + counts.get("shared_store_requests", 0)
    requests = max(loads + stores + atomics + shared, 1)
    return {
        "log2_bytes_over_least": _log2(asked, least),
        "log2_sectors_over_least": _log2((load_sectors + store_sectors) * SECTOR, least),
        "log2_dram_over_least": _log2(dram * SECTOR, least),
        "log2_load_sectors_per_request": _log2(load_sectors, loads),
        "log2_store_sectors_per_request": _log2(store_sectors, stores),
        "log2_bytes_per_lane": _log2(asked, (loads + stores) * WARP),
        "loads_share": loads / requests,
        "atomics_share": atomics / requests,
        "shared_share": shared / requests,
        "log2_hottest": math.log2(1 + counts.get("global_atomic_hottest", 0)),
    }


def _work(counts: Mapping[str, int], problem: Problem, case: CaseResult) -> dict[str, float]:
    warps, instructions = counts.get("warps", 0), counts.get("warp_instructions", 0)
    elements = sum(tensor.elements(case.dims) for tensor in problem.tensors)
    return {
        "log2_intensity": _log2(WARP * counts.get("warp.fp32", 0), problem.least_bytes(case.dims)),
        "log2_instructions_per_element": _log2(counts.get("thread_instructions", 0), elements),
        "lanes_share": counts.get("thread_instructions", 0) / max(WARP * instructions, 1),
        "divergent_share": counts.get("divergent_branches", 0) / max(counts.get("branches", 0), 1),
        "barriers_per_warp": counts.get("barriers", 0) / max(counts.get("blocks", 0), 1),
        "log2_warps": math.log2(1 + warps),
    }


def _residency(steps: tuple[StepReport, ...]) -> dict[str, float]:
    """Of the longest launch."""
    launches = [step for step in steps if step.details.get("block")]
    if not launches:
        return {}
    step = max(launches, key=lambda each: each.time.value if each.time else 0.0)
    block, grid = tuple(step.details["block"]), tuple(step.details.get("grid", (1, 1, 1)))
    return {
        "occupancy": step.occupancy or 0.0,
        "log2_waves": max(_log2(float(step.details.get("waves", 1.0)), 1.0), -10.0),
        "tail_share": float(step.details.get("tail_share", 0.0)),
        "log2_threads": math.log2(math.prod(block)),
        "log2_threads_x": math.log2(block[0]),
        "log2_blocks": math.log2(max(math.prod(grid), 1)),
    }


def _image(verdict: Verdict) -> dict[str, float]:
    """The most of any kernel of the image."""
    kernels = verdict.image.get("kernels", [])
    if not kernels:
        return {}
    shared = [each.get("static_shared_bytes", 0) + each.get("dynamic_shared_bytes", 0) for each in kernels]
    return {
        "registers": max(each.get("registers", 0) for each in kernels) / 64,
        "log2_shared_bytes": math.log2(1 + max(shared)),
        "log2_spill_bytes": math.log2(1 + max(each.get("spill_bytes", 0) for each in kernels)),
    }


def _sizes(problem: Problem, case: CaseResult) -> dict[str, float]:
    dims = list(case.dims.values())[:3]
    return {
        "log2_inputs": _log2(sum(tensor.elements(case.dims) for tensor in problem.inputs), 1),
        "log2_outputs": _log2(sum(tensor.elements(case.dims) for tensor in problem.outputs), 1),
        "arrays": float(len(problem.tensors)),
        **{f"log2_dim_{place}": math.log2(size) for place, size in enumerate(dims, 1)},
    }


def _shares(case: CaseResult) -> dict[str, float]:
    """What each resource alone would need, as a share of the time."""
    needed, time = bounds_us(case), case.time.microseconds
    return {f"share_{word(name)}": needed[name] / time for name in BOUNDS if name in needed and time}


def _log2(value: float, beside: float) -> float:
    """log2(value / beside), 0 where there is nothing to compare."""
    return math.log2(value / beside) if value > 0 and beside > 0 else 0.0
