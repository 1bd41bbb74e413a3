"""Modelled time of one launch: waves of blocks, in each a roofline per resource and a latency bound, from exact counts.

With B blocks on S SMs of which each holds R at once, the blocks run in full waves of S * R and a last, partial one:

    wave(n blocks, r on the busiest SM) = norm of
        r * count_q / B / rate_q                each resource q of an SM, in cycles
        n * bytes / B / bandwidth               L2, DRAM, and atomics, which all SMs share
        mean chain of a block                   latency: fewer blocks do not shorten it
    waves(R)  = floor(B / S R) * wave(S R, R) + wave(rest, ceil(rest / S))
    time      = launch + max(min over R' <= R of waves(R'), longest chain, block with the most work alone on an SM)

The last wave has fewer bytes and fewer blocks per SM, so it costs less than a full one, and never less than a block's
chain. Room for more blocks never costs time, hence the least over R': blocks drift apart, and do not have to fill every
place. `norm` is the maximum (what overlaps, overlaps in full) unless a calibration says less.

The chain of a block is its longest warp through an in-order scoreboard without contention (the machine counts it).
This is the family of GPUMech (Huang et al., MICRO 2014) and of Volkov's latency bound ("Understanding Latency Hiding
on GPUs", 2016).

What it does not know: contention beyond the bounds, DVFS, partition camping, instruction cache. It names the bottleneck
and orders clearly different kernels; its bands are in gpus.toml, and `confidence.py` says where it is worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kernelevo.devices.gpus import Gpu
from kernelevo.devices.occupancy import Occupancy

SECTOR = 32
LAUNCH = "launch"
"""The limiter of a launch that takes longer to begin than any resource needs for it."""
_BEHIND_BANKS = frozenset(("L1 sectors", "shared memory", "L1 data pipe", "L2 port of an SM"))
_CLASS_RATES = ("fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "shuffle", "matrix")


@dataclass(frozen=True)
class Estimate:
    """A modelled time in microseconds, and every bound in microseconds; `bound` is the longest of them.

    `waves` is how often the blocks fill the GPU; the last wave, full or not, takes `tail_us` of the time.
    """

    us: float
    bound: str
    bounds_us: Mapping[str, float]
    launch_us: float
    waves: float
    tail_us: float

    @property
    def limiter(self) -> str:
        """What decides the time: the longest bound, or launching where that takes longer."""
        return LAUNCH if self.launch_us > self.bounds_us[self.bound] else self.bound


def estimate(gpu: Gpu, counts: Mapping[str, int], held: Occupancy) -> Estimate:
    """The time of one launch with these counts (names as in vgpu::Counts) at this occupancy."""
    blocks = max(counts["blocks"], 1)
    need = _Need.of_one_block(gpu, counts, blocks)
    longest = counts["chain_cycles_max"] * gpu.latency_factor / gpu.cycles_per_us
    heaviest = _heaviest_block(gpu, counts)
    dealt = min((_deal(gpu, need, blocks, places) for places in range(held.blocks_per_sm, 0, -1)), key=sum)
    bounds = _bounds(gpu, need, blocks, held, longest)
    bounds |= {name: max(bounds[name], us) for name, us in heaviest.items()}
    alone = max(longest, *heaviest.values())
    return Estimate(
        us=gpu.launch_us + max(sum(dealt), alone),
        bound=max(bounds, key=lambda name: bounds[name]),
        bounds_us=bounds,
        launch_us=gpu.launch_us,
        waves=blocks / (gpu.sms * held.blocks_per_sm),
        tail_us=max(dealt[1], alone if blocks <= gpu.sms * held.blocks_per_sm else 0.0),
    )


@dataclass(frozen=True)
class _Need:
    """What one mean block needs, in microseconds: of its SM's resources, of the whole chip's, and at the least."""

    of_sm: Mapping[str, float]
    of_chip: Mapping[str, float]
    chain: float
    overlap: float

    @classmethod
    def of_one_block(cls, gpu: Gpu, counts: Mapping[str, int], blocks: int) -> _Need:
        of_sm = {name: cycles / blocks / gpu.cycles_per_us for name, cycles in _sm_cycles(gpu, counts).items()}
        of_chip = {name: us / blocks for name, us in _chip_us(gpu, counts).items()}
        chain = counts["chain_cycles_sum"] * gpu.latency_factor / blocks / gpu.cycles_per_us
        return cls(of_sm, of_chip, chain, gpu.overlap)

    def wave(self, blocks: int, on_busiest: int) -> float:
        parts = [on_busiest * each for each in self.of_sm.values()]
        parts += [blocks * each for each in self.of_chip.values()]
        return norm([*parts, self.chain], self.overlap)


def _deal(gpu: Gpu, need: _Need, blocks: int, places: int) -> tuple[float, float]:
    """Microseconds of all waves but the last, and of the last, when each SM takes `places` blocks at once."""
    full, rest = divmod(blocks, gpu.sms * places)
    whole = need.wave(gpu.sms * places, places) if full else 0.0
    if not rest:
        return (full - 1) * whole, whole
    return full * whole, need.wave(rest, -(-rest // gpu.sms))


def norm(parts: Iterable[float], overlap: float) -> float:
    """(sum of part ** overlap) ** (1 / overlap): the largest part if `overlap` is infinite, their sum if it is 1."""
    parts = list(parts)
    largest = max(parts)
    if largest == 0 or math.isinf(overlap):
        return largest
    return largest * sum((part / largest) ** overlap for part in parts) ** (1 / overlap)


def _heaviest_block(gpu: Gpu, counts: Mapping[str, int]) -> dict[str, float]:
    """Microseconds that the block with the most work for it needs of each resource of its SM, by itself. Of the banks
    of L1 and shared memory, and what is behind them, its share is that of its cycles there.
    """
    cycles = _sm_cycles(gpu, counts)
    banks = counts.get("block_pipe_cycles_max", 0) / gpu.rates["wavefronts"] / max(cycles["L1 data pipe"], 1)
    own = {name: cycles[name] * min(banks, 1.0) for name in _BEHIND_BANKS}
    own |= {name: counts.get(f"block_slots.{name}", 0) / gpu.rates[name] for name in _CLASS_RATES}
    own["issue"] = counts.get("block_issue_slots_max", 0) / gpu.rates["issue"]
    own["constant cache"] = counts.get("block_replays_max", 0) / gpu.rates["wavefronts"]
    return {name: own[name] / gpu.cycles_per_us for name in cycles}


def _bounds(gpu: Gpu, need: _Need, blocks: int, held: Occupancy, longest: float) -> dict[str, float]:
    """What each resource alone would need for the launch, in microseconds; no time is below any of them."""
    on_busiest = -(-blocks // gpu.sms)
    rounds = -(-on_busiest // held.blocks_per_sm)
    bounds = {name: on_busiest * us for name, us in need.of_sm.items()}
    bounds |= {"latency": max(rounds * need.chain, longest)}
    return bounds | {name: blocks * us for name, us in need.of_chip.items()}


def _sm_cycles(gpu: Gpu, counts: Mapping[str, int]) -> dict[str, float]:
    """Cycles of one SM if it did the work of the whole launch alone, by resource.

    Shared memory and L1 are the same banks behind one pipe, so their cycles also add up ("L1 data pipe").
    """
    cycles = {name: counts[f"slots.{name}"] / gpu.rates[name] for name in _CLASS_RATES}
    cycles["issue"] = counts["issue_slots"] / gpu.rates["issue"]
    cycles["L1 sectors"] = _l1_cycles(gpu, counts)
    cycles["shared memory"] = _wavefronts(counts) / gpu.rates["wavefronts"]
    cycles["L1 data pipe"] = cycles["L1 sectors"] + cycles["shared memory"]
    # Lanes that want different words of constant memory are served one after the other. A word that all want costs no
    # more than a register: it is an operand of the arithmetic, at the full rate of issue.
    cycles["constant cache"] = counts.get("constant_replays", 0) / gpu.rates["wavefronts"]
    cycles["L2 port of an SM"] = _l2_sectors(counts) / gpu.rates["l2_sectors"]
    return cycles


def _l1_cycles(gpu: Gpu, counts: Mapping[str, int]) -> float:
    """Loads take the cycles that the cache model counts (banks and lines looked up); the rest goes by sectors."""
    names = ("global_store_sectors", "global_atomic_sectors", "local_sectors")
    sectors = sum(counts[name] for name in names) / gpu.rates["sectors"]
    return counts["l1_load_wavefronts"] / gpu.rates["wavefronts"] + sectors


def _wavefronts(counts: Mapping[str, int]) -> int:
    """Of shared memory."""
    names = ("shared_load_wavefronts", "shared_store_wavefronts", "shared_atomic_wavefronts")
    return sum(counts[name] for name in names)


def _l2_sectors(counts: Mapping[str, int]) -> int:
    return counts["l2_read_sectors"] + counts["l2_write_sectors"]


def _chip_us(gpu: Gpu, counts: Mapping[str, int]) -> dict[str, float]:
    """What all SMs share, in microseconds of the launch (1 GB/s moves 1000 bytes in a microsecond)."""
    dram_bytes = SECTOR * (counts["dram_read_sectors"] + counts["dram_write_sectors"])
    hottest = counts["global_atomic_hottest"] / gpu.same_address_atomics_per_clock
    spread = counts["global_atomic_sectors"] / gpu.atomic_sectors_per_clock
    return {
        "L2 bandwidth": SECTOR * _l2_sectors(counts) / (gpu.l2_gbps * 1e3),
        "DRAM bandwidth": dram_bytes / (gpu.dram_gbps * gpu.dram_efficiency * 1e3),
        "atomics": max(hottest, spread) / gpu.cycles_per_us,
    }
