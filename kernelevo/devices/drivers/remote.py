"""The judge's side of a driver's process: implements interfaces.Driver by asking, with a deadline for everything.

Whose fault it is:

    the program's    the driver says so (CallFailure), or a call does not end by its deadline: then the process is
                     killed, and the call is a CallFailure of kind "timeout"
    ours             the driver refuses an operation before the program has run, or memory: Infrastructure; it goes on
    to be found out  the process dies, answers nonsense, or hangs in anything else than a call: DriverLost. It is
                     killed. It refuses anything else later: DriverRefused, and it goes on. A candidate's kernels can
                     do that, and so can this machine; a probe of the card tells.

After a lost process every call raises DriverLost again, and after a timeout it is the same CallFailure.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from kernelevo.errors import DriverLost, DriverRefused, Infrastructure, KernelevoError
from kernelevo.interfaces import DriverClear, DriverLaunch, JailedProcess
from kernelevo.measurement import CallFailure, CallTime, Card
from kernelevo.types import Fault, How, Image
from kernelevo.wire import driver_answers as answers
from kernelevo.wire.driver_messages import PREFIX, Bytes, image_message, message, step_words

_CARD, _DONE, _NUMBER = (answers.reader(form) for form in (answers.WrittenCard, answers.Done, answers.Number))
_OUTCOME = answers.reader(answers.Time, answers.Failure)
_CLOSE_SECONDS = 5.0
_TIMEVAL = struct.Struct("@ll")
_ALIGNMENT = 256
_MOST_ADDRESS = 1 << 62
"""Virtual addresses of cards have 57 bits at most; with this, what is added to one fits a pointer."""
_PART = 4 << 20
"""Large content goes in parts: a process gets small memory again and again, while large memory is new each time, and
the first touch of new pages took ten times as long as the copy.
"""


@dataclass(frozen=True)
class Deadlines:
    """Seconds: for a process to start and open its card, for a call, and for anything else, in which the bytes that it
    moves come on top.
    """

    start: float = 60.0
    call: float = 60.0
    other: float = 30.0
    bytes_per_second: float = 50e6

    def moving(self, size: int) -> float:
        return self.other + size / self.bytes_per_second


DEADLINES = Deadlines()


class RemoteDriver:
    """Implements interfaces.Driver. Takes over the process, and kills it when it is closed or lost."""

    def __init__(self, name: str, how: How, process: JailedProcess, deadlines: Deadlines = DEADLINES) -> None:
        self.name = name
        self.how: How = how
        self._process = process
        self._deadlines = deadlines
        self._lost: str = ""
        self._has_run = False
        self._overrun: CallFailure | None = None
        try:
            # Nothing of a candidate has run yet, so that a refusal is to be believed.
            self._card: Card = self._read(_CARD, 0, time.monotonic() + deadlines.start, "opening its card")[0].card()
        except BaseException:
            process.kill()
            raise

    def ids(self) -> frozenset[int]:
        """The ids of the processes that this driver consists of, as this machine sees them."""
        return self._process.ids()

    def card(self) -> Card:
        """As the process described it before it had an image."""
        return self._card

    def load(self, image: Image) -> None:
        head, body = image_message(image)
        self._ask("load", _DONE, head, body)

    def allocate(self, size: int) -> int:
        address: int = self._ask("allocate", _NUMBER, {"size": size})
        if address % _ALIGNMENT or not 0 < address < _MOST_ADDRESS - size:
            raise self._give_up(f"is not to be believed in allocate: no memory begins at {address:#x}")
        return address

    def free(self, address: int) -> None:
        self._ask("free", _DONE, {"address": address})

    def write(self, address: int, data: bytes | memoryview) -> None:
        view = memoryview(data).cast("B")
        for start in range(0, max(len(view), 1), _PART):
            self._ask("write", _DONE, {"address": address + start}, view[start : start + _PART])

    def fill(self, address: int, size: int, pattern: int) -> None:
        self._ask("fill", _DONE, {"address": address, "size": size, "pattern": pattern}, moved=size)

    def read(self, address: int, size: int) -> bytes:
        starts = range(0, max(size, 1), _PART)
        return b"".join([self._read_part(address + start, min(size - start, _PART)) for start in starts])

    def _read_part(self, address: int, size: int) -> bytes:
        deadline = time.monotonic() + self._deadlines.moving(size)
        self._send("read", {"address": address, "size": size}, b"", deadline)
        _, content = self._read(_DONE, size, deadline, "read")
        if len(content) != size:
            raise self._give_up(f"gave {len(content)} of {size} bytes")
        return content

    def stage(self, data: bytes | memoryview) -> int:
        return self._ask("stage", _NUMBER, {}, data)

    def write_staged(self, address: int, number: int) -> None:
        self._ask("write_staged", _DONE, {"address": address, "number": number})

    def unstage(self, number: int) -> None:
        self._ask("unstage", _DONE, {"number": number})

    def fingerprint(self, address: int, size: int, key: int) -> int:
        return self._ask("fingerprint", _NUMBER, {"address": address, "size": size, "key": key}, moved=size)

    def reset_l2(self) -> None:
        self._ask("reset_l2", _DONE, {})

    def call(self, steps: Sequence[DriverLaunch | DriverClear]) -> CallTime | CallFailure:
        if self._overrun:
            return self._overrun
        # How long reading the steps takes depends on their number; the judge's clock sees the call alone.
        self._ask("prepare", _DONE, {"steps": [step_words(step) for step in steps]})
        self._has_run = self._has_run or bool(steps)
        started = time.monotonic()
        deadline = started + self._deadlines.call
        try:
            self._send("call", {}, b"", deadline)
            outcome: CallTime | CallFailure = self._read(_OUTCOME, 0, deadline, "call")[0].outcome()
            if isinstance(outcome, CallTime):
                outcome = dataclasses.replace(outcome, outer_us=(time.monotonic() - started) * 1e6)
        except _Overrun:
            kernels = ", ".join(dict.fromkeys(step.kernel for step in steps if isinstance(step, DriverLaunch)))
            message = f"the call did not end within {self._deadlines.call:g} s, and its process was killed"
            self._overrun = CallFailure(Fault("timeout", message, kernels), sticky=True)
            return self._overrun
        return outcome

    def close(self) -> None:
        """Asks the process to close its context, and kills it whatever it answers."""
        if not self._lost:
            deadline = time.monotonic() + _CLOSE_SECONDS
            with contextlib.suppress(Infrastructure):
                self._send("close", {}, b"", deadline)
                self._read(_DONE, 0, deadline, "close")
        self._lost = self._lost or "was closed"
        self._process.kill()

    def _ask(
        self, operation: str, reader: TypeAdapter[Any], head: Mapping[str, Any], body: Bytes = b"", moved: int = 0
    ) -> Any:
        """The number that a reader of numbers finds; None of a reader without."""
        deadline = time.monotonic() + self._deadlines.moving(max(moved, len(body)))
        self._send(operation, head, body, deadline)
        found, _ = self._read(reader, 0, deadline, operation)
        return getattr(found, "number", None)

    def _send(self, operation: str, head: Mapping[str, Any], body: Bytes, deadline: float) -> None:
        if self._lost:
            raise DriverLost(f"the process of {self.name} {self._lost}; open another one")
        beginning, rest = message({"op": operation, **head}, body)
        try:
            for part in (beginning, rest):
                self._process.socket.settimeout(_left(deadline))
                self._process.socket.sendall(part)
        except TimeoutError:
            raise self._late(operation) from None
        except OSError as error:
            raise self._give_up(f"died before {operation}") from error

    def _read(self, reader: TypeAdapter[Any], most_body: int, deadline: float, operation: str) -> tuple[Any, bytes]:
        try:
            head_bytes, body_bytes = answers.sizes(self._receive(PREFIX.size, deadline), most_body)
            head, body = self._receive(head_bytes, deadline), self._receive(body_bytes, deadline)
            return answers.read_answer(reader, bytes(head)), bytes(body)
        except TimeoutError:
            raise self._late(operation) from None
        except OSError as error:
            raise self._give_up(f"died in {operation}") from error
        except DriverLost as error:
            if self._lost:
                raise
            raise self._give_up(f"is not to be believed in {operation}: {error}") from error
        except KernelevoError as refusal:
            if self._has_run and operation != "allocate":
                raise DriverRefused(f"the process of {self.name} refuses {operation}: {refusal}") from refusal
            if self._has_run:
                raise Infrastructure(str(refusal)) from refusal
            raise

    def _receive(self, size: int, deadline: float) -> bytearray:
        """Exactly so many bytes; ConnectionError where the process ends before."""
        data = bytearray(size)
        view, connection = memoryview(data), self._process.socket
        # The kernel waits for all of it, with a limit of its own; Python's timeouts would wake us for every piece.
        connection.settimeout(None)
        while len(view):
            seconds, part = divmod(_left(deadline), 1)
            limit = _TIMEVAL.pack(int(seconds), int(part * 1e6) or 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            try:
                got = connection.recv_into(view, 0, socket.MSG_WAITALL)
            except BlockingIOError:
                raise TimeoutError from None
            if not got:
                raise ConnectionResetError("the process has closed its end")
            view = view[got:]
        return data

    def _late(self, operation: str) -> DriverLost:
        error = self._give_up(f"did not end {operation} by its deadline")
        return _Overrun(str(error)) if operation == "call" else error

    def _give_up(self, what: str) -> DriverLost:
        """Kills the process, and is what to raise."""
        said = self._process.said()
        self._process.kill()
        self._lost = what + (f" (it said: {said})" if said else "")
        return DriverLost(f"the process of {self.name} {self._lost}")


class _Overrun(DriverLost):
    """A call did not end by its deadline."""


def _left(deadline: float) -> float:
    """Seconds to the deadline; a socket takes 0 for a wish not to wait at all."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
