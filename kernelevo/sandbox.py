"""The wall, seen from the judge: starts the jailed zygote and sends it errands, one fresh child each.

A request travels in a sealed memfd, the answer comes back in a second one of fixed size, and what is read from it is
treated as hostile (wire/frames.py). The wall-clock limit is kept here, memory and CPU limits by the kernel; a child
that does not die when it is told to takes the whole zygote with it, and the next call starts a new one.

A Sandbox must be used by one thread at a time. What the wall does and does not cover: docs/wall.md.
"""

from __future__ import annotations

import fcntl
import io
import json
import math
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kernelevo import native
from kernelevo.errors import SandboxBroken, WallUnavailable
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.sandbox_command import REFUSED, run_command
from kernelevo.sandbox_process import CONTROL, as_line, kill_group, read_available, spawn
from kernelevo.types import Budget
from kernelevo.wire.frames import Bytes, Frame, frame_layout, read_frame

START_SECONDS = 30.0  # loading and warming the compiler takes 0.3 s; a machine at its limit may need long
KILL_SECONDS = 5.0  # from SIGKILL to the kernel's having freed a child's memory
CHILD_BYTES = 1 << 30  # of address space besides the budget's: programs, the compiler, requests and answers
_SAID_BYTES = 4096  # of the last words that a message quotes

_ERRANDS = {"compile": 1, "run": 2, "triton": 3, "program": 4}
_TAKEN_OVER = {"triton", "program"}
"""Errands in whose child the candidate's own code runs: its end and its answer are its word."""
_START, _KILL = 1, 2
_READY, _ENDED = 1, 2
_ORDER = struct.Struct("<2I4Q")
_EVENT = struct.Struct("<IiQ")
_EXIT_PROTOCOL, _EXIT_FAILED, _EXIT_MEMORY, _EXIT_TOO_LARGE = 70, 71, 77, 78
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def layers() -> Mapping[str, Any]:
    """What this machine offers: landlock_abi (int), namespaces, seccomp, root (bool). Raises NotInstalled,
    SandboxBroken.
    """
    probe = subprocess.run([native.path("kernelevo-jail"), "--probe"], capture_output=True, env={}, check=False)
    if probe.returncode != 0:
        raise SandboxBroken(f"the wall's launcher cannot probe this machine: {as_line(probe.stderr)}")
    found: Mapping[str, Any] = json.loads(probe.stdout)
    return found


@dataclass(frozen=True)
class Worker:
    """A zygote's program: the words that start it, what it reads besides, and what its environment holds."""

    words: tuple[str, ...]
    read_only: tuple[Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class Sandbox:
    """A jailed zygote. Implements interfaces.Wall for the errands "compile" (needs `nvrtc`), "run" and "command"; with
    `script`, a zygote of another program that the first errand starts, for what that does ("triton", "program") and
    "command".

    `nvrtc` is the compiler's library, `read_only` the folders that a child may read besides (the toolkit's headers,
    include folders), `launcher_options` further words for kernelevo-jail (tests force modes with them). Raises
    WallUnavailable where no wall can be built and `unsafe` was not given, NotInstalled, SandboxBroken.
    """

    def __init__(
        self,
        nvrtc: Path | None = None,
        read_only: Sequence[Path] = (),
        unsafe: bool = False,
        launcher_options: Sequence[str] = (),
        script: Worker | None = None,
    ) -> None:
        self._launcher_options = (*launcher_options, *(["--unsafe"] if unsafe else []))
        worker = script or _own_worker(nvrtc, read_only)
        self._command = _launcher_command(worker, self._launcher_options)
        self._zygote: _Zygote | None = _Zygote(self._command) if script is None else None

    def call(self, request: WallRequest, budget: Budget) -> WallAnswer:
        """Runs one errand in a fresh child under the budget's seconds and memory. Raises SandboxBroken."""
        _require_address_space(budget)
        if request.kind == "command":
            return run_command(request, budget, self._launcher_options)
        if self._zygote is None:
            self._zygote = _Zygote(self._command)
        try:
            ending, frame = self._zygote.run(request, budget)
        except BaseException:
            # Whatever interrupted the conversation, it cannot be taken up again.
            self.close()
            raise
        if ending.lost:
            self.close()
        return _answer(request, ending, frame, budget)

    def close(self) -> None:
        """Ends the zygote and its children; the next call would start a new one."""
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class _Ending:
    """How a child ended: its wait status, whether the wall-clock limit killed it, what it said, whether the zygote is
    lost.
    """

    status: int
    overtime: bool
    said: str
    lost: bool = False


class _Zygote:
    """The process behind the wall and the conversation with it."""

    def __init__(self, command: Sequence[str]) -> None:
        with _resources():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        try:
            with theirs, _resources():
                self._process, self._stderr = spawn(command, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self) -> None:
        event = self._event(time.monotonic() + START_SECONDS)
        if event is None:
            raise SandboxBroken(
                f"the wall's worker was not ready within {START_SECONDS:.0f} s; is the machine overloaded?"
            )
        if event[0] != _READY:
            raise SandboxBroken(f"the wall's worker began with event {event[0]}; rebuild the native part")

    def run(self, request: WallRequest, budget: Budget) -> tuple[_Ending, Frame | None]:
        """Sends one errand and waits for its end; the frame is there if the child says that it answered."""
        deadline = time.monotonic() + budget.seconds
        size, parts = frame_layout(request.head, request.blobs)
        with (
            _resources(),
            _memory_file("request", size) as asked,
            _memory_file("answer", request.answer_bytes) as answered,
        ):
            _fill(asked, parts)
            fcntl.fcntl(asked, fcntl.F_ADD_SEALS, _SEALS | fcntl.F_SEAL_WRITE)
            fcntl.fcntl(answered, fcntl.F_ADD_SEALS, _SEALS)
            self._order(_START, request, size, budget, [asked.fileno(), answered.fileno()])
            ending = self._wait_for_end(request, budget, deadline)
            if ending.status != 0 or ending.overtime:
                return ending, None
            with (
                mmap.mmap(answered.fileno(), request.answer_bytes, prot=mmap.PROT_READ) as memory,
                memoryview(memory) as view,
            ):
                return ending, _read_answer(request, view)

    def _order(self, order: int, request: WallRequest, size: int, budget: Budget, files: Sequence[int]) -> None:
        cpu_seconds = math.ceil(budget.seconds) + 1
        words = (order, _ERRANDS[request.kind], size, request.answer_bytes, budget.memory_bytes, cpu_seconds)
        try:
            socket.send_fds(self._socket, [_ORDER.pack(*words)], files)
        except OSError as error:
            raise self._broken("cannot be reached") from error

    def _wait_for_end(self, request: WallRequest, budget: Budget, deadline: float) -> _Ending:
        event = self._event(deadline)
        overtime = event is None
        if event is None:
            self._order(_KILL, request, 0, budget, [])
            event = self._event(time.monotonic() + KILL_SECONDS)
        if event is None:
            return _Ending(status=signal.SIGKILL, overtime=True, said=self._said(), lost=True)
        if event[0] != _ENDED:
            raise self._broken(f"sent event {event[0]}")
        return _Ending(status=event[1], overtime=overtime, said=self._said())

    def _event(self, deadline: float) -> tuple[int, int, int] | None:
        """The zygote's next packet, or None at the deadline; SandboxBroken where the zygote has died."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return None
        try:
            packet = self._socket.recv(_EVENT.size + 1)
        except ConnectionResetError as error:
            # It died with an order unread.
            raise self._died() from error
        if not packet:
            raise self._died()
        if len(packet) != _EVENT.size:
            raise self._broken("sent a packet of the wrong size")
        words: tuple[int, int, int] = _EVENT.unpack(packet)
        return words

    def _died(self) -> SandboxBroken | WallUnavailable:
        try:
            code = self._process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            return self._broken("closed its socket but does not end")
        if code == REFUSED:
            return WallUnavailable(self._said())
        return self._broken(f"died with exit status {code}")

    def _broken(self, what: str) -> SandboxBroken:
        return SandboxBroken(f"the wall's worker {what}; its last words: {self._said() or 'none'}")

    def _said(self) -> str:
        """What came on standard error since the last call: read without waiting, and bounded by the pipe's own size."""
        words = b""
        while part := read_available(self._stderr):
            words = (words + part)[-_SAID_BYTES:]
        return as_line(words)

    def close(self) -> None:
        """Kills the zygote and everything it started."""
        self._socket.close()
        kill_group(self._process)
        os.close(self._stderr)


def _require_address_space(budget: Budget) -> None:
    """Raises SandboxBroken where this process may not give a child what the budget grants it: the child would be said
    to need more than it may.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < budget.memory_bytes + CHILD_BYTES:
        raise SandboxBroken(
            f"this process may use {limit >> 20} MiB of address space (`ulimit -v`), and a jailed child needs "
            f"{(budget.memory_bytes + CHILD_BYTES) >> 20} MiB; raise that limit, or run without it"
        )


@contextmanager
def _resources() -> Iterator[None]:
    """What the system refuses while an errand is prepared or its answer read is this machine's lack, and nobody's
    fault.
    """
    try:
        yield
    except OSError as error:
        raise SandboxBroken(
            f"this machine has no memory, process or open file left for a jailed child ({error.strerror}); "
            "free some, or run fewer workers"
        ) from error


def _own_worker(nvrtc: Path | None, read_only: Sequence[Path]) -> Worker:
    compiler = ("--nvrtc", os.path.abspath(nvrtc)) if nvrtc else ()
    readable = (*read_only, *([nvrtc.parent] if nvrtc else []))
    return Worker((str(native.path("kernelevo-worker").resolve()), *compiler), readable)


def _launcher_command(worker: Worker, launcher_options: Sequence[str]) -> list[str]:
    grants = [word for path in worker.read_only for word in ("--read", os.path.abspath(path))]
    return [
        str(native.path("kernelevo-jail").resolve()),
        "--zygote",
        *grants,
        *(word for name, value in worker.environment.items() for word in ("--env", f"{name}={value}")),
        *launcher_options,
        "--keep-fd",
        CONTROL,
        "--",
        *worker.words,
    ]


def _memory_file(name: str, size: int) -> io.FileIO:
    file = io.FileIO(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "r+")
    file.truncate(size)
    return file


def _fill(file: io.FileIO, parts: Sequence[tuple[int, Bytes]]) -> None:
    for offset, content in parts:
        rest = memoryview(content).cast("B")
        while len(rest):
            written = os.pwrite(file.fileno(), rest, offset)
            offset, rest = offset + written, rest[written:]


def _read_answer(request: WallRequest, memory: memoryview) -> Frame | None:
    """The frame in the answer; None where it is malformed and the candidate may have written it."""
    try:
        return read_frame(memory)
    except SandboxBroken:
        if request.kind in _TAKEN_OVER:
            return None
        raise


def _answer(request: WallRequest, ending: _Ending, frame: Frame | None, budget: Budget) -> WallAnswer:
    """What the child's end means. A memory limit shows as an exit of our own, or as a crash in code that cannot
    handle it.
    """
    if ending.overtime:
        return _no_answer("killed", f"it did not end within {budget.seconds:g} s")
    if os.WIFSIGNALED(ending.status):
        return _signalled(os.WTERMSIG(ending.status), budget, ending.said)
    code = os.waitstatus_to_exitcode(ending.status)
    if code == _EXIT_MEMORY:
        return _no_answer("killed", f"it needs more than {budget.memory_bytes >> 20} MiB of memory")
    if code == _EXIT_TOO_LARGE:
        return _no_answer("killed", "its answer is larger than it may be")
    if code in (_EXIT_PROTOCOL, _EXIT_FAILED) and request.kind not in _TAKEN_OVER:
        raise SandboxBroken(f"a jailed child could not do its errand: {ending.said}")
    if frame is None:
        said = f": {ending.said}" if ending.said and request.kind in _TAKEN_OVER else ""
        return _no_answer("died", f"it ended with exit status {code} and no answer{said}")
    return WallAnswer("done", "", *frame)


def _signalled(number: int, budget: Budget, said: str) -> WallAnswer:
    if number == signal.SIGXCPU:
        return _no_answer("killed", f"it used more than {budget.seconds:g} s of CPU")
    if number == signal.SIGKILL:
        # No limit of the budget ends this way: the wall-clock limit, which we keep, comes before that of CPU time in
        # a child of one thread, and memory shows as an exit or a crash.
        raise SandboxBroken(
            "a jailed child was killed from outside, or by the kernel because this machine ran out of memory; "
            "free some memory and run it again"
        )
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return _no_answer("died", f"it crashed with {name}" + (f": {said}" if said else ""))


def _no_answer(ended: str, reason: str) -> WallAnswer:
    return WallAnswer(ended, reason, b"", ())
