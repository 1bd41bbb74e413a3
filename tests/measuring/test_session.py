"""Sessions and what they stand on: places of buffers, what a call leaves, the card's lock, and processes that die."""

from __future__ import annotations

import itertools
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench import BUDGET, new_lock, rng, virtual_device
from conformance.device import DeviceBench, DeviceContract
from hypothesis import given, settings
from hypothesis import strategies as st
from world import FakeCompiler, World, failure, lost

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.defences import ALL
from kernelevo.devices.drivers.scripted import CARD, ScriptedDriver
from kernelevo.devices.measuring.arena import ALIGNMENT, GUARD, PLACES, Arena
from kernelevo.devices.measuring.packing import driver_step
from kernelevo.devices.measuring.supervisor import Supervisor
from kernelevo.errors import DriverLost, Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.types import (
    Buffer,
    BufferArgument,
    BuildRequest,
    Clear,
    Image,
    Job,
    KernelImage,
    Launch,
    Parameter,
    ScalarArgument,
)

X = np.arange(100, dtype=np.float32)
IMAGE = FakeCompiler().build(BuildRequest("program", "scale.cu", ("scale",), "sm_90"), BUDGET)


def job(poison: int = 0x7FC1_4242, x: np.ndarray = X, skew: int = 0) -> Job:
    launch = Launch("scale", (1, 1, 1), (128, 1, 1), 0, (BufferArgument("x"), BufferArgument("y"), ScalarArgument(100)))
    buffers = (
        Buffer("x", x.nbytes, x.tobytes(), skew, read_back=True), Buffer("y", x.nbytes, None, skew, read_back=True),
    )  # fmt: skip
    return Job(buffers, (launch,), poison, profile=True, track_uninitialised=False)


def arena(moving: bool = True, memory_bytes: int = 1 << 24) -> tuple[ScriptedDriver, Arena]:
    driver = ScriptedDriver([])
    driver.load(replace(IMAGE, arch=CARD.arch))
    return driver, Arena(driver, rng(), l2_bytes=1 << 10, memory_bytes=memory_bytes, moving=moving)


def test_a_lock_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text("a file where a folder should be")
    supervisor = Supervisor(lambda budget: pytest.fail("no driver"), lambda: IMAGE, tmp_path / "cards" / "card.lock")
    with pytest.raises(Infrastructure, match=r"card\.lock.*can be written"), supervisor.card():
        pytest.fail("it was held")


# Places.


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=30), st.integers(0, 255))
def test_buffers_of_a_call_never_overlap_and_have_room_on_both_sides(turns: list, skew: int) -> None:
    _, places = arena()
    buffers = job(skew=4 * (skew // 4)).buffers
    for case, move in turns:
        place = places.place(case, buffers, move)
        spots = sorted((spot.address - GUARD, spot.address + spot.size + GUARD) for spot in place.values())
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spots))
        assert all(spot.address % ALIGNMENT == 4 * (skew // 4) % ALIGNMENT for spot in place.values())
        places.prepare(place, buffers, 1)
        assert places.outside(place) == ()


def test_a_call_that_stays_is_at_the_same_addresses_and_one_that_moves_at_others() -> None:
    _, places = arena()
    buffers, seen = job().buffers, set()
    last = places.place("a", buffers, True)
    for turn in range(200):
        move = turn % 2 == 1
        now = places.place("a", buffers, move)
        assert (now["x"].address == last["x"].address) == (not move)
        last = now
        seen.add(now["x"].address)
    assert len(seen) > 20 and len({address // (1 << 14) for address in seen}) >= PLACES


def test_without_the_defence_nothing_moves() -> None:
    _, places = arena(moving=False)
    assert len({places.place("a", job().buffers, True)["x"].address for _ in range(20)}) == 1


def test_memory_of_cases_is_given_up_when_it_runs_out() -> None:
    driver, places = arena(memory_bytes=120_000)
    for case in "abcdefgh":
        place = places.place(case, job().buffers, True)
        places.prepare(place, job().buffers, 7)
    assert driver.operations.count("free") > 0
    assert not places.holds(replace(place["x"], base=1)) and places.holds(place["x"])


def test_whatever_a_call_can_see_is_written_for_it() -> None:
    driver, places = arena()
    buffers = job().buffers
    place = places.place("a", buffers, True)
    places.prepare(place, buffers, 0xAABBCCDD)
    assert driver.read(place["x"].address, X.nbytes) == X.tobytes()
    assert driver.read(place["y"].address, 8) == bytes.fromhex("ddccbbaaddccbbaa")
    driver.write(place["y"].address + X.nbytes, b"\0")
    assert places.outside(place) == ("y",)


# Calls.


class Rogue(World):
    """A world whose kernel does something beside its work."""

    def __init__(self, act, **more) -> None:
        super().__init__(**more)
        self.act = act

    def outcome(self, driver, steps):
        answer = super().outcome(driver, steps)
        if launches := [step for step in steps if isinstance(step, DriverLaunch)]:
            self.act(driver, *struct.unpack("<QQi", launches[0].parameters))
        return answer


def one_call(world: World, times: int = 1):
    session = world.device().open_session(IMAGE, None, BUDGET, ALL)
    try:
        return [session.call("candidate", "a", job(), frozenset({"x"}), True) for _ in range(times)]
    finally:
        session.close()


def test_a_good_call_has_its_outputs_and_a_sample_with_three_clocks() -> None:
    (report,) = one_call(World())
    assert report.ended == "done" and set(report.outputs) == {"y"}
    assert np.array_equal(np.frombuffer(report.outputs["y"], np.float32), 3 * X + 1)
    sample = report.sample
    assert sample is not None and sample.event_us == 100.0 and sample.host_us == 102.0 and sample.outer_us > 150
    assert not (report.changed or report.outside or report.unsettled)


def test_an_input_that_changes_is_told() -> None:
    (report,) = one_call(Rogue(lambda driver, x, y, n: driver.write(x + 4 * (n - 1), b"\1")))
    assert report.changed == ("x",)


@pytest.mark.parametrize("before", [True, False])
def test_a_write_beside_a_buffer_is_told(before: bool) -> None:
    def write(driver, x, y, n):
        # Eight bytes, which no pattern of a guard has by chance.
        driver.write(y - 8 if before else y + 4 * n, b"\1\2\3\4\5\6\7\10")

    (report,) = one_call(Rogue(write))
    assert report.outside == ("y",)


def test_outputs_that_change_after_they_were_fingerprinted_are_told() -> None:
    class Late(World):
        def open(self, budget):
            driver = super().open(budget)
            real = driver.read
            driver.read = lambda address, size: b"\7" + real(address, size)[1:]
            return driver

    world = Late()
    world.outcome = lambda driver, steps: world._pass(1.0, 1.0)  # type: ignore[method-assign]
    (report,) = one_call(world)
    assert report.unsettled == ("y",)


def test_a_write_into_what_an_earlier_call_left_is_told_sooner_or_later() -> None:
    earlier: list[int] = []

    def write_back(driver, x, y, n):
        if earlier and earlier[-1] != y:
            driver.write(earlier[-1], b"\7")
        earlier.append(y)

    reports = one_call(Rogue(write_back), times=60)
    told = [report.unsettled for report in reports if report.unsettled]
    assert told and all(words == ("y of the call before",) for words in told)
    assert not any(report.unsettled for report in one_call(World(), times=60))


def test_a_call_without_steps_that_fails_is_ours() -> None:
    world = World()
    session = world.device().open_session(IMAGE, None, BUDGET, ALL)
    session.call("candidate", "a", job(), frozenset({"x"}), True)
    world.outcome = lambda driver, steps: failure("illegal_address")  # type: ignore[method-assign]
    with pytest.raises(Infrastructure, match="without steps"):
        session.agreement()
    session.close()


# Who may use a card, and whose fault it is.


def supervisor(lock: Path, sleeps: list[float]) -> Supervisor:
    return Supervisor(lambda budget: ScriptedDriver([]), lambda: IMAGE, lock, sleeps.append, wait_seconds=0.2)


def test_one_session_at_a_time_has_the_card() -> None:
    lock, sleeps = new_lock(), []
    with supervisor(lock, sleeps).card():
        with pytest.raises(Infrastructure, match="has held the card"), supervisor(lock, sleeps).card():
            pass
        assert sum(sleeps) >= 0.2
    with supervisor(lock, sleeps).card():
        pass


def test_whoever_has_the_card_may_have_it_again() -> None:
    one = supervisor(new_lock(), [])
    with one.card(), one.card():
        pass
    with one.card():
        pass


class Deadly(World):
    """Processes of a candidate die in loading it, but for the first `loads`."""

    loads = 0

    def open(self, budget):
        driver = super().open(budget)
        real = driver.load

        def load(image):
            if image.key != "probe" and self.sessions >= self.loads:
                raise DriverLost("the process died in load")
            real(image)

        driver.load = load
        return driver


def test_a_program_that_kills_its_process_in_loading_is_blamed_on_a_card_that_is_well() -> None:
    (report,) = one_call(Deadly())
    assert report.ended == "fault" and report.fault is not None and "in loading it" in report.fault.message
    ill = Deadly(probe_works=False)
    with pytest.raises(Infrastructure, match="fallen off the bus"):
        one_call(ill)


def test_a_program_that_is_loaded_once_and_never_again_is_blamed_for_it() -> None:
    world = Deadly(disturb=lost(1))
    world.loads = 1
    (report,) = one_call(world)
    assert report.ended == "fault" and report.fault is not None and "twice in loading it" in report.fault.message


# Parameters.


def test_parameters_are_packed_as_declared() -> None:
    kernel = KernelImage("k", "k", (
        Parameter("u64", 0, 8), Parameter("u32", 8, 4), Parameter("f32", 12, 4), Parameter("s64", 16, 8),
        Parameter("f64", 24, 8), Parameter("u16", 32, 2),
    ), 1, 0, 0, 0, 0)  # fmt: skip
    image = Image("i", "sm_90", "", b"", (kernel,), "fake")
    arguments = (BufferArgument("x"), *(ScalarArgument(value) for value in (-5, 0.5, -7, 0.25, 65535)))
    step = driver_step(Launch("k", (1, 1, 1), (1, 1, 1), 0, arguments), image, {"x": 0x1234}, {"x": 4})
    assert isinstance(step, DriverLaunch)
    assert step.parameters == struct.pack("<Qifqd", 0x1234, -5, 0.5, -7, 0.25) + b"\xff\xff"
    assert driver_step(Clear("x"), image, {"x": 0x1234}, {"x": 4}) == DriverClear(0x1234, 4)


@pytest.mark.parametrize("arguments", [(), (ScalarArgument(1 << 40), BufferArgument("x"), ScalarArgument(1e30))])
def test_what_does_not_fit_is_a_defect_of_ours(arguments: tuple) -> None:
    kernel = KernelImage("k", "k", (Parameter("u32", 0, 4), Parameter("u64", 8, 8), Parameter("f32", 16, 4)),
                         1, 0, 0, 0, 0)  # fmt: skip
    image = Image("i", "sm_90", "", b"", (kernel,), "fake")
    with pytest.raises(Infrastructure, match="report this"):
        driver_step(Launch("k", (1, 1, 1), (1, 1, 1), 0, arguments), image, {"x": 1 << 63}, {"x": 4})


# The device's contract, on the virtual GPU.

PROGRAM = """
extern "C" __global__ void copy(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i];
  if (n > 100) y[1ull << 40] = 0.0f;
}
"""


def copying(count: int) -> Job:
    arguments = (BufferArgument("x"), BufferArgument("y"), ScalarArgument(count))
    return replace(job(), steps=(Launch("copy", (1, 1, 1), (128, 1, 1), 0, arguments),), profile=False)


class TestCudaVirtual(DeviceContract):
    @pytest.fixture
    def bench(self, compiler: NvrtcCompiler) -> DeviceBench:
        image = compiler.build(BuildRequest(PROGRAM, "copy.cu", ("copy",), "sm_90"), BUDGET)
        assert isinstance(image, Image)
        good = copying(100)
        device = virtual_device(compiler)
        return DeviceBench(device, image, good, replace(good, profile=True), copying(101), timed=True)
