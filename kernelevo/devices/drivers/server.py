"""The process that a driver lives in: answers the judge's requests until it is told to close, or the judge is gone.

It measures nothing and decides nothing. A mistake of ours or of the machine is an answer, too ("refused"); an exception
that no driver translates ends the process with its traceback on standard error, which the judge quotes.
"""

from __future__ import annotations

import dataclasses
import functools
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernelevo.devices.drivers.making import make_driver
from kernelevo.errors import BadInput, KernelevoError, NotInstalled
from kernelevo.interfaces import Driver
from kernelevo.measurement import CallFailure
from kernelevo.types import Fault
from kernelevo.wire.driver_messages import Bytes, Step, message, read_image, read_message, read_step

Reply = tuple[Mapping[str, Any], Bytes]
_DONE: Reply = ({"done": True}, b"")
_VGPU_FAULT = (
    "kind", "message", "kernel", "function", "block", "thread", "space", "address", "bytes", "allocation", "offset",
    "source", "ptx_line", "instruction", "occurrences",
)  # fmt: skip
_PARTY = ("access", "function", "block", "thread", "source", "ptx_line", "instruction")


def serve(connection: socket.socket, options: Mapping[str, Any]) -> None:
    """Makes the driver that `options` (arguments of make_driver) ask for, says what card it has, and serves it."""
    try:
        driver = make_driver(**options)
        card = dataclasses.asdict(driver.card())
    except KernelevoError as error:
        return _send(connection, _refusal(error))
    _send(connection, (card, b""))
    answer_all(connection, driver)


def answer_all(connection: socket.socket, driver: Driver) -> None:
    """Answers requests in their order until "close", or until nobody asks any more."""
    stream = connection.makefile("rb", buffering=1 << 16)

    def read(size: int) -> bytes:
        data = stream.read(size)
        if len(data) < size:
            raise EOFError
        return data

    operation = ""
    steps: list[Step] = []
    while operation != "close":
        try:
            head, body = read_message(read)
        except EOFError:
            driver.close()
            return
        operation = head.pop("op")
        if operation == "prepare":
            steps = [read_step(words) for words in head["steps"]]
            _send(connection, _DONE)
        elif operation == "call":
            _send(connection, _translated(functools.partial(_call, driver, steps)))
        else:
            _send(connection, _answer(driver, operation, head, body))


def _answer(driver: Driver, operation: str, head: Mapping[str, Any], body: bytes) -> Reply:
    def answer() -> Reply:
        if command := _COMMANDS.get(operation):
            command(driver, head, body)
            return _DONE
        if number := _NUMBERS.get(operation):
            return {"number": number(driver, head, body)}, b""
        return _ANSWERS[operation](driver, head, body)

    return _translated(answer)


def _translated(answer: Callable[[], Reply]) -> Reply:
    try:
        return answer()
    except KernelevoError as error:
        return _refusal(error)


def _send(connection: socket.socket, reply: Reply) -> None:
    beginning, body = message(*reply)
    connection.sendall(beginning)
    if body:
        connection.sendall(body)


def _refusal(error: KernelevoError) -> Reply:
    kind = "infrastructure"
    if isinstance(error, BadInput):
        kind = "not installed" if isinstance(error, NotInstalled) else "bad input"
    return {"refused": str(error), "kind": kind}, b""


def _call(driver: Driver, steps: Sequence[Step]) -> Reply:
    outcome = driver.call(steps)
    if isinstance(outcome, CallFailure):
        return {"fault": _fault_words(outcome.fault), "sticky": outcome.sticky}, b""
    return {"event_us": outcome.event_us, "host_us": outcome.host_us}, b""


def _fault_words(fault: Fault) -> dict[str, Any]:
    """The fields that the virtual GPU's reports have; a judge adds the others."""
    words = dataclasses.asdict(fault)
    others = [{name: party[name] for name in _PARTY} for party in words["others"]]
    return {**{name: words[name] for name in _VGPU_FAULT}, "others": others}


def _read(driver: Driver, head: Mapping[str, Any], body: bytes) -> Reply:
    return _DONE[0], driver.read(head["address"], head["size"])


_Head = Mapping[str, Any]
_COMMANDS: Mapping[str, Callable[[Driver, _Head, bytes], None]] = {
    "load": lambda driver, head, body: driver.load(read_image(head, body)),
    "free": lambda driver, head, body: driver.free(head["address"]),
    "write": lambda driver, head, body: driver.write(head["address"], body),
    "fill": lambda driver, head, body: driver.fill(head["address"], head["size"], head["pattern"]),
    "write_staged": lambda driver, head, body: driver.write_staged(head["address"], head["number"]),
    "unstage": lambda driver, head, body: driver.unstage(head["number"]),
    "reset_l2": lambda driver, head, body: driver.reset_l2(),
    "close": lambda driver, head, body: driver.close(),
}
_NUMBERS: Mapping[str, Callable[[Driver, _Head, bytes], int]] = {
    "allocate": lambda driver, head, body: driver.allocate(head["size"]),
    "stage": lambda driver, head, body: driver.stage(body),
    "fingerprint": lambda driver, head, body: driver.fingerprint(head["address"], head["size"], head["key"]),
}
_ANSWERS: Mapping[str, Callable[[Driver, _Head, bytes], Reply]] = {"read": _read}
