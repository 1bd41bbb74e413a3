"""The drivers of cards: their own code on an imitation of CUDA, and on a card where there is one (marker gpu)."""

from __future__ import annotations

import dataclasses
import functools
import os
import struct
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conformance import driver as contract
from conformance.driver import DriverBench, DriverContract, N, launch, twice
from drivers.conftest import build
from drivers.fake_cuda import FakeCard, install

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.devices.drivers.card import CardDriver, content_for
from kernelevo.devices.drivers.cupy import open_cupy
from kernelevo.devices.drivers.libcuda import LibCuda
from kernelevo.devices.drivers.opening import open_driver
from kernelevo.devices.drivers.pycuda import open_pycuda
from kernelevo.errors import BadInput, Infrastructure, NotInstalled
from kernelevo.interfaces import DriverLaunch
from kernelevo.measurement import CallFailure, CallTime
from kernelevo.sandbox import layers
from kernelevo.sandbox_session import start_session
from kernelevo.types import Image

CARD = Path("/dev/nvidiactl").exists()
Open = Callable[[int], CardDriver]
OPEN: dict[str, Open] = {"cupy": open_cupy, "pycuda": open_pycuda}


@pytest.fixture(params=OPEN)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(image: Image, monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    card = FakeCard(image)
    install(monkeypatch, card)
    return card


class TestOnAnImitationOfCuda(DriverContract):
    @pytest.fixture
    def bench(self, fake: FakeCard, image: Image, kind: str, monkeypatch: pytest.MonkeyPatch) -> DriverBench:
        def another() -> CardDriver:
            install(monkeypatch, FakeCard(image))
            return OPEN[kind](0)

        driver = OPEN[kind](0)
        return DriverBench(driver, image, another, too_new=dataclasses.replace(image, arch="sm_100"))


@pytest.mark.gpu
@pytest.mark.skipif(not CARD, reason="no CUDA card here")
class TestOnTheCard(DriverContract):
    """In processes behind the wall, as in use."""

    @pytest.fixture
    def bench(self, nvrtc: NvrtcCompiler, kind: str) -> Iterator[DriverBench]:
        if find_spec(kind) is None:
            pytest.skip(f"{kind} is not installed")
        found = layers()
        start = functools.partial(start_session, unsafe=not (found["landlock_abi"] or found["namespaces"]))
        driver = open_driver(f"{kind}:0", start)
        built = build(nvrtc, contract.SOURCE, contract.NAMES, driver.card().arch)
        opened = [driver]

        def another() -> CardDriver:
            opened.append(open_driver(f"{kind}:0", start))
            return opened[-1]  # type: ignore[return-value]

        yield DriverBench(driver, built, another)
        for each in opened:
            each.close()


@pytest.fixture
def driver(fake: FakeCard, image: Image, kind: str) -> CardDriver:
    made = OPEN[kind](0)
    made.load(image)
    return made


def test_the_card_is_described_by_its_attributes(driver: CardDriver, kind: str) -> None:
    card = driver.card()
    assert (card.name, card.arch) == ("virtual H100", "sm_90")
    assert card.uuid == "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert (card.properties["warps_per_sm"], card.versions["cuda"]) == (64, "13.2") and kind in card.versions


def test_a_call_waits_behind_a_delay_outside_its_events(driver: CardDriver, fake: FakeCard) -> None:
    x, y = driver.allocate(4 * N), driver.allocate(4 * N)
    driver.write(x, np.ones(N, np.float32).tobytes())
    fake.calls.clear()
    assert isinstance(driver.call([twice(x, y)]), CallTime)
    launches = [name for name in fake.calls if name.startswith("launch ")]
    assert launches == ["launch kernelevo_delay", "launch twice"]
    empty = driver.call([])
    assert isinstance(empty, CallTime) and empty.event_us == 0


def test_persisting_lines_are_given_up_and_get_no_space(driver: CardDriver, fake: FakeCard) -> None:
    assert fake.calls.count("cuCtxSetLimit") == 1
    driver.reset_l2()
    assert fake.calls.count("cuCtxResetPersistingL2Cache") == 1


def test_shared_memory_is_asked_for_only_beyond_48_kib(driver: CardDriver, fake: FakeCard) -> None:
    x, y = driver.allocate(512), driver.allocate(512)
    driver.fill(x, 512, 0)
    for size, allowed in ((1024, {}), (64 << 10, {"staged": 64 << 10}), (50 << 10, {"staged": 64 << 10})):
        assert isinstance(driver.call([launch("staged", x, y, shared_bytes=size)]), CallTime)
        assert fake.allowed == allowed
    failed = driver.call([launch("staged", x, y, shared_bytes=300 << 10)])
    assert isinstance(failed, CallFailure) and (failed.fault.kind, failed.sticky) == ("invalid_launch", False)


def test_cooperative_launches_and_clusters(driver: CardDriver, fake: FakeCard, kind: str) -> None:
    """CuPy passes both on (the virtual GPU then refuses a cluster itself); PyCUDA has neither."""
    y = driver.allocate(4)
    together = dataclasses.replace(launch("count", y, block=1), cooperative=True)
    done = driver.call([together])
    assert isinstance(done, CallTime if kind == "cupy" else CallFailure)
    cluster = DriverLaunch("count", (2, 1, 1), (1, 1, 1), 0, struct.pack("<Q", y), cluster=(2, 1, 1))
    failed = driver.call([cluster])
    assert isinstance(failed, CallFailure) and (failed.fault.kind, failed.sticky) == ("unsupported", False)
    assert ("cuLaunchKernelEx" in fake.calls) == (kind == "cupy")
    assert ("cooperatively" in failed.fault.message) == (kind == "pycuda")


@pytest.mark.parametrize("cooperative", [False, True])
def test_a_cluster_is_launched_cooperatively_where_that_is_asked_for(
    image: Image, monkeypatch: pytest.MonkeyPatch, cooperative: bool
) -> None:
    install(monkeypatch, fake := FakeCard(image))
    driver = open_cupy(0)
    driver.load(image)
    y = driver.allocate(4)
    asked = DriverLaunch(
        "count", (4, 1, 1), (1, 1, 1), 0, struct.pack("<Q", y), cooperative=cooperative, cluster=(2, 1, 1)
    )
    driver.call([asked])
    assert fake.launched == [asked]


def test_a_fault_has_the_kind_that_the_virtual_gpu_gives_it(driver: CardDriver) -> None:
    y = driver.allocate(4)
    failed = driver.call([launch("count", y, block=1), launch("wild", y, block=1)])
    assert isinstance(failed, CallFailure) and failed.fault.kind == "out_of_bounds"
    assert failed.fault.kernel == "count, wild", "a card does not say which of the launches it was"


@pytest.mark.parametrize(
    ("arch", "card", "cubin"),
    [("sm_90", "sm_90", True), ("sm_90a", "sm_90", True), ("sm_80", "sm_86", True), ("sm_80", "sm_90", False)],
)
def test_a_cubin_runs_on_its_own_kind_of_card_and_ptx_on_newer_ones(
    image: Image, arch: str, card: str, cubin: bool
) -> None:
    content = content_for(card, dataclasses.replace(image, arch=arch))
    assert content == (image.cubin if cubin else image.ptx.encode() + b"\0")


@pytest.mark.parametrize(("arch", "card"), [("sm_90", "sm_80"), ("sm_89", "sm_86"), ("sm_90a", "sm_100")])
def test_a_newer_image_is_refused(image: Image, arch: str, card: str) -> None:
    with pytest.raises(Infrastructure, match=rf"{arch}.*{card}"):
        content_for(card, dataclasses.replace(image, arch=arch))


def test_a_card_that_is_not_there_is_named(fake: FakeCard, kind: str) -> None:
    with pytest.raises(BadInput, match="no card 3 here; there are 1"):
        OPEN[kind](3)


def test_a_machine_without_card_is_said(image: Image, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """libcuda is there, and finds nothing: a driver without a card, as in containers."""
    install(monkeypatch, FakeCard(image, cards=0))
    with pytest.raises(NotInstalled, match="no CUDA card here"):
        OPEN[kind](0)


def test_a_card_that_does_not_open_is_ours(fake: FakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has it for itself alone (46, devices unavailable)."""

    def busy(address: int) -> None:
        raise runtime.CUDARuntimeError(46)

    runtime = sys.modules["cupy.cuda"].runtime
    monkeypatch.setattr(runtime, "free", busy)
    with pytest.raises(Infrastructure, match="does not open the card of cupy:0"):
        open_cupy(0)


def test_a_missing_package_is_named_with_its_command(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (kind, "cupy.cuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    extra = {"cupy": "cuda", "pycuda": "pycuda"}[kind]
    with pytest.raises(NotInstalled, match=rf"kernelevo\[{extra}\]"):
        OPEN[kind](0)


@pytest.mark.skipif(CARD, reason="this machine has a card")
def test_without_a_driver_there_is_no_library_and_no_card() -> None:
    with pytest.raises(NotInstalled, match="no CUDA card here"):
        LibCuda()


@pytest.mark.skipif(CARD, reason="this machine has a card")
def test_without_a_card_its_process_says_so(kind: str) -> None:
    if find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    with pytest.raises(NotInstalled, match="no CUDA card here"):
        open_driver(f"{kind}:0", start_session)


def test_the_real_cupy_has_the_calls_that_we_make() -> None:
    """Where CuPy is installed, card or not: the names, and that positions are taken."""
    if find_spec("cupy") is None:
        pytest.skip("cupy is not installed")
    os.environ.setdefault("CUPY_ACCELERATORS", "")
    from cupy.cuda import driver, runtime

    calls = ("moduleLoadData", "moduleGetFunction", "funcSetAttribute", "launchKernel", "launchCooperativeKernel")
    assert all(callable(getattr(driver, name)) for name in (*calls, "CUDADriverError"))
    calls = ("getDeviceCount", "setDevice", "free", "malloc", "memcpy", "memsetAsync", "eventCreate", "eventRecord",
             "eventSynchronize", "eventElapsedTime", "CUDARuntimeError")  # fmt: skip
    assert all(callable(getattr(runtime, name)) for name in calls)
    kinds = (runtime.memcpyHostToDevice, runtime.memcpyDeviceToHost, runtime.memcpyDeviceToDevice)
    assert kinds == (1, 2, 3) and driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES == 8
