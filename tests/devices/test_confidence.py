"""Every reason to doubt a modelled time is given where its counts are, and nowhere else."""

from __future__ import annotations

import pytest

from kernelevo.devices.confidence import Launched, reasons
from kernelevo.devices.cost import estimate
from kernelevo.devices.gpus import gpu
from kernelevo.devices.occupancy import Occupancy

NAMES = (
    "issue_slots", "global_load_sectors", "global_store_sectors", "global_atomic_sectors", "global_atomic_hottest",
    "local_sectors", "shared_load_wavefronts", "shared_store_wavefronts", "shared_atomic_wavefronts",
    "l1_load_wavefronts", "l1_miss_sectors", "l2_read_sectors", "l2_write_sectors", "dram_read_sectors",
    "dram_write_sectors", "chain_cycles_sum", "chain_cycles_max", "async_copies_dropped",
)  # fmt: skip
CLASSES = ("fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "shuffle", "matrix")
PLAIN = {
    **dict.fromkeys(NAMES, 0), **{f"slots.{name}": 0 for name in CLASSES},
    "blocks": 2112, "global_load_sectors": 10**7, "l1_load_wavefronts": 10**7 // 4, "l1_miss_sectors": 10**7,
    "l2_read_sectors": 10**7, "dram_read_sectors": 10**7, "chain_cycles_sum": 2112 * 1000, "chain_cycles_max": 1100,
}  # fmt: skip
"""A plain stream that fills the card: nothing to doubt."""


def told(card: str = "h100", places: int = 16, spilled: int = 0, target: str = "", **changes: int) -> list[str]:
    device, held = gpu(card), Occupancy(places, 4 * places, places / 16, "warps")
    counts = {**PLAIN, **changes}
    found = estimate(device, counts, held)
    return reasons(Launched(device, counts, held, found, spilled, 16 << 10, target or device.arch))


def test_a_plain_stream_is_of_normal_confidence() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("contended atomics", {"global_atomic_hottest": 10**7}),
        ("one word of shared memory", {"shared_atomic_wavefronts": 10**7}),
        ("lives from L1", {"l1_miss_sectors": 2112 * 600}),
        ("lives from L2", {"dram_read_sectors": 10**6, "l2_read_sectors": 10**8}),
        ("near their peak", {"slots.matrix": 10**8}),
        ("wgmma only", {"slots.matrix": 1}),
        ("compiled for sm_80", {"target": "sm_80"}),
        ("are spilled", {"spilled": 8, "local_sectors": 100}),
        ("uses local memory", {"local_sectors": 100}),
        ("waited for by nobody", {"async_copies_dropped": 3}),
        ("wait for each other", {"block_waits": 1}),
        ("launching takes", {"dram_read_sectors": 10, "l2_read_sectors": 10, "l1_load_wavefronts": 10}),
        ("with 4 warps on an SM", {"blocks": 8, "chain_cycles_sum": 8 * 10**7, "chain_cycles_max": 10**7}),
        ("uneven length", {"chain_cycles_max": 10**6}),
    ],
)
def test_each_doubt_has_its_sentence(words: str, changes: dict[str, int]) -> None:
    assert any(words in sentence for sentence in told(**changes)), told(**changes)


def test_doubts_do_not_rub_off_on_other_cards_or_other_limits() -> None:
    assert not any("wgmma" in sentence for sentence in told("a100", **{"slots.matrix": 1}))
    assert not any("lives from L1" in sentence for sentence in told(l1_miss_sectors=2112 * 2))
    assert not any("lives from L2" in sentence for sentence in told(dram_read_sectors=1000, l2_read_sectors=10**8))
    assert not any("uses local memory" in sentence for sentence in told(spilled=8, local_sectors=100))
    assert not any("atomics" in sentence for sentence in told(global_atomic_hottest=10))
    assert not any("shared memory" in sentence for sentence in told(shared_atomic_wavefronts=10**5))
