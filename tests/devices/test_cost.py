"""The cost model orders what it must order, names the bound, deals blocks in waves, and is monotone in every count."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.devices import gpus
from kernelevo.devices.cost import Estimate, estimate, norm
from kernelevo.devices.gpus import Gpu, gpu
from kernelevo.devices.occupancy import Occupancy, occupancy

H100 = gpu("h100")
FULL = occupancy(H100, 256, 32, 0)
CLASSES = ("fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "shuffle", "matrix")
PLAIN = (
    "issue_slots",
    "global_store_sectors",
    "global_atomic_sectors",
    "global_atomic_requests",
    "global_atomic_hottest",
    "local_sectors",
    "shared_load_wavefronts",
    "shared_store_wavefronts",
    "shared_atomic_wavefronts",
    "l1_load_wavefronts",
    "l2_read_sectors",
    "l2_write_sectors",
    "dram_read_sectors",
    "dram_write_sectors",
    "chain_cycles_sum",
    "chain_cycles_max",
)
NAMES = (*PLAIN, *(f"slots.{name}" for name in CLASSES))
FASTER = ("clock_mhz", "dram_gbps", "dram_efficiency", "l2_gbps", "same_address_atomics_per_clock",
          "atomic_sectors_per_clock")  # fmt: skip

CARDS = st.sampled_from([gpu(name) for name in gpus.names()])


def _possible(drawn: dict[str, int]) -> dict[str, int]:
    """The longest chain is no shorter than the mean."""
    mean = -(-drawn["chain_cycles_sum"] // drawn["blocks"])
    return {**drawn, "chain_cycles_max": max(drawn["chain_cycles_max"], mean)}


COUNTS = st.fixed_dictionaries(
    {"blocks": st.integers(1, 20_000), **{name: st.integers(0, 10**9) for name in NAMES}}
).map(_possible)
PLACES = st.integers(1, 32)
NO_SLOWER = 1 - 1e-12  # of floating point, where two sums of the same terms differ in their last place


def counts(**given_counts: int) -> dict[str, int]:
    return {"blocks": 1000, **dict.fromkeys(NAMES, 0), **given_counts}


def held(places: int) -> Occupancy:
    return Occupancy(places, 2 * places, 2 * places / 64, "warps")


def modelled(card: Gpu, work: Mapping[str, int], places: int) -> Estimate:
    return estimate(card, work, held(places))


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


def test_one_sm_draws_from_l2_no_faster_than_its_port() -> None:
    found = estimate(H100, counts(blocks=1, l2_read_sectors=183_000), FULL)
    assert found.limiter == "L2 port of an SM"
    assert found.us - H100.launch_us == pytest.approx(183_000 / 2 / 1830)


def test_shared_memory_and_l1_share_one_pipe() -> None:
    found = estimate(H100, counts(l1_load_wavefronts=10**6, shared_load_wavefronts=10**6), FULL)
    assert found.limiter == "L1 data pipe"
    bounds = found.bounds_us
    assert bounds["L1 data pipe"] == pytest.approx(bounds["L1 sectors"] + bounds["shared memory"])


def test_the_partial_last_wave_costs_less_than_a_full_one_and_never_less_than_a_chain() -> None:
    places = 4
    wave = H100.sms * places
    block = {"dram_read_sectors": 1000, "chain_cycles_sum": 2000}

    def us(blocks: int) -> float:
        work = {name: each * blocks for name, each in block.items()}
        return modelled(H100, counts(blocks=blocks, chain_cycles_max=2000, **work), places).us - H100.launch_us

    full = 32 * 1000 * wave / (3350e3 * 0.9)
    chain = 2000 / 1830
    assert us(wave) == pytest.approx(full) and us(2 * wave) == pytest.approx(2 * full)
    assert us(wave) + chain * (1 - 1e-9) <= us(wave + wave // 4) < 2 * full
    assert us(wave + wave // 2) == pytest.approx(1.5 * full)


def test_waves_and_the_share_of_the_last_one_are_told() -> None:
    wave = H100.sms * 4
    work = counts(blocks=2 * wave, dram_read_sectors=10**6, l2_read_sectors=10**6)
    found = modelled(H100, work, 4)
    assert found.waves == 2.0
    assert found.tail_us == pytest.approx((found.us - H100.launch_us) / 2)
    few = modelled(H100, counts(blocks=wave // 4, chain_cycles_sum=1000, chain_cycles_max=9000), 4)
    assert (few.waves, few.tail_us) == (0.25, pytest.approx(9000 / 1830))


@given(CARDS, COUNTS, PLACES, st.sampled_from(NAMES), st.integers(1, 10**9))
def test_more_of_anything_is_never_faster(card: Gpu, work: dict[str, int], places: int, name: str, more: int) -> None:
    grown = {**work, name: work[name] + more}
    assert modelled(card, grown, places).us >= NO_SLOWER * modelled(card, work, places).us


@given(CARDS, COUNTS, PLACES, st.integers(1, 5000))
def test_more_blocks_of_the_same_kind_are_never_faster(card: Gpu, work: dict[str, int], places: int, more: int) -> None:
    """Each count grows with the blocks; rounding it up can only add."""
    blocks = work["blocks"] + more
    grown = {name: -(-value * blocks // work["blocks"]) for name, value in work.items()} | {
        "blocks": blocks, "chain_cycles_max": work["chain_cycles_max"],
    }  # fmt: skip
    assert modelled(card, grown, places).us >= NO_SLOWER * modelled(card, work, places).us


@given(CARDS, COUNTS, PLACES, PLACES)
def test_lower_occupancy_is_never_faster(card: Gpu, work: dict[str, int], places: int, more: int) -> None:
    assert modelled(card, work, places).us >= NO_SLOWER * modelled(card, work, places + more).us


@given(CARDS, COUNTS, PLACES, st.sampled_from(FASTER), st.floats(0.1, 1.0))
def test_a_slower_card_is_never_faster(card: Gpu, work: dict[str, int], places: int, name: str, factor: float) -> None:
    slower = dataclasses.replace(card, **{name: getattr(card, name) * factor})
    assert modelled(slower, work, places).us >= NO_SLOWER * modelled(card, work, places).us


@given(CARDS, COUNTS, PLACES, st.sampled_from(sorted(H100.rates)), st.floats(0.1, 1.0))
def test_a_slower_unit_is_never_faster(card: Gpu, work: dict[str, int], places: int, name: str, factor: float) -> None:
    slower = dataclasses.replace(card, rates={**card.rates, name: card.rates[name] * factor})
    assert modelled(slower, work, places).us >= NO_SLOWER * modelled(card, work, places).us


@given(CARDS, COUNTS, PLACES, st.floats(1.0, 64.0) | st.just(math.inf), st.floats(0.25, 4.0))
def test_no_time_is_below_any_bound_or_the_launch(
    card: Gpu, work: dict[str, int], places: int, overlap: float, latency: float
) -> None:
    found = modelled(dataclasses.replace(card, overlap=overlap, latency_factor=latency), work, places)
    assert found.us >= found.launch_us + NO_SLOWER * max(found.bounds_us.values()) - 1e-9
    longest = max(found.bounds_us.values())
    assert found.bounds_us[found.bound] == longest
    assert found.limiter == ("launch" if found.launch_us > longest else found.bound)
    assert 0 <= found.tail_us <= found.us


@given(CARDS, COUNTS, st.integers(1, 8), st.integers(1, 4), st.integers(2, 6))
def test_k_times_the_full_waves_take_k_times_as_long(
    card: Gpu, work: dict[str, int], places: int, full: int, times: int
) -> None:
    blocks = full * card.sms * places
    one = {**work, "blocks": blocks, "chain_cycles_max": -(-work["chain_cycles_sum"] // blocks)}
    many = {name: value * times for name, value in one.items()} | {"chain_cycles_max": one["chain_cycles_max"]}
    first, second = (modelled(card, each, places).us - card.launch_us for each in (one, many))
    assert second == pytest.approx(times * first, rel=1e-3, abs=2 / card.clock_mhz * times)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8), st.floats(1, 50))
def test_the_norm_lies_between_the_largest_part_and_their_sum(parts: list[float], overlap: float) -> None:
    found = norm(parts, overlap)
    assert max(parts) * NO_SLOWER <= found <= sum(parts) * (1 + 1e-9)
    assert norm(parts, math.inf) == max(parts)


def test_the_same_counts_are_never_faster_on_the_older_card() -> None:
    work = counts(dram_read_sectors=10**6, **{"slots.fp32": 10**7, "issue_slots": 10**7})
    a100 = gpu("a100")
    assert estimate(a100, work, occupancy(a100, 256, 32, 0)).us > estimate(H100, work, FULL).us


def test_launching_limits_what_takes_longer_to_launch_than_any_resource_needs() -> None:
    cycles = int(H100.launch_us * H100.cycles_per_us)
    for chain, limiter in ((cycles // 2, "launch"), (2 * cycles, "latency")):
        found = estimate(H100, counts(blocks=1, chain_cycles_sum=chain, chain_cycles_max=chain), FULL)
        assert (found.limiter, found.bound) == (limiter, "latency")


def uneven(idle: int) -> Estimate:
    """One block with 32 warps that load by strides, and so many that return at once."""
    own, each = 12_768, 160
    work = counts(
        blocks=1 + idle, issue_slots=own + idle * each, block_issue_slots_max=own, l1_load_wavefronts=65_536,
        block_pipe_cycles_max=65_536, chain_cycles_sum=4_000, chain_cycles_max=4_000, **{"slots.integer": own},
    )  # fmt: skip
    return estimate(H100, work, FULL)


@pytest.mark.parametrize("idle", [1, 131, 1319])
def test_blocks_that_do_nothing_do_not_share_the_work_of_one_that_does(idle: int) -> None:
    alone, beside_others = uneven(0), uneven(idle)
    assert alone.us == pytest.approx(H100.launch_us + 65_536 / H100.cycles_per_us)
    assert beside_others.us >= alone.us * NO_SLOWER
    assert beside_others.bound == alone.bound == "L1 sectors"


def test_different_words_of_constant_memory_take_a_cycle_each() -> None:
    found = estimate(H100, counts(blocks=132, constant_replays=132 * 18_300), FULL)
    assert (found.bound, found.bounds_us["constant cache"]) == ("constant cache", pytest.approx(10.0))


SUMMED = ("issue_slots", "constant_replays", "chain_cycles_sum", *(f"slots.{name}" for name in CLASSES))
ONE_BLOCK = st.fixed_dictionaries({name: st.integers(0, 10**7) for name in SUMMED})


def launch_of(heavy: dict[str, int], light: dict[str, int], lights: int) -> dict[str, int]:
    """Counts of one block, and of so many that do less of everything."""
    light = {name: min(light[name], heavy[name]) for name in SUMMED}
    summed = {name: heavy[name] + lights * light[name] for name in SUMMED}
    own = {f"block_slots.{name}": heavy[f"slots.{name}"] for name in CLASSES}
    return counts(
        blocks=1 + lights, chain_cycles_max=heavy["chain_cycles_sum"], block_issue_slots_max=heavy["issue_slots"],
        block_replays_max=heavy["constant_replays"], **summed, **own,
    )  # fmt: skip


@given(heavy=ONE_BLOCK, light=ONE_BLOCK, lights=st.integers(0, 5000), card=CARDS)
def test_a_block_is_never_faster_beside_others(
    heavy: dict[str, int], light: dict[str, int], lights: int, card: Gpu
) -> None:
    held = occupancy(card, 256, 32, 0)
    alone = estimate(card, launch_of(heavy, light, 0), held).us
    assert estimate(card, launch_of(heavy, light, lights), held).us >= alone * NO_SLOWER


def test_work_of_one_kind_is_not_diluted_by_instructions_of_another() -> None:
    """One block has all the arithmetic; 1319 others execute ten times as many instructions, none of its kind."""
    heavy = dict.fromkeys(SUMMED, 0) | {"issue_slots": 200_000, "slots.fp64": 100_000}
    idle = dict.fromkeys(SUMMED, 0) | {"issue_slots": 1_500}
    expected = H100.launch_us + 100_000 / H100.rates["fp64"] / H100.cycles_per_us
    assert estimate(H100, launch_of(heavy, idle, 1319), FULL).us == pytest.approx(expected)
