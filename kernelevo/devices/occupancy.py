"""Occupancy: how many blocks of a launch one SM holds at once, and which resource decides it.

The rules are those of NVIDIA's occupancy calculator (cuda_occupancy.h): registers are given to warps in units of 256,
out of the quarter of the SM that the warp is on; shared memory is given to blocks in units of 128 bytes plus 1 KB that
the system keeps per block (compute capability 8.0 and later; CUDA programming guide, "Compute capabilities").
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.devices.gpus import Gpu

REGISTER_UNIT = 256
QUARTERS = 4
"""Of an SM, each with a scheduler and its own part of the registers; a warp's registers are all in one."""
SHARED_UNIT = 128
SHARED_RESERVED = 1024


@dataclass(frozen=True)
class Occupancy:
    """Blocks resident per SM, the share of the SM's warps they fill, and the resource that limits them."""

    blocks_per_sm: int
    warps_per_sm: int
    share: float
    limiter: str


def occupancy(gpu: Gpu, threads: int, registers: int, shared_bytes: int) -> Occupancy:
    """For blocks of `threads` threads that use `registers` per thread and `shared_bytes` (static and dynamic) per
    block.

    Raises ValueError when not even one block fits.
    """
    warps = -(-threads // 32)
    shared = -(-(shared_bytes + SHARED_RESERVED) // SHARED_UNIT) * SHARED_UNIT
    per_warp = max(1, -(-max(registers, 1) * 32 // REGISTER_UNIT)) * REGISTER_UNIT
    limits = {
        "warps": gpu.warps_per_sm // warps,
        "blocks": gpu.blocks_per_sm,
        "registers": gpu.registers_per_sm // QUARTERS // per_warp * QUARTERS // warps,
        "shared memory": gpu.shared_bytes_per_sm // shared,
    }
    limiter = min(limits, key=lambda name: limits[name])
    blocks = limits[limiter]
    if blocks == 0:
        raise ValueError(f"no block of {threads} threads fits on an SM of {gpu.title}: not enough {limiter}")
    return Occupancy(blocks, blocks * warps, blocks * warps / gpu.warps_per_sm, limiter)
