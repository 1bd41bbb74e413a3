"""Modelled time of one launch: a roofline per resource and a latency bound, fed by exact counts.

    busiest SM   on_sm = ceil(blocks / SMs);  each resource r: on_sm * (count_r / blocks) / rate_r   cycles
    latency      rounds = ceil(on_sm / resident blocks);  rounds * mean chain of a block   cycles
    chip         L2 bytes / L2 bandwidth;  DRAM bytes / (DRAM bandwidth * efficiency);  atomics on one address
    time         launch + max(all of these)

The chain of a block is its longest warp through an in-order scoreboard without contention (the machine counts it).
This is the family of GPUMech (Huang et al., MICRO 2014) and of Volkov's latency bound ("Understanding Latency Hiding
on GPUs", 2016).

What it does not know: PTX is not SASS (loads that ptxas merges are counted one by one), contention beyond the bounds,
DVFS, partition camping, instruction cache. It names the bottleneck and orders clearly different kernels; its bands are
in gpus.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.devices.gpus import Gpu
from kernelevo.devices.occupancy import Occupancy

SECTOR = 32
_CLASS_RATES = ("fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "shuffle", "matrix")


@dataclass(frozen=True)
class Estimate:
    """A modelled time in microseconds, the bound that decides it, and every bound in microseconds."""

    us: float
    limiter: str
    bounds_us: Mapping[str, float]


def estimate(gpu: Gpu, counts: Mapping[str, int], held: Occupancy) -> Estimate:
    """The time of one launch with these counts (names as in vgpu::Counts) at this occupancy."""
    bounds = {**_sm_bounds(gpu, counts, held), **_chip_bounds(gpu, counts)}
    limiter = max(bounds, key=lambda name: bounds[name])
    return Estimate(gpu.launch_us + bounds[limiter], limiter, bounds)


def _sm_bounds(gpu: Gpu, counts: Mapping[str, int], held: Occupancy) -> dict[str, float]:
    """Bounds of the busiest SM, in microseconds."""
    blocks = max(counts["blocks"], 1)
    on_sm = -(-blocks // gpu.sms)
    rounds = -(-on_sm // held.blocks_per_sm)
    share = on_sm / blocks
    cycles = {name: counts[f"slots.{name}"] * share / gpu.rates[name] for name in _CLASS_RATES}
    cycles["issue"] = counts["issue_slots"] * share / gpu.rates["issue"]
    cycles["L1 sectors"] = _l1_sectors(counts) * share / gpu.rates["sectors"]
    cycles["shared memory"] = _wavefronts(counts) * share / gpu.rates["wavefronts"]
    cycles["latency"] = max(rounds * counts["chain_cycles_sum"] / blocks, counts["chain_cycles_max"])
    return {name: value / gpu.cycles_per_us for name, value in cycles.items()}


def _l1_sectors(counts: Mapping[str, int]) -> int:
    names = ("global_load_sectors", "global_store_sectors", "global_atomic_sectors", "local_sectors")
    return sum(counts[name] for name in names)


def _wavefronts(counts: Mapping[str, int]) -> int:
    names = ("shared_load_wavefronts", "shared_store_wavefronts", "shared_atomic_wavefronts")
    return sum(counts[name] for name in names)


def _chip_bounds(gpu: Gpu, counts: Mapping[str, int]) -> dict[str, float]:
    """Bounds of what all SMs share, in microseconds (1 GB/s moves 1000 bytes in a microsecond)."""
    l2_bytes = SECTOR * (counts["l2_read_sectors"] + counts["l2_write_sectors"])
    dram_bytes = SECTOR * (counts["dram_read_sectors"] + counts["dram_write_sectors"])
    hottest = counts["global_atomic_hottest"] / gpu.same_address_atomics_per_clock
    spread = counts["global_atomic_sectors"] / gpu.atomic_sectors_per_clock
    return {
        "L2 bandwidth": l2_bytes / (gpu.l2_gbps * 1e3),
        "DRAM bandwidth": dram_bytes / (gpu.dram_gbps * gpu.dram_efficiency * 1e3),
        "atomics": max(hottest, spread) / gpu.cycles_per_us,
    }
