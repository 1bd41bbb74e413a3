"""Every rule of the diagnosis in both polarities: it speaks where its evidence is there, and is silent without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from made_subjects import CARD, line, subject

from kernelevo.diagnosis import memory_rules, schedule_rules, work_rules
from kernelevo.diagnosis.bounds import resource
from kernelevo.diagnosis.diagnose import LEAST_WEIGHT, RULES, diagnose
from kernelevo.diagnosis.finding import Finding, Rule
from kernelevo.diagnosis.subject import Subject

LOAD, STORE = "ld.global.f32 %f1, [%rd4]", "st.global.f32 [%rd4], %f1"
TILE, WIDE_TILE = "ld.shared.f32 %f1, [%r8]", "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r8]"
FMA = "fma.rn.f32 %f1, %f1, %f1, %f1"


def row_address(scale: str) -> list:
    """The address of `x[scale * threadIdx.x]` in %rd4, of words of four bytes."""
    texts = [
        "ld.param.u64 %rd1, [k_param_0]", "ld.param.u32 %r1, [k_param_1]", "mov.u32 %r4, %tid.x",
        f"mul.lo.s32 %r5, %r4, {scale}", "mul.wide.s32 %rd3, %r5, 4", "add.s64 %rd4, %rd1, %rd3",
    ]  # fmt: skip
    return [line(1, text, ptx_line=place) for place, text in enumerate(texts)]


def tile_address(step: int) -> list:
    """The address of byte `step * threadIdx.x` of a tile in %r8."""
    texts = ["mov.u32 %r4, %tid.x", f"mul.lo.s32 %r7, %r4, {step}", "mov.u32 %r6, tile", "add.s32 %r8, %r6, %r7"]
    return [line(1, text, ptx_line=place) for place, text in enumerate(texts)]


def scattered(sectors: int, instruction: str = LOAD, scale: str = "%r1", **more) -> Subject:
    access = line(12, instruction, 100, sectors=sectors, ptx_line=9)
    kind = "store" if instruction.startswith("st") else "load"
    counts = {f"global_{kind}_requests": 100, f"global_{kind}_sectors": sectors}
    return subject(
        {"L1 sectors": 8.0, "issue": 2.0}, *row_address(scale), access,
        **{"counts": counts, "arguments": (None, 1000), "dims": {"rows": 50, "cols": 1000}, **more},
    )  # fmt: skip


def tiled(wavefronts: int, instruction: str = TILE, step: int = 128, bounds: dict | None = None) -> Subject:
    access = line(30, instruction, 100, wavefronts=wavefronts, ptx_line=9)
    counts = {"shared_load_requests": 100, "shared_load_wavefronts": wavefronts}
    return subject(bounds or {"shared memory": 8.0, "issue": 2.0}, *tile_address(step), access, counts=counts)


def work(instruction: str, executed: int, bounds: dict, **more) -> Subject:
    return subject(bounds, line(7, FMA, 100), line(9, instruction, executed, **more.pop("line", {})), **more)


def atomic(updates: int, hottest: int, bounds: dict) -> Subject:
    update = line(14, "red.global.add.f32 [%rd1], %f1", 10, sectors=10)
    counts = {"global_atomic_hottest": hottest, "global_atomic_lanes": updates}
    return subject(bounds, update, counts=counts)


def diverging(threads: int, divergent: int, block: int = 256) -> Subject:
    branch = line(9, "@%p1 bra $L1", 50, divergent=divergent)
    body = line(11, FMA, 100, threads=threads)
    return subject({"issue": 4.0}, branch, body, threads=block, counts={"divergent_branches": divergent})


def moved(dram: int, l2: int, least: int, bounds: dict, **more) -> Subject:
    found = subject(bounds, counts={"dram_read_sectors": dram, "l2_read_sectors": l2}, least_bytes=least)
    return dataclasses.replace(found, **more)


def polled(load: str) -> Subject:
    """8,000 of 9,000 sectors that L2 gives are asked for by this load."""
    counts = {"dram_read_sectors": 1000, "l2_read_sectors": 9000}
    return subject({"L2 bandwidth": 9.0}, line(12, load, 8000, sectors=8000, threads=8000), counts=counts)


def asked_again(bounds: dict) -> Subject:
    """8,000 sectors that L1 gives, of which 1,000 are different."""
    counts = {"dram_read_sectors": 1000, "l2_read_sectors": 1000, "global_load_sectors": 8000}
    return subject(bounds, line(12, LOAD, 2000, sectors=8000), counts=counts)


LATENCY, ISSUE, DRAM = {"latency": 9.0, "issue": 1.0}, {"issue": 5.0, "latency": 1.0}, {"DRAM bandwidth": 5.0}
NONE = subject({})
Polarities = tuple[Rule, Subject, Subject, str]
CASES: dict[str, Polarities] = {
    "what decides": (
        schedule_rules.bound, subject({"issue": 5.0, "fp32": 3.0}), NONE,
        "bound by instruction issue: 5 of 7 us; next is FP32 units, 3 us"),
    "launching decides": (
        schedule_rules.bound, subject({"issue": 0.5}), subject({"issue": 3.0}),
        "bound by launch overhead: 2 of 2.5 us; next is instruction issue, 0.5 us"),
    "launch overhead": (
        schedule_rules.launch_overhead, subject({"issue": 1.0}), subject({"issue": 9.0}),
        "launching takes 2 of 3 us"),
    "idle SMs": (
        schedule_rules.idle_sms, subject(LATENCY, blocks=4), subject(LATENCY, blocks=10),
        "4 blocks leave 6 of 10 SMs without work"),
    "few warps": (
        schedule_rules.few_warps, subject(LATENCY, blocks=10, threads=64, counts={"chain_cycles_max": 5000}),
        subject(LATENCY, blocks=80),
        "takes 5,000 cycles, with 2 of 64 warps resident on the busiest SM"),
    "few warps where latency does not decide": (
        schedule_rules.few_warps, subject(LATENCY, blocks=10, threads=64), subject(ISSUE, blocks=10, threads=64),
        "2 of 64 warps"),
    "a long chain": (
        schedule_rules.long_chain, subject(LATENCY, blocks=80), subject(LATENCY, blocks=10, threads=64),
        "although 64 of 64 warps are resident"),
    "registers limit occupancy": (
        schedule_rules.limited_occupancy, subject(LATENCY, registers=64, blocks=80), subject(LATENCY, blocks=80),
        "registers limit occupancy: 4 blocks of 8 warps on an SM, 50% of 64 warps"),
    "shared memory limits occupancy": (
        schedule_rules.limited_occupancy, subject(LATENCY, shared=48_000, blocks=80),
        subject(LATENCY, shared=48_000, blocks=8),  # the grid has fewer than fit anyway
        "shared memory limits occupancy: 2 blocks of 8 warps"),
    "a last wave": (
        schedule_rules.tail, subject(LATENCY, blocks=82), subject(LATENCY, blocks=160),
        "tail: 1.02 waves; the last holds 2 of the 80 blocks that fit, so 49% of all places stay empty"),
    "a last wave that throughput hides": (  # two SMs have 9 blocks, eight have 8: 9 % are lost
        schedule_rules.tail, subject(LATENCY, blocks=82), subject(ISSUE, blocks=82), "tail: 1.02 waves"),
    "uneven SMs": (
        schedule_rules.tail, subject(ISSUE, blocks=11), subject(ISSUE, blocks=20),
        "tail: 11 blocks on 10 SMs: the busiest has 2, the mean 1.10"),
    "partial warps": (
        schedule_rules.partial_warps, subject(ISSUE, threads=40), subject(ISSUE, threads=64),
        "blocks of 40 threads: the last warp of each has 8 of 32 lanes"),
    "divergence": (
        schedule_rules.divergence, diverging(1400, 50), diverging(3200, 0),
        "line 11: 14 of 32 lanes active, 67% of the instructions: divergence at line 9, 50 times"),
    "predicates": (
        schedule_rules.divergence, diverging(1600, 0), diverging(3200, 0), "switched off by predicates"),
    "divergence beyond a partial block": (
        schedule_rules.divergence, diverging(800, 50, 16), diverging(1600, 0, 16), "8 of 32 lanes active"),
    "barriers": (
        schedule_rules.barriers,
        subject(LATENCY, line(20, "bar.sync 0", 640), counts={"barriers": 640 * 40, "warps": 640}),
        subject(LATENCY, line(20, "bar.sync 0", 640), counts={"barriers": 640, "warps": 640}),
        "line 20: each warp waits at 40 barriers"),
    "scattered loads": (
        memory_rules.uncoalesced, scattered(3200), scattered(400, scale="1"),
        "line 12: 32 sectors per load request where 4 would do: neighbouring lanes read addresses 4,000 bytes apart "
        "(cols x 4 bytes)"),
    "scattered stores": (
        memory_rules.uncoalesced, scattered(3200, STORE), scattered(400, STORE, "1"),
        "line 12: 32 sectors per store request where 4 would do: neighbouring lanes write addresses 4,000 bytes apart"),
    "fields of a structure": (
        memory_rules.uncoalesced, scattered(1200, scale="3"), scattered(400, scale="1"),
        "12 sectors per load request where 4 would do: neighbouring lanes read addresses 12 bytes apart"),
    "misaligned rows": (
        memory_rules.misaligned, scattered(500, scale="1"), scattered(400, scale="1"),
        "line 12: 5 sectors per load request where 4 would do: neighbouring lanes are neighbours in memory"),
    "a column of a tile": (
        memory_rules.bank_conflicts, tiled(3200), tiled(100, step=132),
        "line 30: 32-way bank conflicts in shared memory, 32 wavefronts per load request where 1 would do: "
        "neighbouring "
        "lanes are 128 bytes apart, so that all ask one bank"),
    "four-way conflicts": (
        memory_rules.bank_conflicts, tiled(400, step=16), tiled(400, WIDE_TILE, 16), "line 30: 4-way bank conflicts"),
    "narrow loads": (
        memory_rules.scalar_accesses, scattered(400, scale="1"),
        scattered(1600, "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd4]", "4"),
        "line 12: 100 load requests of 4 bytes a lane, dense"),
    "spills": (
        memory_rules.spills, subject(ISSUE, spills=24, registers=255, counts={"local_sectors": 960}),
        subject(ISSUE, counts={"local_sectors": 960}),
        "spills: 24 bytes of each thread go through local memory, at least 960 sectors, with 255 registers"),
    "arrays in local memory": (
        memory_rules.local_arrays,
        subject(ISSUE, line(5, "ld.local.f32 %f1, [%rd1]", 50, sectors=200), counts={"local_requests": 50}),
        subject(ISSUE, line(5, LOAD, 50, sectors=200)), "line 5: 50 requests to local memory"),
    "updates of one address": (
        memory_rules.atomics, atomic(320, 320, {"atomics": 9.0, "issue": 1.0}),
        atomic(320, 1, {"issue": 9.0, "atomics": 1.0}),
        "line 14: 320 of 320 atomic updates are of one address"),
    "bytes fetched again": (
        memory_rules.refetched, moved(1000, 9000, 0, {"L2 bandwidth": 9.0}),
        moved(1000, 1500, 0, {"L2 bandwidth": 9.0}),
        "L2 delivers 288 KB to loads, 9 times the 32 KB of DRAM"),
    "bytes fetched again where an earlier launch left them in L2": (  # nothing comes from DRAM, and that says nothing
        memory_rules.refetched, moved(10, 9000, 0, {"L2 bandwidth": 9.0}, warm=True, buffer_bytes=96_000),
        moved(10, 9000, 0, {"L2 bandwidth": 9.0}, warm=True, buffer_bytes=288_000),
        "L2 delivers 288 KB to loads, 3 times the 96 KB that its buffers hold"),
    "bytes fetched again, of buffers whose size is not known": (
        memory_rules.refetched, moved(10, 9000, 0, {"L2 bandwidth": 9.0}),
        moved(10, 9000, 0, {"L2 bandwidth": 9.0}, warm=True), "times"),
    "bytes fetched again, not a flag that is waited for": (
        memory_rules.refetched, polled("ld.global.b32 %r1, [%rd1]"), polled("ld.acquire.gpu.global.b32 %r1, [%rd1]"),
        "9 times the 32 KB of DRAM"),
    "bytes that only L1 gives again": (
        memory_rules.refetched, asked_again({"L1 sectors": 9.0, "L2 bandwidth": 1.0}),
        asked_again({"issue": 9.0, "L1 sectors": 1.0}), "L1 delivers 256 KB to loads, 8 times the 32 KB of DRAM"),
    "a tile smaller than the program": (
        schedule_rules.small_tile, dataclasses.replace(subject(ISSUE, threads=128), tile=32),
        dataclasses.replace(subject(ISSUE, threads=128), tile=128),
        "tiles of 32 elements for 128 lanes (4 warps): 4 lanes do the work of each element"),
    "bytes fetched again, not sectors written in pieces": (
        memory_rules.refetched, moved(1000, 9000, 0, {"L2 bandwidth": 9.0}),
        subject({"L2 bandwidth": 9.0}, counts={
            "dram_read_sectors": 1000, "dram_write_sectors": 1000, "l2_read_sectors": 1000, "l2_write_sectors": 8000}),
        "9 times the 32 KB"),
    "bytes fetched again where it does not matter": (
        memory_rules.refetched, moved(1000, 9000, 0, {"L2 bandwidth": 9.0}),
        moved(1000, 9000, 0, {"L2 bandwidth": 1.0, "issue": 9.0}), "9 times"),
    "more than the least": (
        memory_rules.excess_dram, moved(2000, 0, 32_000, DRAM), moved(1100, 0, 32_000, DRAM),
        "DRAM moves 64 KB, 2.00 times the 32 KB that any kernel must move"),
    "at the roof": (
        memory_rules.at_the_roof, moved(1100, 0, 32_000, DRAM), moved(2000, 0, 32_000, DRAM),
        "DRAM decides and moves 35.2 KB, 1.10 times the least"),
    "too many instructions": (
        work_rules.issue_bound,
        work(FMA, 500, ISSUE, counts={"issue_slots": 600, "slots.fp32": 450, "slots.move": 150}),
        work(FMA, 500, LATENCY, counts={"issue_slots": 600, "slots.fp32": 600}),
        "600 issue slots, most of them fp32 75%, move 25%; line 9 executes most"),
    "exact division": (
        work_rules.exact_functions,
        work("div.rn.f32 %f1, %f1, %f2", 100, ISSUE, line={"slots": 10}, counts={"issue_slots": 2000}),
        work("div.approx.f32 %f1, %f1, %f2", 100, ISSUE, counts={"issue_slots": 2000}),
        "line 9: 100 warp instructions div.rn.f32, correctly rounded, 10 issue slots each"),
    "exact division of doubles": (
        work_rules.exact_functions,
        work("div.rn.f64 %fd1, %fd1, %fd2", 100, ISSUE, line={"slots": 10}, counts={"issue_slots": 2000}),
        work("fma.rn.f64 %fd1, %fd1, %fd2, %fd3", 100, ISSUE, counts={"issue_slots": 2000}),
        "line 9: 100 warp instructions div.rn.f64, correctly rounded, 10 issue slots each"),
    "doubles by accident": (
        work_rules.accidental_doubles, work("cvt.f64.f32 %fd1, %f1", 100, ISSUE, counts={"warp.fp64": 300}),
        work("cvt.f64.s32 %fd1, %r1", 100, ISSUE, counts={"warp.fp64": 300}),
        "line 9: floats are widened to double, 300 warp instructions of FP64"),
    "index arithmetic": (
        work_rules.index_arithmetic, work("mul.wide.s32 %rd1, %r1, 4", 900, {"wide_integer": 9.0}),
        work("mul.wide.s32 %rd1, %r1, 4", 900, {"issue": 9.0, "wide_integer": 1.0}),
        "line 9: integers keep their units busy for 100% of the longest bound, 900 warp instructions"),
    "integer division": (
        work_rules.index_arithmetic, work("rem.s32 %r1, %r1, %r2", 900, {"integer": 9.0}),
        work("add.s32 %r1, %r1, %r2", 900, {"integer": 9.0}), "integer division at line 9"),
    "shared memory without conflicts": (
        work_rules.shared_bound, tiled(100, step=4), tiled(3200), "shared memory delivers 100 wavefronts for 0 FLOP"),
    "exponentials": (
        work_rules.special_functions,
        work("ex2.approx.f32 %f1, %f1", 900, {"special": 9.0}, counts={"warp.special": 900}),
        work("ex2.approx.f32 %f1, %f1", 900, ISSUE, counts={"warp.special": 900}),
        "line 9: 900 warp instructions of special functions need 100% of the longest bound"),
    # 1,000,000 warps x 32 lanes x 2 FLOP in 7 us are 9.1 of the 10 TFLOP/s of the card.
    "at the peak of the units": (
        work_rules.at_the_peak, subject({"fp32": 7.0}, line(1, FMA, 1_000_000)),
        subject({"fp32": 7.0}, line(1, FMA, 10)),
        "9.14 TFLOP/s, 91% of what the FP32 units can do"),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "present", "absent", "words"), CASES.values(), ids=CASES.keys())
def test_a_rule_speaks_where_its_evidence_is_and_is_silent_without(
    rule: Rule, present: Subject, absent: Subject, words: str
) -> None:
    found = list(rule(present))
    assert any(words in finding.statement for finding in found), [finding.statement for finding in found]
    assert not any(words in finding.statement for finding in rule(absent))
    assert all(0 < finding.weight <= 1 and finding.evidence for finding in found)
    assert all(finding.advice for finding in found if finding.rule != "bound")


def test_every_rule_is_tried() -> None:
    assert {rule for rule, *_ in CASES.values()} == set(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_says_nothing_of_a_launch_of_which_nothing_is_known(rule: Rule) -> None:
    step = dataclasses.replace(NONE.step, counts={}, time=None, details={}, limiter="")
    assert list(rule(Subject(step, "k", "k.cu"))) == []


@pytest.mark.parametrize("first", ["L1 sectors", "shared memory", "L1 data pipe"])
def test_one_pipe_is_not_named_twice_under_two_names(first: str) -> None:
    banks = {"L1 sectors": 4.0, "shared memory": 3.0, "L1 data pipe": 7.0}
    alone = {first: 9.0, **({"L1 data pipe": 9.0} if first != "L1 data pipe" else banks | {first: 9.0}), "issue": 2.5}
    (found,) = schedule_rules.bound(subject(alone))
    assert found.statement.startswith(f"bound by {resource(first)}: 9 of 11 us; next is instruction issue, 2.5 us")


def test_the_launch_that_a_device_tells_goes_before_what_no_bound_explains() -> None:
    waves = {"launch_us": 0.5}  # of the 2 us that the bounds leave, three waves took 1.5
    (found,) = schedule_rules.bound(subject({"issue": 1.0}, details=waves))
    assert found.statement == "bound by instruction issue: 1 of 3 us; next is launch overhead, 0.5 us"


def test_rules_of_the_kernel_speak_where_launching_limits_the_launch() -> None:
    few = subject(LATENCY, blocks=10, threads=64)
    launching = dataclasses.replace(few, step=dataclasses.replace(few.step, limiter="launch"))
    assert launching.kernel_limiter == "latency" and list(schedule_rules.few_warps(launching))


def test_lines_of_which_the_same_is_to_be_said_are_named_together() -> None:
    lines = [line(number, LOAD, 100, sectors=3200, ptx_line=9 + number) for number in (18, 23, 27)]
    counts = {"global_load_requests": 300, "global_load_sectors": 9600}
    (finding,) = memory_rules.uncoalesced(
        subject({"L1 sectors": 8.0}, *row_address("%r1"), *lines, counts=counts, arguments=(None, 1000))
    )
    assert finding.statement.startswith("lines 18, 23 and 27: 32 sectors per load request")
    assert finding.lines == (18, 23, 27) and finding.evidence["sectors"] == 9600


def test_a_step_that_the_counts_refute_is_not_claimed() -> None:
    (finding,) = memory_rules.uncoalesced(scattered(1600))
    assert finding.statement == "line 12: 16 sectors per load request where 4 would do"


def test_a_dimension_is_named_only_where_it_is_the_only_one_that_explains_the_step() -> None:
    (finding,) = memory_rules.uncoalesced(scattered(3200, dims={"rows": 1000, "cols": 1000}))
    assert "4,000 bytes apart" in finding.statement and "cols" not in finding.statement


def test_the_advice_for_triton_does_not_speak_of_threads() -> None:
    access = line(12, LOAD, 100, sectors=3200, file="k.triton.py")
    of_triton = dataclasses.replace(
        subject({"L1 sectors": 8.0}, access, counts={"global_load_sectors": 3200}), file="k.triton.py"
    )
    (finding,) = memory_rules.uncoalesced(of_triton)
    assert "tl.arange" in finding.advice and "threadIdx" not in finding.advice


def test_what_would_lift_the_limit_is_said_in_figures() -> None:
    (finding,) = schedule_rules.limited_occupancy(subject(LATENCY, shared=48_000, blocks=80))
    # A third block would need 100,000 / 3 bytes.
    assert finding.advice == (
        "with 33,333 bytes of shared memory of a block or fewer (now 48,000) 3 blocks would fit (38% of the warps)"
    )


def test_one_of_a_kind_is_said_in_the_singular() -> None:
    (held,) = schedule_rules.limited_occupancy(subject(LATENCY, shared=90_000, threads=32, blocks=80))
    assert "limits occupancy: 1 block of 1 warp on an SM" in held.statement
    (idle,) = schedule_rules.idle_sms(subject(LATENCY, blocks=1))
    assert idle.statement.startswith("1 block leaves 9 of 10 SMs")


def test_the_diagnosis_begins_with_what_decides_and_goes_on_by_weight() -> None:
    found = diagnose(scattered(3200, blocks=4))
    assert [finding.rule for finding in found[:3]] == ["bound", "uncoalesced", "idle_sms"]
    weights = [finding.weight for finding in found[1:]]
    assert weights == sorted(weights, reverse=True) and min(weights) >= LEAST_WEIGHT


def test_what_hardly_matters_is_not_said() -> None:
    def rules_of(bounds: dict[str, float]) -> set[str]:
        given = dataclasses.replace(scattered(3200).step, details=subject(bounds).step.details, limiter="issue")
        return {finding.rule for finding in diagnose(dataclasses.replace(scattered(3200), step=given))}

    assert "uncoalesced" in rules_of({"issue": 9.0, "L1 sectors": 3.0})
    assert "uncoalesced" not in rules_of({"issue": 9.0, "L1 sectors": 0.1})


def test_findings_are_weighed_by_the_whole_time() -> None:
    short, long = {"latency": 0.1, "issue": 0.01}, {"latency": 100.0, "issue": 10.0}  # beside 2 us of launch

    def weights(bounds: dict[str, float]) -> dict[str, float]:
        return {finding.rule: finding.weight for finding in diagnose(subject(bounds, blocks=10, threads=64))}

    assert weights(short)["launch_overhead"] > 0.9 and weights(short)["few_warps"] < 0.05
    assert "launch_overhead" not in weights(long) and weights(long)["few_warps"] > 0.9
    at_roof = moved(1100, 0, 32_000, {"DRAM bandwidth": 0.5})
    assert "at_the_roof" not in {finding.rule for finding in diagnose(at_roof)}


def test_vectors_in_triton_are_a_matter_of_the_tile() -> None:
    dense = scattered(400, scale="1")
    assert "float4" in next(memory_rules.scalar_accesses(dense)).advice
    advice = next(memory_rules.scalar_accesses(dataclasses.replace(dense, file="k.triton.py"))).advice
    assert "float4" not in advice and "tile of 128 elements" in advice


def test_fast_math_is_not_advised_for_doubles() -> None:
    def advice(kind: str) -> str:
        given = work(f"div.rn.{kind} %f1, %f1, %f2", 100, ISSUE, line={"slots": 10}, counts={"issue_slots": 2000})
        return next(work_rules.exact_functions(given)).advice

    assert "__fdividef" in advice("f32")
    assert "__fdividef" not in advice("f64") and "float where" in advice("f64")


def test_a_rule_is_a_function_of_the_launch_alone() -> None:
    given = scattered(3200)
    assert diagnose(given) == diagnose(given) and CARD is given.card
    assert isinstance(memory_rules.uncoalesced(given), Iterator) and isinstance(diagnose(given)[0], Finding)
