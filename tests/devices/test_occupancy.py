"""Occupancy by the calculator's rules; the expected values are worked out by hand from the limits of compute
capability 8.0 and 9.0.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.devices.gpus import gpu
from kernelevo.devices.occupancy import occupancy


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "blocks", "limiter"),
    [
        (256, 32, 0, 8, "warps"),  # 64 warps / 8
        (32, 16, 0, 32, "blocks"),  # 64 warps would allow 64
        (256, 64, 0, 4, "registers"),  # 65536 / (64 * 32) = 32 warps
        (256, 33, 0, 6, "registers"),  # 33 * 32 rounds up to 1280: 51 warps
        (128, 16, 48 << 10, 3, "shared memory"),  # 164 KB / 49 KB
        (1024, 64, 0, 1, "registers"),
        # 16,384 registers of a quarter hold 5 warps of 88 * 32 = 2,816, so 20 are on the SM, not 65536 / 2816 = 23.
        (32, 88, 0, 20, "registers"),
        (352, 88, 0, 1, "registers"),
        (32, 80, 0, 24, "registers"),  # 2,560 a warp: 6 of each quarter, not 25
    ],
)
def test_blocks_per_sm_on_a100(threads: int, registers: int, shared: int, blocks: int, limiter: str) -> None:
    held = occupancy(gpu("a100"), threads, registers, shared)
    assert (held.blocks_per_sm, held.limiter) == (blocks, limiter)
    assert held.share == blocks * -(-threads // 32) / 64


def test_a_block_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="registers"):
        occupancy(gpu("a100"), 1024, 128, 0)


@given(st.integers(1, 1024), st.integers(16, 64), st.integers(0, 100_000), st.integers(0, 4096))
def test_more_shared_memory_never_raises_occupancy(threads: int, registers: int, shared: int, more: int) -> None:
    h100 = gpu("h100")
    low = occupancy(h100, threads, registers, shared + more)
    assert low.blocks_per_sm <= occupancy(h100, threads, registers, shared).blocks_per_sm
