"""What every Driver keeps. Subclass `DriverContract` and give it a fixture `bench` (a fresh `DriverBench`)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from kernelevo.devices.fingerprints import fingerprint
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import Driver, DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure, CallTime
from kernelevo.types import Image

N = 5000
"""Elements: no multiple of any block's size."""
SOURCE = """__device__ unsigned calls_so_far;
extern "C" __global__ void twice(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 2 * x[i];
}
extern "C" __global__ void count(unsigned *y) { *y = ++calls_so_far; }
extern "C" __global__ void wild(float *y) { *(float *)((char *)y + (1ull << 44)) = 1; }
extern "C" __global__ void stop() { asm volatile("trap;"); }
extern "C" __global__ void staged(const float *x, float *y) {
  extern __shared__ float own[];
  own[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = own[blockDim.x - 1 - threadIdx.x];
}
"""
NAMES = ("twice", "count", "wild", "stop", "staged")


@dataclass(frozen=True)
class DriverBench:
    """A driver that is not loaded yet, `image` made of SOURCE for its architecture, and another driver like it."""

    driver: Driver
    image: Image
    another: Callable[[], Driver]
    executes: bool = True
    """Whether launches compute (a scripted driver's do not)."""
    too_new: Image | None = None
    """An image that this driver's card cannot run."""


def pack(*values: int) -> bytes:
    """Pointers, and one int at the end of three arguments."""
    return struct.pack("<QQi", *values) if len(values) == 3 else struct.pack(f"<{len(values)}Q", *values)


def launch(kernel: str, *values: int, grid: int = 1, block: int = 128, shared_bytes: int = 0) -> DriverLaunch:
    return DriverLaunch(kernel, (grid, 1, 1), (block, 1, 1), shared_bytes, pack(*values))


def twice(x: int, y: int) -> DriverLaunch:
    return launch("twice", x, y, N, grid=-(-N // 128))


def loaded(bench: DriverBench) -> Driver:
    bench.driver.load(bench.image)
    return bench.driver


def executing(bench: DriverBench) -> Driver:
    if not bench.executes:
        pytest.skip(f"{bench.driver.name} does not execute launches")
    return loaded(bench)


class DriverContract:
    def test_it_says_what_it_is(self, bench: DriverBench) -> None:
        card = bench.driver.card()
        assert bench.driver.name and bench.driver.how in ("measured", "modelled")
        assert card.name and card.uuid and card.arch.startswith("sm_")
        needed = {"sms", "warp", "threads_per_block", "shared_bytes_per_block", "registers_per_sm", "l2_bytes"}
        assert needed <= set(card.properties) and all(value > 0 for value in card.properties.values())

    def test_nothing_happens_without_an_image(self, bench: DriverBench) -> None:
        with pytest.raises(Infrastructure):
            bench.driver.allocate(4)

    def test_it_has_one_image(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        with pytest.raises(Infrastructure):
            driver.load(bench.image)

    def test_an_image_for_another_card_is_refused(self, bench: DriverBench) -> None:
        if bench.too_new is None:
            pytest.skip(f"no image is too new for {bench.driver.name}")
        with pytest.raises(Infrastructure):
            bench.driver.load(bench.too_new)

    def test_addresses_are_aligned_and_apart(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        sizes = (1, 4, 255, 256, 257, 100_000)
        places = sorted((driver.allocate(size), size) for size in sizes)
        assert all(address % 256 == 0 and address > 0 for address, _ in places)
        assert all(one + size <= other for (one, size), (other, _) in itertools.pairwise(places))

    def test_memory_keeps_what_was_written(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        address, other = driver.allocate(1000), driver.allocate(1000)
        data = np.random.default_rng(1).bytes(1000)
        driver.write(address, data)
        driver.write(other, memoryview(data)[::1])
        driver.write(address + 10, b"here")
        assert driver.read(address, 1000) == data[:10] + b"here" + data[14:]
        assert driver.read(other, 1000) == data
        assert driver.read(address + 999, 1) == data[999:]

    def test_nothing_is_read_and_written_without_bytes(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        address = driver.allocate(16)
        driver.write(address, b"")
        driver.fill(address, 0, 7)
        assert driver.read(address, 0) == b""

    @pytest.mark.parametrize("size", [1, 3, 4, 31, 4096, 4099, (1 << 20) + 7])
    def test_a_pattern_fills_to_the_last_byte_and_no_further(self, bench: DriverBench, size: int) -> None:
        driver = loaded(bench)
        address = driver.allocate(size + 5)
        driver.write(address, b"\x55" * (size + 5))
        driver.fill(address, size, 0xA1B2C3D4)
        assert driver.read(address, size + 5) == (b"\xd4\xc3\xb2\xa1" * (size // 4 + 1))[:size] + b"\x55" * 5

    def test_what_was_staged_can_be_written_again_and_again(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        first, second = driver.stage(b"first"), driver.stage(memoryview(b"second"))
        address = driver.allocate(12)
        driver.fill(address, 12, 0)
        for _ in range(2):
            driver.write_staged(address, second)
            driver.write_staged(address + 6, first)
            assert driver.read(address, 12) == b"secondfirst\0"
            driver.fill(address, 12, 0)
        driver.unstage(first)
        with pytest.raises(Infrastructure):
            driver.write_staged(address, first)
        with pytest.raises(Infrastructure):
            driver.write_staged(address + 7, second)

    def test_freed_memory_can_be_had_again(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        for _ in range(100):
            driver.free(driver.allocate(1 << 20))
        with pytest.raises(Infrastructure):
            driver.free(12345)

    @pytest.mark.parametrize("size", [1, 7, 8, 9, 64, 4096 + 5])
    @pytest.mark.parametrize("skew", [0, 1, 4])
    def test_a_fingerprint_is_that_of_the_bytes(self, bench: DriverBench, size: int, skew: int) -> None:
        driver, key = loaded(bench), 0xFEDCBA9876543210
        address = driver.allocate(size + skew)
        data = np.random.default_rng(size).bytes(size)
        driver.write(address + skew, data)
        assert driver.fingerprint(address + skew, size, key) == fingerprint(data, key)
        assert driver.fingerprint(address + skew, size, key + 1) == fingerprint(data, key + 1)

    def test_l2_can_be_reset(self, bench: DriverBench) -> None:
        driver = loaded(bench)
        address = driver.allocate(64)
        driver.fill(address, 64, 9)
        driver.reset_l2()
        assert driver.read(address, 4) == b"\x09\0\0\0"

    def test_a_call_computes_and_is_timed_by_two_clocks(self, bench: DriverBench) -> None:
        driver = executing(bench)
        x, y = driver.allocate(4 * N), driver.allocate(4 * N)
        content = np.arange(N, dtype=np.float32)
        driver.write(x, content.tobytes())
        done = driver.call([twice(x, y)])
        assert isinstance(done, CallTime) and done.event_us > 0 and done.host_us > 0
        assert driver.read(y, 4 * N) == (2 * content).tobytes() and driver.read(x, 4 * N) == content.tobytes()

    def test_steps_come_in_order(self, bench: DriverBench) -> None:
        driver = executing(bench)
        x, y = driver.allocate(4 * N), driver.allocate(4 * N)
        driver.write(x, np.ones(N, np.float32).tobytes())
        one, many = driver.call([twice(x, y)]), driver.call([twice(x, y), DriverClear(x, 40), twice(x, y)])
        assert isinstance(one, CallTime) and isinstance(many, CallTime)
        assert np.frombuffer(driver.read(y, 4 * N), np.float32).tolist() == [0.0] * 10 + [2.0] * (N - 10)
        assert np.frombuffer(driver.read(x, 4 * N), np.float32).tolist() == [0.0] * 10 + [1.0] * (N - 10)
        assert many.event_us > one.event_us

    def test_dynamic_shared_memory_is_given(self, bench: DriverBench) -> None:
        driver = executing(bench)
        x, y, large = driver.allocate(512), driver.allocate(512), 64 << 10
        driver.write(x, np.arange(128, dtype=np.float32).tobytes())
        done = driver.call([launch("staged", x, y, shared_bytes=large)])
        assert isinstance(done, CallTime), "more than 48 KiB must be asked for on a card"
        assert np.frombuffer(driver.read(y, 512), np.float32).tolist() == list(range(127, -1, -1))

    def test_device_globals_live_on(self, bench: DriverBench) -> None:
        driver = executing(bench)
        y = driver.allocate(4)
        counted = []
        for _ in range(3):
            assert isinstance(driver.call([launch("count", y, block=1)]), CallTime)
            counted.append(int.from_bytes(driver.read(y, 4), "little"))
        assert counted == [1, 2, 3]

    def test_another_driver_has_globals_of_its_own(self, bench: DriverBench) -> None:
        driver, other = executing(bench), bench.another()
        other.load(bench.image)
        for each in (driver, other):
            y = each.allocate(4)
            assert isinstance(each.call([launch("count", y, block=1)]), CallTime)
            assert each.read(y, 4) == b"\1\0\0\0"
        other.close()

    @pytest.mark.parametrize("kernel", ["wild", "stop"])
    def test_a_fault_is_a_value_and_the_context_is_lost(self, bench: DriverBench, kernel: str) -> None:
        driver = executing(bench)
        y = driver.allocate(4)
        failed = driver.call([launch(kernel, *([y] if kernel == "wild" else []), block=1)])
        assert isinstance(failed, CallFailure) and failed.sticky and failed.fault.message
        again = driver.call([launch("count", y, block=1)])
        assert isinstance(again, CallFailure) and again.sticky
        with pytest.raises(Infrastructure):
            driver.read(y, 4)

    def test_an_impossible_launch_is_a_value_and_nothing_is_lost(self, bench: DriverBench) -> None:
        driver = executing(bench)
        y = driver.allocate(4)
        failed = driver.call([launch("count", y, block=2048)])
        assert isinstance(failed, CallFailure) and not failed.sticky
        assert failed.fault.kind == "invalid_launch"
        assert isinstance(driver.call([launch("count", y, block=1)]), CallTime)
        assert driver.read(y, 4) == b"\1\0\0\0"

    def test_it_can_be_closed_at_any_time(self, bench: DriverBench) -> None:
        bench.another().close()
        loaded(bench).close()
