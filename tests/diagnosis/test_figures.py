"""FLOP, traffic, residency and roofline of a launch, by figures that can be done on paper."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_subjects import CARD, line, subject

from kernelevo.commands.profile_subjects import card_of
from kernelevo.devices import gpus
from kernelevo.devices.occupancy import occupancy
from kernelevo.diagnosis.residency import lifts, residency
from kernelevo.diagnosis.roofline import kernel_us, roofline
from kernelevo.diagnosis.traffic import access_rows, traffic
from kernelevo.diagnosis.work import flop, instruction_mix, lanes


@pytest.mark.parametrize(
    ("instruction", "done"),
    [
        ("fma.rn.f32 %f1, %f2, %f3, %f4", {"FP32": 2 * 320}),
        ("add.f32 %f1, %f2, %f3", {"FP32": 320}),
        ("mul.rn.f64 %fd1, %fd2, %fd3", {"FP64": 320}),
        ("fma.rn.f16x2 %r1, %r2, %r3, %r4", {"FP16": 4 * 320}),
        ("fma.rn.bf16 %rs1, %rs2, %rs3, %rs4", {"FP16": 2 * 320}),
        ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1}, {%r1}, {%r2}, {%f2}", {"tensor": 10 * 4096}),
        ("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f1}, {%r1}, {%r2}, {%f2}", {"tensor": 10 * 4 * 512}),
        ("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%f1}, {%r1}, {%r2}, {%f2}", {"tensor": 10 * 512}),
        ("wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32 {%f1}, {%r1}, {%r2}, {%f2}", {"tensor": 10 * 8192}),
        ("wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%r1}, [%rd1]", {}),
        ("div.rn.f32 %f1, %f2, %f3", {}),
        ("add.s32 %r1, %r2, %r3", {}),
        ("max.f32 %f1, %f2, %f3", {}),
    ],
)
def test_flop_are_those_of_sums_and_products(instruction: str, done: dict[str, int]) -> None:
    assert flop([line(1, instruction, 10)]) == done


def test_the_mix_is_by_class_most_first_and_lanes_are_a_mean() -> None:
    counts = {"warp.fp32": 5, "warp.move": 9, "warp.fp64": 0, "slots.fp32": 7, "warp_instructions": 14,
              "thread_instructions": 224}  # fmt: skip
    assert list(instruction_mix(counts).items()) == [("move", 9), ("fp32", 5)]
    assert lanes(counts) == 16 and lanes({}) == 0


COUNTS = {
    "global_load_requests": 10, "global_load_sectors": 320, "global_load_bytes": 1280, "l1_miss_sectors": 80,
    "global_store_requests": 2, "global_store_sectors": 8, "l2_read_sectors": 80, "l2_write_sectors": 8,
    "dram_read_sectors": 20, "dram_write_sectors": 8, "shared_load_requests": 4, "shared_load_wavefronts": 16,
    "shared_load_requests_merged": 1, "shared_load_wavefronts_merged": 4,
}  # fmt: skip


def test_traffic_is_followed_from_requests_to_dram() -> None:
    moved = traffic(COUNTS)
    assert (moved.global_requests, moved.global_sectors, moved.l1_bytes) == (12, 328, 328 * 32)
    assert (moved.l1_hits, moved.l2_hits) == (0.75, 0.75)
    assert (moved.l2_bytes, moved.dram_bytes) == (88 * 32, 28 * 32)
    # Of the 16 wavefronts 4 are left once neighbouring loads are one: what the hardware moves, so what a roof is of.
    assert (moved.shared_wavefronts, moved.shared_merged, moved.shared_bytes) == (16, 4, 4 * 128)


def test_a_rate_of_hits_that_nothing_was_looked_up_for_is_not_said() -> None:
    assert traffic({}).l1_hits is None and traffic({"l1_miss_sectors": 0}).l2_hits is None


def test_an_access_that_happens_is_a_row_with_what_merging_leaves() -> None:
    rows = {row.label: row for row in access_rows(COUNTS)}
    assert list(rows) == ["global loads", "global stores", "shared loads"]
    assert rows["global loads"].per_request == 32 and rows["global loads"].lane_bytes == 1280
    assert rows["shared loads"].merged == (1, 4) and rows["global loads"].merged == (None, None)


def test_spills_without_requests_have_their_row_and_no_ratio() -> None:
    (row,) = access_rows({"local_sectors": 64})
    assert (row.label, row.moved, row.per_request) == ("local memory", 64, 0)


def test_residency_names_the_resource_that_limits() -> None:
    # 256 threads x 64 registers = 16,384 of 65,536: four blocks; 64 warps would be eight.
    held = residency(subject({"issue": 1.0}, registers=64, blocks=45))
    assert held is not None
    assert (held.blocks, held.share, held.limiter) == (4, 0.5, "registers")
    assert held.limits == {"warps and blocks": 8, "registers": 4, "shared memory": 8}
    # The busiest of 10 SMs would have five blocks, and holds four at a time.
    assert (held.active_warps, held.sms_used, held.waves, held.tail) == (32, 10, 1.125, 0.4375)


def test_what_would_lift_the_limit_is_the_nearest_step() -> None:
    (lift,) = [each for each in lifts(subject({"issue": 1.0}, registers=64)) if each.what == "registers of a thread"]
    # Five blocks of eight warps need 65,536 / (5 x 256) = 51 registers or fewer.
    assert (lift.now, lift.to, lift.blocks, lift.share) == (64, 51, 5, 0.625)
    (lift,) = lifts(subject({"issue": 1.0}, shared=30_000))
    # 100,000 bytes hold three blocks; four need 25,000 each.
    assert (lift.what, lift.to, lift.blocks) == ("bytes of shared memory of a block", 25_000, 4)
    (lift,) = lifts(subject({"issue": 1.0}, threads=32))
    # Blocks of one warp: 32 fit by their number, half of the warps; with two warps each, all of them.
    assert (lift.what, lift.to, lift.share) == ("threads of a block", 64, 1.0)


def test_a_full_sm_needs_no_lift_and_an_unknown_one_gets_none() -> None:
    assert lifts(subject({"issue": 1.0})) == []
    assert residency(subject({}, card=None)) is None and lifts(subject({}, card=None)) == []
    assert residency(dataclasses.replace(subject({}), resources=None)) is None
    assert residency(subject({}, shared=200_000)) is None


@given(st.integers(1, 1024), st.integers(1, 255), st.integers(0, 200_000), st.sampled_from(gpus.names()))
def test_a_cards_blocks_are_those_of_the_device(threads: int, registers: int, shared: int, name: str) -> None:
    card = card_of(f"virtual:{name}")
    assert card is not None
    try:
        expected = occupancy(gpus.gpu(name), threads, registers, shared).blocks_per_sm
    except ValueError:
        expected = 0
    assert card.blocks_per_sm(threads, registers, shared) == expected


def test_a_device_that_is_no_virtual_card_has_none() -> None:
    assert card_of("null") is None and card_of("virtual:nothing") is None


def test_the_peaks_of_a_card_are_those_of_its_data_sheet() -> None:
    card = card_of("virtual:a100")
    assert card is not None
    # A100: 19.5 TFLOP/s FP32, 9.7 FP64, 78 FP16, 312 with tensor cores.
    peaks = {unit: round(rate / 1e6, 1) for unit, rate in card.flop_per_us.items()}
    assert peaks == {"FP32": 19.5, "FP64": 9.7, "FP16": 78.0, "tensor": 311.9}


def test_a_launch_lies_under_the_lowest_of_its_roofs() -> None:
    # 100 warps x 32 lanes x 2 FLOP x 1000 = 6.4 M FLOP in 10 us without launching.
    fma = line(1, "fma.rn.f32 %f1, %f1, %f1, %f1", 100_000)
    load = line(1, "ld.global.f32 %f1, [%rd1]", 100, sectors=400)
    counts = {"global_load_sectors": 400, "dram_read_sectors": 100, "l2_read_sectors": 200}
    roof = roofline(subject({"fp32": 10.0}, fma, load, counts=counts))
    assert roof is not None and (roof.unit, roof.work, roof.us) == ("FLOP", 6_400_000, 10.0)
    intensities = {point.level: point.intensity for point in roof.points}
    assert intensities == {"L1": 6.4e6 / 12_800, "L2": 6.4e6 / 6_400, "DRAM": 6.4e6 / 3_200}
    assert next(iter(roof.roofs.items())) == ("FP32", 1e7) and roof.fraction == pytest.approx(0.064)


def test_a_launch_without_floating_point_is_measured_by_its_instructions() -> None:
    move, load = line(1, "mov.u32 %r1, %r2", 1000), line(1, "ld.global.u32 %r1, [%rd1]", 1000, sectors=4000)
    roof = roofline(subject({"DRAM bandwidth": 4.0}, move, load, counts={"dram_read_sectors": 4000}))
    assert roof is not None and (roof.unit, roof.work) == ("warp instructions", 2000)
    assert roof.roofs["DRAM"] == 2000 / 128_000 * 1e6 and next(iter(roof.peaks)) == "issue"


def test_without_a_card_or_time_there_is_no_roofline() -> None:
    fma = line(1, "fma.rn.f32 %f1, %f1, %f1, %f1")
    assert roofline(subject({"fp32": 1.0}, fma, card=None)) is None
    assert kernel_us(subject({})) is None and CARD.launch_us == 2.0
