"""The virtual device on the real wall: the device contract, and what a plan may not get for nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from conformance.compiler import GOOD
from conformance.device import BUDGET, DeviceBench, DeviceContract

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.devices.gpus import gpu
from kernelevo.devices.virtual import VirtualDevice, open_virtual
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, Buffer, BufferArgument, Clear, Image, Job, Launch, RunReport, ScalarArgument

N = 1 << 16
SOURCE = """extern "C" __global__ void twice(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 2 * x[i];
}
extern "C" __global__ void wild(const float *x, float *y, int n) { y[n + 1] = 1; }
extern "C" __global__ void __launch_bounds__(256%s) hoard(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float q[96];
  #pragma unroll
  for (int j = 0; j < 96; j++) q[j] = x[(i + j * 1237) %% n];
  __syncwarp();
  float sum = 0;
  #pragma unroll
  for (int j = 0; j < 96; j++) sum += q[j] * q[95 - j];
  if (i < n) y[i] = sum;
}
"""
FAULTY = """extern "C" __global__ void last_block_wins(const float *x, float *y, int n) {
  if (threadIdx.x == 0) atomicExch((unsigned *)y, blockIdx.x);
}
extern "C" __global__ void decided_by_nobody(const float *x, float *y, int n) {
  if (((volatile float *)y)[threadIdx.x] > 1) ((volatile float *)y)[n / 2] = 2;
}
extern "C" __global__ void left_neighbour(const float *x, float *y, int n) {
  __shared__ float own[256];
  own[threadIdx.x] = x[threadIdx.x];
  if (threadIdx.x) y[threadIdx.x] = own[threadIdx.x - 1];
}
extern "C" __global__ void twice_wild(const float *x, float *y, int n) {
  float a = ((volatile const float *)x)[n + 5], b = ((volatile const float *)x)[n + 6];
  y[threadIdx.x] = a + b;
}
"""
X = np.arange(N, dtype=np.float32).tobytes()
BUFFERS = (Buffer("x", 4 * N, X, read_back=True), Buffer("y", 4 * N, read_back=True), Buffer("scratch", 1 << 26))


@pytest.fixture(scope="module")
def wall() -> Iterator[Sandbox]:
    try:
        toolkit = find_toolkit()
        sandbox = Sandbox(toolkit.library, toolkit.read_only)
    except NotInstalled as missing:
        pytest.skip(f"the native part or the compiler is missing: {missing}")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def device(wall: Sandbox) -> VirtualDevice:
    return open_virtual("virtual:h100", wall)


def build(wall: Sandbox, bounds: str = "") -> Image:
    request = dataclasses.replace(GOOD, text=SOURCE % bounds + FAULTY, names=(), arch="sm_90")
    built = NvrtcCompiler(wall, find_toolkit()).build(request, Budget(60.0, 4 << 30, 1))
    assert isinstance(built, Image), built
    return built


@pytest.fixture(scope="module")
def image(wall: Sandbox) -> Image:
    return build(wall)


def launch(kernel: str, blocks: int = N // 256, cooperative: bool = False) -> Launch:
    arguments = (BufferArgument("x"), BufferArgument("y"), ScalarArgument(N))
    return Launch(kernel, (blocks, 1, 1), (256, 1, 1), 0, arguments, cooperative)


def job(*steps: Launch | Clear, profile: bool = False) -> Job:
    return Job(BUFFERS, steps, 0xFFC5FFC6, profile=profile, track_uninitialised=not profile)


def profiled(device: VirtualDevice, image: Image, *steps: Launch | Clear) -> RunReport:
    (report,) = device.run(image, [job(*steps, profile=True)], BUDGET)
    assert report.ended == "done", report.fault
    return report


class TestVirtualDevice(DeviceContract):
    @pytest.fixture
    def bench(self, device: VirtualDevice, image: Image) -> DeviceBench:
        good, profile = job(launch("twice")), job(launch("twice"), profile=True)
        planted = (job(launch("last_block_wins", 64)), job(launch("decided_by_nobody", 1)),
                   job(launch("left_neighbour", 1)), job(launch("twice_wild", 1)))  # fmt: skip
        return DeviceBench(device, image, good, profile, job(launch("wild")), True, *planted)


def test_an_unknown_device_is_bad_input_that_names_those_there_are(wall: Sandbox) -> None:
    with pytest.raises(BadInput, match="virtual:h100"):
        open_virtual("virtual:h1000", wall)


def test_a_clear_is_timed_like_the_memset_that_it_is(device: VirtualDevice, image: Image) -> None:
    h100 = gpu("h100")
    plain = profiled(device, image, launch("twice"))
    cleared = profiled(device, image, Clear("scratch"), launch("twice"), Clear("y"))
    assert [step.kernel for step in cleared.steps] == ["zero scratch", "twice", "zero y"]
    large, _, small = (step.time.value for step in cleared.steps if step.time)
    assert large == pytest.approx(h100.launch_us + (1 << 26) / (h100.dram_gbps * h100.dram_efficiency * 1e3))
    assert h100.launch_us < small < large
    assert plain.time is not None and cleared.time is not None
    assert cleared.time.value == pytest.approx(plain.time.value + large + small)
    assert cleared.steps[0].counts.keys() == plain.steps[0].counts.keys()


def test_every_launch_costs_its_start(device: VirtualDevice, image: Image) -> None:
    one, many = (profiled(device, image, *[launch("twice", 1)] * count) for count in (1, 30))
    assert one.time is not None and many.time is not None
    assert many.time.value >= 30 * gpu("h100").launch_us > one.time.value


def test_spills_are_traffic(device: VirtualDevice, image: Image, wall: Sandbox) -> None:
    spilling = build(wall, ", 8")
    spilled = spilling.kernel("hoard").spill_bytes
    assert image.kernel("hoard").spill_bytes == 0 < spilled
    without, with_spills = (profiled(device, each, launch("hoard")).steps[0] for each in (image, spilling))
    warps = N // 32
    assert with_spills.counts["local_sectors"] - without.counts["local_sectors"] == warps * spilled
    assert with_spills.details["spill_sectors"] == warps * spilled and "spill_sectors" not in without.details
    sectors = [step.details["bounds_us"]["L1 sectors"] for step in (without, with_spills)]
    assert sectors[1] > 1.5 * sectors[0]


def test_a_cooperative_launch_must_be_resident_at_once(device: VirtualDevice, image: Image) -> None:
    resident = 8 * gpu("h100").sms
    (fits,) = device.run(image, [job(launch("twice", resident, True))], BUDGET)
    assert fits.ended == "done"
    (refused,) = device.run(image, [job(launch("twice", resident + 1, True))], BUDGET)
    assert refused.fault is not None
    assert (refused.fault.kind, "resident" in refused.fault.message) == ("invalid_launch", True)


FP8 = """extern "C" __global__ void product(const unsigned *a, const unsigned *b, float *c) {
  float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
  int l = threadIdx.x;
  asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};" : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3)
               : "r"(a[4 * l]), "r"(a[4 * l + 1]), "r"(a[4 * l + 2]), "r"(a[4 * l + 3]),
                 "r"(b[2 * l]), "r"(b[2 * l + 1]));
  c[4 * l] = d0; c[4 * l + 1] = d1; c[4 * l + 2] = d2; c[4 * l + 3] = d3;
}
"""


@pytest.mark.parametrize("name", ["l4", "rtx4090"])
def test_an_ada_card_runs_code_for_its_own_target_fp8_products_too(wall: Sandbox, name: str) -> None:
    ada = open_virtual(f"virtual:{name}", wall)
    request = dataclasses.replace(GOOD, text=FP8, names=(), arch=ada.arch)
    built = NvrtcCompiler(wall, find_toolkit()).build(request, Budget(60.0, 4 << 30, 1))
    assert isinstance(built, Image), built
    assert ada.arch == built.arch == "sm_89" and ".target sm_89" in built.ptx
    one, two = 0x38383838, 0x40404040  # four times 1.0 and 2.0 in e4m3
    a, b = np.full(128, one, np.uint32).tobytes(), np.full(64, two, np.uint32).tobytes()
    buffers = (Buffer("a", 512, a), Buffer("b", 256, b), Buffer("c", 512, read_back=True))
    arguments = tuple(map(BufferArgument, "abc"))
    step = Launch("product", (1, 1, 1), (32, 1, 1), 0, arguments)
    (report,) = ada.run(built, [Job(buffers, (step,), 0xFFC5FFC6, profile=True, track_uninitialised=False)], BUDGET)
    assert report.ended == "done", report.fault
    assert np.frombuffer(report.outputs["c"], np.float32).tolist() == [64.0] * 128
    assert report.steps[0].time is not None and report.steps[0].time.device == f"virtual:{name}"


def test_every_time_says_how_far_it_may_be_trusted(device: VirtualDevice, image: Image) -> None:
    tiny, cleared = profiled(device, image, launch("twice", 1), Clear("y")).steps
    assert tiny.details["confidence"] == "low" and tiny.details["band"] == 4.0
    assert any("launching takes" in sentence for sentence in tiny.details["confidence_reasons"])
    assert (cleared.details["confidence"], cleared.details["band"]) == ("normal", 2.0)
    for step in (tiny, cleared):
        assert step.details["comparison_band"] == device.band
        assert step.details["calibration"] == device.calibration == "not calibrated"


def test_waves_are_told(device: VirtualDevice, image: Image) -> None:
    (step,) = profiled(device, image, launch("twice")).steps
    assert step.details["waves"] == pytest.approx(N // 256 / step.details["resident_blocks"])
    assert 0 < step.details["tail_share"] <= 1


def test_a_small_grid_leaves_more_of_l1_to_each_block(device: VirtualDevice, image: Image) -> None:
    kernel = image.kernel("twice")
    few, many = (device._hold(kernel, launch("twice", blocks)) for blocks in (132, 132 * 8))
    assert few.occupancy == many.occupancy
    assert few.l1_bytes > 7 * many.l1_bytes
