"""The driver in a process of its own: the contract behind the wall, deadlines, deaths, and answers that lie."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance.driver import DriverBench, DriverContract, launch, loaded
from drivers.conftest import build
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.devices.drivers import opening
from kernelevo.devices.drivers.opening import open_driver
from kernelevo.devices.drivers.remote import Deadlines, RemoteDriver
from kernelevo.devices.drivers.scripted import ScriptedDriver
from kernelevo.devices.drivers.server import answer_all
from kernelevo.devices.fingerprints import fingerprint
from kernelevo.errors import BadInput, DriverLost, DriverRefused, Infrastructure, NotInstalled
from kernelevo.interfaces import DriverLaunch, JailedProcess, JailOrder
from kernelevo.measurement import CallFailure, CallTime
from kernelevo.sandbox_session import start_session
from kernelevo.types import Fault, Image, Party, SourceLine
from kernelevo.wire.driver_messages import PREFIX, image_message, message, read_image, read_step, step_words

PATIENT = Deadlines(start=60.0, call=30.0, other=30.0)
"""Machines that run tests are busy; where a deadline is what is tried, it is given there."""


def virtual(deadlines: Deadlines = PATIENT, **limits: int) -> RemoteDriver:
    return open_driver("virtual:h100", start_session, deadlines=deadlines, **limits)


class TestVirtualDriverInItsOwnProcess(DriverContract):
    @pytest.fixture
    def bench(self, image: Image) -> Iterator[DriverBench]:
        driver = virtual()
        too_new = dataclasses.replace(image, arch="sm_120")
        yield DriverBench(driver, image, virtual, too_new=too_new)
        driver.close()


def test_an_unknown_driver_is_bad_input_that_names_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"virtual:h100.*cupy:0"):
        open_driver("virtual:h1000", start_session)


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opening.PACKAGES, "cupy", ("numpy", "no_such_package_of_ours"))
    with pytest.raises(NotInstalled, match=r"no_such_package_of_ours; run: pip install \"kernelevo\[cuda\]\""):
        open_driver("cupy:0", start_session)


MODES = ([], ["--no-namespaces"], ["--landlock-abi", "0"])


@pytest.mark.parametrize("options", MODES, ids=["both", "landlock", "namespaces"])
@pytest.mark.parametrize("card", [False, True], ids=["virtual", "as a card"])
def test_it_starts_in_every_mode_of_the_wall(image: Image, options: list[str], card: bool) -> None:
    """With what a card's driver is granted, too: rules, device files and what it reads of /proc and /sys."""

    def start(order: JailOrder) -> JailedProcess:
        granted = (*order.readable, *opening.CARD_READS)
        changed = dataclasses.replace(order, readable=granted, devices=("/dev/zero", *opening.DEVICES), threads=9)
        return start_session(changed if card else order, launcher_options=options)

    driver = open_driver("virtual:h100", start, deadlines=PATIENT)
    driver.load(image)
    y = driver.allocate(4)
    assert isinstance(driver.call([launch("count", y, block=1)]), CallTime)
    driver.close()


def test_a_call_without_end_is_the_programs_and_its_process_is_killed(nvrtc: NvrtcCompiler) -> None:
    text = 'extern "C" __global__ void forever(volatile int *p) { while (*p != 3); }'
    driver = virtual(dataclasses.replace(PATIENT, call=1.0), warp_instructions=10**15)
    driver.load(build(nvrtc, text, ("forever",)))
    p = driver.allocate(4)
    driver.fill(p, 4, 0)
    ids = driver.ids()
    assert len(ids) >= 2 and all(Path(f"/proc/{each}").exists() for each in ids)
    started = time.monotonic()
    failed = driver.call([DriverLaunch("forever", (1, 1, 1), (32, 1, 1), 0, struct.pack("<Q", p))])
    assert 1.0 <= time.monotonic() - started < 20.0
    assert isinstance(failed, CallFailure) and failed.sticky
    assert (failed.fault.kind, failed.fault.kernel) == ("timeout", "forever")
    assert driver.call([]) == failed
    with pytest.raises(DriverLost):
        driver.read(p, 4)
    assert gone(ids)
    driver.close()


def gone(ids: frozenset[int]) -> bool:
    """Whether these processes end soon; one that waits to be reaped has ended."""
    for _ in range(200):
        if not any(running(each) for each in ids):
            return True
        time.sleep(0.02)
    return False


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_process_that_dies_is_lost_and_says_what_it_said(image: Image) -> None:
    driver = virtual()
    driver.load(image)
    leaf = max(driver.ids() - {min(driver.ids())})
    os.kill(leaf, 9)
    with pytest.raises(DriverLost, match="died"):
        driver.allocate(4)
    with pytest.raises(DriverLost, match="open another one"):
        driver.call([])
    driver.close()
    driver.close()


def test_closing_ends_every_process() -> None:
    driver = virtual()
    ids = driver.ids()
    driver.close()
    assert ids and gone(ids)


def test_the_process_sees_no_secret_and_starts_with_nothing(image: Image, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    order = opening.order("virtual:h100", {"name": "virtual:h100", "memory_bytes": 1 << 20, "warp_instructions": 1})
    assert not any(str(secret).startswith(path + "/") for path in order.readable)
    assert not order.devices and order.threads == 0
    script = (
        "import os, socket\n"
        "s = socket.socket(fileno=3)\n"
        f"try: open({str(secret)!r}); found = 'read'\n"
        "except OSError: found = 'refused'\n"
        "s.sendall((found + ' ' + ' '.join(sorted(os.environ))).encode())\n"
    )
    session = start_session(dataclasses.replace(order, words=(*order.words[:4], "-c", script)))
    session.socket.settimeout(20)
    found, *names = session.socket.recv(4096).decode().split()
    session.kill()
    assert found == "refused"
    assert set(names) <= {*order.environment, "KERNELEVO_WALL", "LC_CTYPE"} and "KERNELEVO_WALL" in names


class Acting:
    """A process as a thread of ours that answers with given bytes; `socket` is the judge's end."""

    def __init__(self, act: Callable[[socket.socket], None]) -> None:
        self.socket, theirs = socket.socketpair()
        self.killed = 0
        self._thread = threading.Thread(target=self._run, args=(act, theirs), daemon=True)
        self._thread.start()

    def _run(self, act: Callable[[socket.socket], None], theirs: socket.socket) -> None:
        with theirs, contextlib.suppress(OSError):  # the judge may have hung up
            act(theirs)

    def ids(self) -> frozenset[int]:
        return frozenset()

    def said(self) -> str:
        return "last words"

    def kill(self) -> None:
        self.killed += 1
        self.socket.close()
        self._thread.join(5)


CARD = {
    "name": "a card", "uuid": "GPU-1", "arch": "sm_90", "properties": {"sms": 4}, "versions": {"driver": "1"}
}  # fmt: skip


def framed(head: object, body: bytes = b"") -> bytes:
    words = head if isinstance(head, bytes) else json.dumps(head).encode()
    return PREFIX.pack(len(words), len(body)) + words + body


def answering(*replies: bytes, waits: bool = True) -> tuple[RemoteDriver, Acting]:
    """A driver whose process answers this; then it waits for another question, or hangs up."""

    def act(theirs: socket.socket) -> None:
        theirs.sendall(framed(CARD))
        for reply in replies:
            theirs.recv(1 << 16)
            theirs.sendall(reply)
        if waits:
            theirs.recv(1 << 16)

    process = Acting(act)
    return RemoteDriver("acting", "measured", process, PATIENT), process


HOSTILE = {
    "no JSON": framed(b"{"),
    "nesting": framed(b"[" * 100_000),
    "another form": framed({"done": True}),
    "a negative number": framed({"number": -1}),
    "a large number": framed({"number": 1 << 64}),
    "a fraction": framed({"number": 1.5}),
    "words for a number": framed({"number": "7"}),
    "too much": framed({"number": 1, "more": 2}),
    "a body nobody asked for": framed({"number": 1}, b"12345678"),
    "a large head": PREFIX.pack(1 << 31, 0),
    "a large body": PREFIX.pack(2, 1 << 60),
    "an unknown refusal": framed({"refused": "no", "kind": "other"}),
    "not UTF-8": framed(b'{"refused": "\xff", "kind": "infrastructure"}'),
}


@pytest.mark.parametrize("reply", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_answer_that_does_not_fit_loses_the_process(reply: bytes) -> None:
    driver, process = answering(reply)
    with pytest.raises(DriverLost):
        driver.allocate(4)
    assert process.killed
    with pytest.raises(DriverLost):
        driver.allocate(4)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 90), st.integers(0, 10))
def test_any_bytes_are_an_answer_or_a_lost_process(head: bytes, head_bytes: int, body_bytes: int) -> None:
    driver, _ = answering(PREFIX.pack(head_bytes, body_bytes) + head, waits=False)
    with contextlib.suppress(Infrastructure):
        assert isinstance(driver.allocate(4), int)
    driver.close()


@pytest.mark.parametrize(
    "time_words",
    ['{"event_us": NaN, "host_us": 1.0}', '{"event_us": 1.0, "host_us": -1.0}', '{"event_us": 1e400, "host_us": 1.0}',
     '{"event_us": 1.0}', '{"event_us": "1", "host_us": 1.0}'],
)  # fmt: skip
def test_a_time_is_a_finite_number_of_microseconds(time_words: str) -> None:
    driver, _ = answering(framed({"done": True}), framed(time_words.encode()))
    with pytest.raises(DriverLost):
        driver.call([])


def test_fewer_bytes_than_asked_for_are_no_answer() -> None:
    driver, _ = answering(framed({"done": True}, b"123"))
    with pytest.raises(DriverLost, match="3 of 4 bytes"):
        driver.read(0, 4)


@pytest.mark.parametrize("address", [0, 4, (1 << 64) - 256, 1 << 62])
def test_an_address_that_no_memory_has_loses_the_process(address: int) -> None:
    """What is added to it would no longer fit a pointer, which would be our fault."""
    driver, process = answering(framed({"number": address}))
    with pytest.raises(DriverLost, match="no memory begins at"):
        driver.allocate(4)
    assert process.killed


def test_a_card_is_chosen_as_its_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "folders", lambda kind: ["/nowhere"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    given = opening.order("cupy:0", {"name": "cupy:0", "memory_bytes": 1, "warp_instructions": 1}).environment
    assert given["CUDA_VISIBLE_DEVICES"] == "3" and "CUDA_DEVICE_ORDER" not in given
    assert "HOME" not in given and "PATH" not in given


def test_a_refusal_is_ours_and_the_process_goes_on() -> None:
    refusal = framed({"refused": "no\x1b[2Jroom", "kind": "infrastructure"})
    driver, process = answering(refusal, framed({"number": 256}))
    with pytest.raises(Infrastructure, match=r"no\\x1b\[2Jroom") as raised:
        driver.allocate(4)
    assert not isinstance(raised.value, DriverLost)
    assert driver.allocate(4) == 256 and not process.killed
    driver.close()


@pytest.mark.parametrize("kind", ["bad input", "not installed", "infrastructure"])
def test_a_refusal_after_the_program_has_run_is_not_believed_to_be_ours(kind: str) -> None:
    """A process that was taken over could end a whole search with "bad input", or be infrastructure for ever."""
    refusal = framed({"refused": "no", "kind": kind})
    done, timed = framed({"done": True}), framed({"event_us": 1.0, "host_us": 1.0})
    step = DriverLaunch("scale", (1, 1, 1), (1, 1, 1), 0, b"")
    driver, process = answering(done, timed, refusal, done, refusal, refusal)
    assert driver.call([step]) == CallTime(1.0, 1.0)
    with pytest.raises(DriverRefused, match="refuses fill: no"):
        driver.fill(0, 4, 0)
    with pytest.raises(DriverRefused, match="refuses call: no"):
        driver.call([step])
    with pytest.raises(Infrastructure, match="no") as raised:
        driver.allocate(4)
    assert not isinstance(raised.value, DriverLost) and not process.killed
    driver.close()


def test_a_refused_start_is_what_the_driver_says() -> None:
    def refuse(theirs: socket.socket) -> None:
        theirs.sendall(framed({"refused": "there is no card 7", "kind": "bad input"}))

    with pytest.raises(BadInput, match="no card 7"):
        RemoteDriver("acting", "measured", process := Acting(refuse), PATIENT)
    assert process.killed


def test_a_start_that_takes_too_long_or_dies_is_lost_with_its_last_words() -> None:
    with pytest.raises(DriverLost, match=r"deadline.*last words"):
        RemoteDriver("acting", "measured", Acting(lambda theirs: time.sleep(1)), Deadlines(start=0.2))
    with pytest.raises(DriverLost, match="last words"):
        RemoteDriver("acting", "measured", Acting(lambda theirs: None), PATIENT)


def test_an_answer_in_drops_is_late() -> None:
    def drip(theirs: socket.socket) -> None:
        theirs.sendall(framed(CARD))
        theirs.recv(1 << 16)
        theirs.sendall(framed({"done": True}))
        theirs.recv(1 << 16)
        for byte in framed({"event_us": 1.0, "host_us": 1.0}):
            theirs.sendall(bytes([byte]))
            time.sleep(0.1)

    process = Acting(drip)
    driver = RemoteDriver("acting", "measured", process, Deadlines(5.0, 0.5, 0.5))
    failed = driver.call([])
    assert isinstance(failed, CallFailure) and failed.fault.kind == "timeout" and process.killed


def test_a_process_that_reads_nothing_is_late() -> None:
    def deaf(theirs: socket.socket) -> None:
        theirs.sendall(framed(CARD))
        time.sleep(3)

    driver = RemoteDriver("acting", "measured", Acting(deaf), Deadlines(5.0, 0.3, 0.3))
    with pytest.raises(DriverLost, match="deadline"):
        driver.write(256, b"x" * (64 << 20))


FAULT = Fault(
    kind="race", message="two write", kernel="k", function="f", block=(1, 2, 3), thread=(4, 5, 6), space="global",
    address=7, bytes=4, allocation="x", offset=-3, source=SourceLine("a.cu", 9), ptx_line=11, instruction="st",
    occurrences=2, others=(Party("store", "f", (0, 0, 0), (1, 0, 0), SourceLine("a.cu", 8), 10, "st"),),
)  # fmt: skip


@pytest.mark.parametrize("outcome", [CallFailure(FAULT, False), CallFailure(FAULT, True), CallTime(1.25, 3.5)])
def test_outcomes_come_through_as_they_are(image: Image, outcome: CallTime | CallFailure) -> None:
    def act(theirs: socket.socket) -> None:
        theirs.sendall(framed(CARD))
        answer_all(theirs, ScriptedDriver([outcome]))

    driver = RemoteDriver("acting", "measured", Acting(act), PATIENT)
    driver.load(image)
    assert driver.call([launch("stop")]) == outcome
    driver.close()


def test_images_and_steps_come_through_as_they_are(image: Image) -> None:
    assert read_image(*image_message(image)) == dataclasses.replace(image, diagnostics=())
    step = DriverLaunch("k", (1, 2, 3), (4, 5, 6), 7, b"\0\xff", True, (2, 1, 1))
    assert read_step(json.loads(json.dumps(step_words(step)))) == step
    beginning, body = message({"op": "x"}, memoryview(b"123"))
    assert PREFIX.unpack(beginning[: PREFIX.size]) == (len(beginning) - PREFIX.size, 3) and bytes(body) == b"123"


def test_a_lost_wall_is_said(image: Image) -> None:
    def start(order: JailOrder) -> JailedProcess:
        return start_session(order, launcher_options=["--no-namespaces", "--landlock-abi", "0"])

    with pytest.raises(Infrastructure, match="neither namespaces nor Landlock"):
        open_driver("virtual:h100", start, deadlines=PATIENT)


def test_large_content_comes_through(image: Image) -> None:
    bench = DriverBench(virtual(), image, virtual)
    driver = loaded(bench)
    data = os.urandom((9 << 20) + 3)
    address = driver.allocate(len(data) + 1)
    driver.write(address + 1, data)
    assert driver.read(address + 1, len(data)) == data
    assert driver.fingerprint(address + 1, len(data), 7) == fingerprint(data, 7)
    driver.close()
