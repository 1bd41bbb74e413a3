"""From a sample of blocks to counts of the whole grid (sandbox/vgpu/schedule/sampled.h says how it is drawn).

The interpreter counts every block; only what L1 and the scoreboard say is of the sampled ones. So of a sampled launch

    exact       warps, instructions by class, requests, sectors, wavefronts, branches, barriers, sectors written to L2
    nearly so   DRAM sectors: L2 sees what every block loads, but outside the sample no L1 is in between
    estimates   l1_load_wavefronts, l1_miss_sectors, l2_read_sectors, chain_cycles_sum, chain_cycles_max

An estimate adds up the strata of the grid: blocks of the stratum * mean of its sampled blocks (stratified sampling,
Cochran, "Sampling Techniques", 1977, chapter 5). Those of the caches are then scaled by how far the same estimate of
the global load sectors is from their exact number (Cochran's ratio estimator, chapter 6). Where only the sampled blocks
ran (`Sample.only`), every count is an estimate; where the blocks of each stratum agree it is the exact number, but for
the caches, since what other blocks would have left in L2 is missing.

A sample stands for its grid only if its blocks are alike. They `differ` where, of one stratum, the most work of a block
is over WORK_SPREAD times the least (warp instructions, sectors, wavefronts), or its longest chain over CHAIN_SPREAD
times the shortest, or where the estimated warp instructions of the grid are over DRIFT from their exact number, or
some block has executed over WORK_SPREAD times what any sampled one has. Then the launch is to be watched in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kernelevo.types import LineCounts, RunReport, StepReport
from kernelevo.wire.sample import RAW, SampleCounts, StratumCounts

WORK_SPREAD = 1.25
CHAIN_SPREAD = 2.0
DRIFT = 0.02
_CHAINS = ("chain_cycles_sum", "chain_cycles_max")
_LARGEST = ("block_slots.", "block_issue_slots_max", "block_replays_max", "block_pipe_cycles_max")
"""Of the sampled block that has the most; of block_instructions_max all blocks tell."""
_CACHED = ("l1_load_wavefronts", "l1_miss_sectors", "l2_read_sectors")
_GEOMETRY = ("blocks", "warps", "threads")


def whole_grid(step: StepReport) -> StepReport:
    """The step with counts of the whole grid, and what they rest on in details["sampled"]; itself if all blocks were
    watched.
    """
    sample: SampleCounts | None = step.details.get(RAW)
    details = {name: value for name, value in step.details.items() if name != RAW}
    if sample is None or not sample.strata:
        return replace(step, details=details)
    counts = _scaled(step, sample) if sample.only else _completed(step, sample)
    lines = tuple(_scaled_line(line, step, counts) for line in step.lines) if sample.only else step.lines
    return replace(step, counts=counts, lines=lines, details={**details, "sampled": _words(step, sample)})


def differs(report: RunReport) -> bool:
    """Whether a launch of this run is to be watched in full: its sampled blocks differ, though all of them ran."""
    sampled = [step.details["sampled"] for step in report.steps if "sampled" in step.details]
    return any(each["differs"] and not each["only"] for each in sampled)


def _words(step: StepReport, sample: SampleCounts) -> dict[str, Any]:
    exact = max(step.counts["warp_instructions"], 1)
    drift = 0.0 if sample.only else abs(_total(sample, "warp_instructions") / exact - 1)
    spread = {name: _spread(sample, name) for name in ("warp_instructions", "sectors", "wavefronts", "chain_cycles")}
    heavier = 1.0 if sample.only else _heavier(step, sample)
    limits = dict.fromkeys(spread, WORK_SPREAD) | {"chain_cycles": CHAIN_SPREAD}
    return {
        "blocks": sum(stratum.sampled for stratum in sample.strata),
        "of": sum(stratum.blocks for stratum in sample.strata),
        "only": sample.only,
        "seed": sample.seed,
        "differs": drift > DRIFT or heavier > WORK_SPREAD or any(spread[name] > limits[name] for name in spread),
        "spread": spread,
        "drift": drift,
        "heavier": heavier,
    }


def _heavier(step: StepReport, sample: SampleCounts) -> float:
    """How many times the most warp instructions of a sampled block some block has executed, at least 1."""
    sampled = max(stratum.ranges["warp_instructions"][1] for stratum in sample.strata)
    return max(step.counts.get("block_instructions_max", 0) / max(sampled, 1), 1.0)


def _spread(sample: SampleCounts, name: str) -> float:
    """The largest of the strata's most / least; a stratum with blocks that do nothing and some that do has its most."""
    return max(most / max(least, 1) if most else 1.0 for least, most in (each.ranges[name] for each in sample.strata))


def _total(sample: SampleCounts, name: str) -> float:
    return sum(_of_stratum(stratum, lambda counts: counts[name]) for stratum in sample.strata)


def _of_stratum(stratum: StratumCounts, measure: Callable[[Mapping[str, int]], int]) -> float:
    return stratum.blocks * measure(stratum.counts) / max(stratum.sampled, 1)


def _completed(step: StepReport, sample: SampleCounts) -> dict[str, int]:
    """Counts of all blocks, of which the caches and the scoreboard have seen the sampled ones only."""
    loaded = _total(sample, "global_load_sectors")
    ratio = step.counts["global_load_sectors"] / loaded if loaded else 1.0
    estimates = {name: round(_total(sample, name) * ratio) for name in _CACHED}
    # Every sector that DRAM gave came through L2.
    estimates["l2_read_sectors"] = max(estimates["l2_read_sectors"], step.counts["dram_read_sectors"])
    heavier = _heavier(step, sample)
    largest = {name: round(count * heavier) for name, count in step.counts.items() if name.startswith(_LARGEST)}
    return {**step.counts, **estimates, **_chains(sample), **largest}


def _chains(sample: SampleCounts) -> dict[str, int]:
    longest = max(stratum.ranges["chain_cycles"][1] for stratum in sample.strata)
    return dict(zip(_CHAINS, (round(_total(sample, "chain_cycles_sum")), longest), strict=True))


def _scaled(step: StepReport, sample: SampleCounts) -> dict[str, int]:
    """Counts of a launch of which only the sampled blocks ran."""
    sums: Counter[str] = Counter()
    for stratum in sample.strata:
        sums.update({name: _of_stratum(stratum, lambda counts, name=name: counts[name]) for name in stratum.counts})
    ran, of = step.counts["blocks"], sum(stratum.blocks for stratum in sample.strata)
    # What is left in L2 at the end belongs to no block.
    sums["dram_write_sectors"] = step.counts["dram_write_sectors"] * of / max(ran, 1)
    geometry = {name: step.counts[name] * of // max(ran, 1) for name in _GEOMETRY}
    kept = ("block_instructions_max", *_LARGEST)
    largest = {name: count for name, count in step.counts.items() if name.startswith(kept)}
    return {name: round(sums[name]) for name in step.counts} | geometry | _chains(sample) | largest


def _scaled_line(line: LineCounts, step: StepReport, counts: Mapping[str, int]) -> LineCounts:
    """Counts of a line are not kept by stratum: they grow as the launch's instructions do."""
    share = counts["warp_instructions"] / max(step.counts["warp_instructions"], 1)
    names = (
        "warp_instructions", "thread_instructions", "requests", "sectors", "wavefronts", "divergent",
        "requests_merged", "wavefronts_merged",
    )  # fmt: skip
    return replace(line, **{name: round(getattr(line, name) * share) for name in names})
