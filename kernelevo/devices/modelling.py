"""From one launch to its modelled time: how it sits on an SM, and what its counts then cost.

Used by the device that runs whole jobs behind the wall (`virtual.py`) and by the driver that runs single calls
(`drivers/virtual.py`), so that both tell the same time for the same counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.devices.cost import SECTOR
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.occupancy import SHARED_RESERVED, Occupancy, occupancy
from kernelevo.types import Dim3, KernelImage

LEAST_L1_BYTES = 4 << 10
WORD_SECTORS = 4
"""Of a request in which each of 32 lanes has a word of its own."""


@dataclass(frozen=True)
class Held:
    """How one launch sits on an SM: its occupancy, and the bytes of L1 that are left for each of its blocks."""

    occupancy: Occupancy
    l1_bytes: int
    spill_bytes: int

    @property
    def spill_sectors(self) -> int:
        """Of one warp: its lanes' spilled words lie next to each other, so a spilled byte of each lane is a sector."""
        return self.spill_bytes * 32 // SECTOR

    def with_spills(self, counts: Mapping[str, int], accesses: float = 0.0) -> dict[str, int]:
        """The counts, and each spilled byte charged once per thread: PTX has no spills, but the cubin does. Where
        machine code tells how many of its `accesses` of local memory the PTX has not, these are charged if they are
        more (a word of each lane of a warp is four sectors).
        """
        if not self.spill_bytes:
            return dict(counts)
        sectors = max(counts["warps"] * self.spill_sectors, round(accesses * WORD_SECTORS))
        return {**counts, "local_sectors": counts["local_sectors"] + sectors}


def hold(gpu: Gpu, kernel: KernelImage, grid: Dim3, block: Dim3, shared_bytes: int, cooperative: bool) -> Held:
    """How a launch with `shared_bytes` of dynamic shared memory sits on this GPU; ValueError if it never can."""
    shared = kernel.static_shared_bytes + shared_bytes
    found = occupancy(gpu, block[0] * block[1] * block[2], kernel.registers, shared)
    resident = found.blocks_per_sm * gpu.sms
    blocks = grid[0] * grid[1] * grid[2]
    if cooperative and blocks > resident:
        raise ValueError(
            f"a cooperative launch of {blocks} blocks, of which {resident} are resident at once on "
            f"{gpu.title}; launch no more than these"
        )
    # A small grid does not fill the places of an SM, and leaves more of L1 to each block.
    together = min(found.blocks_per_sm, -(-blocks // gpu.sms))
    left = gpu.l1_bytes - (shared + SHARED_RESERVED) * together
    return Held(found, max(left // together, LEAST_L1_BYTES), kernel.spill_bytes)


def timing(gpu: Gpu, held: Held) -> dict[str, int]:
    """Latencies in cycles and cache sizes in bytes for the cache model and the scoreboard."""
    return {**gpu.latency, "l1_bytes": held.l1_bytes, "l2_bytes": gpu.l2_bytes}


def clear_us(gpu: Gpu, size: int) -> float:
    """What the bytes of a memset of `size` bytes take on their way to DRAM, in microseconds, without its launch."""
    return -(-size // SECTOR) * SECTOR / (gpu.dram_gbps * gpu.dram_efficiency * 1e3)
