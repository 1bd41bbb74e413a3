"""The cost model orders what it must order, names the bound, and is monotone in every count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.devices.cost import estimate
from kernelevo.devices.gpus import gpu
from kernelevo.devices.occupancy import occupancy

H100 = gpu("h100")
FULL = occupancy(H100, 256, 32, 0)
CLASSES = ("fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "shuffle", "matrix")
PLAIN = (
    "issue_slots",
    "global_load_sectors",
    "global_store_sectors",
    "global_atomic_sectors",
    "global_atomic_requests",
    "global_atomic_hottest",
    "local_sectors",
    "shared_load_wavefronts",
    "shared_store_wavefronts",
    "shared_atomic_wavefronts",
    "l2_read_sectors",
    "l2_write_sectors",
    "dram_read_sectors",
    "dram_write_sectors",
    "chain_cycles_sum",
    "chain_cycles_max",
)
NAMES = (*PLAIN, *(f"slots.{name}" for name in CLASSES))


def counts(**given_counts: int) -> dict[str, int]:
    return {"blocks": 1000, **dict.fromkeys(NAMES, 0), **given_counts}


def test_a_stream_of_memory_is_bound_by_dram_at_the_effective_bandwidth() -> None:
    sectors = 10**6
    found = estimate(
        H100, counts(dram_read_sectors=sectors, l2_read_sectors=sectors, chain_cycles_sum=1000 * 1000), FULL
    )
    assert found.limiter == "DRAM bandwidth"
    assert found.us - H100.launch_us == pytest.approx(32 * sectors / (3350e3 * 0.9))


def test_few_long_blocks_are_bound_by_latency() -> None:
    found = estimate(H100, counts(blocks=1, chain_cycles_sum=183_000, chain_cycles_max=183_000), FULL)
    assert found.limiter == "latency"
    assert found.us - H100.launch_us == pytest.approx(100.0)


def test_atomics_on_one_address_are_served_one_after_the_other() -> None:
    found = estimate(
        H100, counts(global_atomic_requests=1000, global_atomic_hottest=183_000, global_atomic_sectors=1000), FULL
    )
    assert found.limiter == "atomics"
    assert found.us - H100.launch_us == pytest.approx(100.0)


def test_arithmetic_is_bound_by_its_pipe() -> None:
    slots = {"slots.fp32": 10**9, "issue_slots": 10**9}
    assert estimate(H100, counts(**slots), FULL).limiter in ("fp32", "issue")
    assert estimate(H100, counts(**{"slots.special": 10**9, "issue_slots": 10**9}), FULL).limiter == "special"


@given(st.sampled_from(NAMES), st.integers(0, 10**12), st.integers(1, 10**12))
def test_more_of_anything_is_never_faster(name: str, base: int, more: int) -> None:
    less = estimate(H100, counts(**{name: base}), FULL)
    assert estimate(H100, counts(**{name: base + more}), FULL).us >= less.us


def test_the_same_counts_are_never_faster_on_the_older_card() -> None:
    work = counts(dram_read_sectors=10**6, **{"slots.fp32": 10**7, "issue_slots": 10**7})
    a100 = gpu("a100")
    assert estimate(a100, work, occupancy(a100, 256, 32, 0)).us > estimate(H100, work, FULL).us
