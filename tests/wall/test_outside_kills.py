"""A child or a worker that is killed from outside is our fault, whatever the candidate was doing: never a verdict."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.compiler import GOOD

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import Toolkit, find_toolkit
from kernelevo.devices.virtual import open_virtual
from kernelevo.errors import NotInstalled, SandboxBroken
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, Buffer, BufferArgument, BuildRequest, Image, Job, Launch
from kernelevo.wire.command import Command

BUDGET = Budget(20.0, 4 << 30, 10**12)
LONG_BUILD = (
    "template <int N, int M = 0> struct B { static const int v = B<N - 1, 2 * M>::v + B<N - 1, 2 * M + 1>::v; };\n"
    "template <int M> struct B<0, M> { static const int v = M; };\n"
    'extern "C" __global__ void k(int *x) { *x = B<22>::v; }\n'
)


@pytest.fixture(scope="module")
def toolkit() -> Toolkit:
    try:
        return find_toolkit()
    except NotInstalled as missing:
        pytest.skip(f"the compiler is missing: {missing}")


@pytest.fixture
def wall(toolkit: Toolkit) -> Iterator[Sandbox]:
    with Sandbox(toolkit.library, toolkit.read_only) as sandbox:
        yield sandbox


def request(text: str) -> BuildRequest:
    return dataclasses.replace(GOOD, text=text, names=(), arch="sm_90")


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def descendants(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *descendants(child))]


def family(wall: Sandbox) -> list[int]:
    """The launcher and what came of it, the youngest generation last."""
    assert wall._zygote is not None
    first = wall._zygote._process.pid
    return [first, *descendants(first)]


class Killer:
    """Kills one of the wall's processes half a second after the errand's child appeared."""

    def __init__(self, wall: Sandbox, which: int) -> None:
        self._wall, self._which, self._idle = wall, which, len(family(wall))
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        deadline = time.monotonic() + 10
        while len(family(self._wall)) == self._idle and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(family(self._wall)[self._which], signal.SIGKILL)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


CHILD, ZYGOTE = -1, -2


@pytest.mark.parametrize("which", [CHILD, ZYGOTE], ids=["child", "zygote"])
def test_a_run_that_is_killed_from_outside_is_our_fault(wall: Sandbox, toolkit: Toolkit, which: int) -> None:
    compiler, device = NvrtcCompiler(wall, toolkit), open_virtual("virtual:h100", wall)
    image = compiler.build(request('extern "C" __global__ void spin(volatile int *x) { while (!*x) {} }'), BUDGET)
    assert isinstance(image, Image)
    step = Launch("spin", (1, 1, 1), (1, 1, 1), 0, (BufferArgument("x"),))
    job = Job((Buffer("x", 4, bytes(4)),), (step,), 0, profile=False, track_uninitialised=False)
    with Killer(wall, which), pytest.raises(SandboxBroken):
        device.run(image, [job], BUDGET)
    # The same run then ends as it should, at its own limit.
    (report,) = device.run(image, [job], Budget(20.0, 4 << 30, 10**5))
    assert report.ended == "budget"


def test_a_build_that_is_killed_from_outside_is_our_fault(wall: Sandbox, toolkit: Toolkit, tmp_path: Path) -> None:
    compiler = NvrtcCompiler(wall, toolkit, tmp_path)
    with Killer(wall, CHILD), pytest.raises(SandboxBroken, match="from outside"):
        compiler.build(request(LONG_BUILD), BUDGET)
    assert not any(tmp_path.rglob("*.build"))
    assert isinstance(compiler.build(GOOD, BUDGET), Image)


def test_a_program_that_is_killed_from_outside_is_our_fault(wall: Sandbox) -> None:
    """No limit of ours ends one with SIGKILL before the limit on wall time does: an OOM killer may."""
    command = Command(
        words=("/bin/sleep", "30"), environment={}, readable=("/bin", "/usr/bin"), inputs={}, outputs=(), forks=0,
        file_bytes=1 << 16,
    )  # fmt: skip

    def kill() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for pid in descendants(os.getpid()):
                with contextlib.suppress(OSError):  # it ended meanwhile
                    if Path(f"/proc/{pid}/comm").read_text().strip() == "sleep":
                        return os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SandboxBroken, match="sleep was killed from outside"):
        wall.call(command.request(), BUDGET)
    killer.join()
