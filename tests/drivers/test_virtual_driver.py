"""The virtual driver: the contract of drivers, and times that are the device's own."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
from conformance.driver import DriverBench, DriverContract, N, launch, loaded, twice
from drivers.conftest import build

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.devices.drivers.virtual import VirtualDriver
from kernelevo.devices.gpus import gpu
from kernelevo.devices.virtual import open_virtual
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure, CallTime
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, Buffer, BufferArgument, Clear, Image, Job, Launch, ScalarArgument

H100 = gpu("h100")


class TestVirtualDriver(DriverContract):
    @pytest.fixture
    def bench(self, image: Image) -> DriverBench:
        too_new = dataclasses.replace(image, arch="sm_120")
        return DriverBench(VirtualDriver(H100), image, lambda: VirtualDriver(H100), too_new=too_new)


@pytest.fixture
def driver(image: Image) -> VirtualDriver:
    made = VirtualDriver(H100)
    made.load(image)
    return made


def test_a_call_takes_the_time_that_the_device_models(driver: VirtualDriver, image: Image) -> None:
    x, y = driver.allocate(4 * N), driver.allocate(4 * N)
    content = np.ones(N, np.float32).tobytes()
    driver.write(x, content)
    done = driver.call([DriverClear(y, 4 * N), twice(x, y)])
    arguments = (BufferArgument("x"), BufferArgument("y"), ScalarArgument(N))
    steps = (Clear("y"), Launch("twice", (-(-N // 128), 1, 1), (128, 1, 1), 0, arguments))
    job = Job((Buffer("x", 4 * N, content), Buffer("y", 4 * N)), steps, 0, profile=True, track_uninitialised=False)
    with Sandbox() as wall:
        (report,) = open_virtual("virtual:h100", wall).run(image, [job], Budget(60.0, 1 << 30, 10**8))
    assert report.time is not None and isinstance(done, CallTime)
    assert done.event_us == pytest.approx(report.time.value)


MERGED = """extern "C" __global__ void __launch_bounds__(128) sums(const float *x, float *y, int n) {
  __shared__ float own[128 * 4];
  for (int i = threadIdx.x; i < 128 * 4; i += 128) own[i] = x[i];
  __syncthreads();
  float sum = 0;
  const float *mine = own + 4 * threadIdx.x;
  #pragma unroll 1
  for (int i = 0; i < n; i++) { sum = sum * mine[0] + mine[1]; sum = sum * mine[2] + mine[3]; __syncthreads(); }
  y[threadIdx.x] = sum;
}"""


def test_a_call_takes_the_device_s_time_also_where_accesses_are_merged(nvrtc: NvrtcCompiler) -> None:
    image = build(nvrtc, MERGED, ())
    driver = VirtualDriver(H100)
    driver.load(image)
    content, rounds = np.ones(512, np.float32).tobytes(), 2000
    x, y = driver.allocate(len(content)), driver.allocate(len(content))
    driver.write(x, content)
    parameters = struct.pack("<QQi", x, y, rounds)
    done = driver.call([DriverLaunch("sums", (1320, 1, 1), (128, 1, 1), 0, parameters)])
    arguments = (BufferArgument("x"), BufferArgument("y"), ScalarArgument(rounds))
    steps = (Launch("sums", (1320, 1, 1), (128, 1, 1), 0, arguments),)
    job = Job((Buffer("x", 2048, content), Buffer("y", 2048)), steps, 0, profile=True, track_uninitialised=False)
    with Sandbox() as wall:
        (report,) = open_virtual("virtual:h100", wall).run(image, [job], Budget(60.0, 1 << 30, 10**9))
    counts = report.steps[0].counts
    assert 2 * counts["shared_load_requests_merged"] < counts["shared_load_requests"]
    assert report.time is not None and isinstance(done, CallTime)
    assert done.event_us == pytest.approx(report.time.value)


def test_the_caches_of_a_card_stay_warm_from_call_to_call(driver: VirtualDriver) -> None:
    x, y = driver.allocate(4 * N), driver.allocate(4 * N)
    driver.fill(x, 4 * N, 0)
    cold, warm = driver.call([twice(x, y)]), driver.call([twice(x, y)])
    assert isinstance(cold, CallTime) and isinstance(warm, CallTime)
    assert warm.event_us < cold.event_us


def test_a_call_without_end_is_stopped_and_the_context_is_lost(image: Image) -> None:
    driver = VirtualDriver(H100, warp_instructions=100)
    driver.load(image)
    x, y = driver.allocate(4 * N), driver.allocate(4 * N)
    driver.fill(x, 4 * N, 0)
    failed = driver.call([twice(x, y)])
    assert isinstance(failed, CallFailure) and failed.fault.kind == "budget" and failed.sticky


def test_a_cluster_is_refused_and_nothing_is_lost(driver: VirtualDriver) -> None:
    y = driver.allocate(4)
    step = DriverLaunch("count", (2, 1, 1), (1, 1, 1), 0, struct.pack("<Q", y), cluster=(2, 1, 1))
    failed = driver.call([step])
    assert isinstance(failed, CallFailure) and (failed.fault.kind, failed.sticky) == ("unsupported", False)
    assert isinstance(driver.call([launch("count", y, block=1)]), CallTime)


def test_ptx_that_cannot_be_read_is_no_fault_of_the_program(image: Image) -> None:
    driver = VirtualDriver(H100)
    driver.load(dataclasses.replace(image, ptx="no PTX at all"))
    failed = driver.call([launch("stop")])
    assert isinstance(failed, CallFailure) and failed.fault.kind == "unsupported"


def test_wrong_use_is_ours(driver: VirtualDriver) -> None:
    y = driver.allocate(4)
    for mistake in (
        lambda: driver.read(y, 5),
        lambda: driver.write(y + 2, b"123"),
        lambda: driver.call([launch("absent", y)]),
        lambda: driver.call([launch("count")]),
        lambda: driver.allocate(1 << 50),
    ):
        with pytest.raises(Infrastructure):
            mistake()
    assert isinstance(driver.call([launch("count", y, block=1)]), CallTime), "mistakes of ours lose nothing"


def test_freed_memory_is_handed_out_again(driver: VirtualDriver) -> None:
    first = driver.allocate(100)
    driver.free(first)
    assert driver.allocate(100) == first
    with pytest.raises(Infrastructure):
        driver.free(first + 1)


def test_an_empty_buffer_has_a_place(driver: VirtualDriver) -> None:
    assert driver.allocate(0) != driver.allocate(0)


def test_the_bench_runs_on_every_virtual_gpu(image: Image) -> None:
    assert loaded(DriverBench(VirtualDriver(gpu("h200")), image, lambda: VirtualDriver(H100))).card().arch == "sm_90"
