"""RUNS BEHIND THE WALL: a process that has loaded what errands need, and forks one child for each.

It speaks the protocol of kernelevo-worker (sandbox/wall/control.h, frame.h) over descriptor 3 and reads nothing that a
candidate wrote. A child maps the request and its answer, locks itself in (sandbox/wall/lock_child.h), and only then
reads: from there on the candidate may do in it what it likes, and it dies with its one answer. The judge kills it at
its limit through us.
"""

from __future__ import annotations

import array
import ctypes
import gc
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

CONTROL = 3
START, KILL = 1, 2
READY, ENDED = 1, 2
ORDER = struct.Struct("<2I4Q")
EVENT = struct.Struct("<IiQ")
FRAME = struct.Struct("<5Q")
PLACE = struct.Struct("<2Q")
ALIGNMENT = 64
MAGIC = int.from_bytes(b"EVOWALL1", "little")
EXIT_ANSWERED, EXIT_PROTOCOL, EXIT_FAILED, EXIT_TOO_LARGE = 0, 70, 71, 78

Lock = Callable[[int, int], int]
Errand = Callable[[dict[str, Any], list[bytes]], tuple[dict[str, Any], list[bytes]]]
"""From the head and the blobs of a request to those of its answer."""


def serve_errands(lock_library: str, errand: Errand, inherited_bytes: int) -> None:
    """To be called when everything is loaded. What a child has of us counts towards its limit of memory, so it is
    allowed for: `inherited_bytes`.
    """
    lock: Lock = ctypes.CDLL(lock_library).kernelevo_lock_child
    lock.argtypes = [ctypes.c_uint64, ctypes.c_uint64]  # type: ignore[attr-defined]
    # Children share our memory until they write to it; the collector would write to all of it.
    gc.freeze()
    control = socket.socket(fileno=CONTROL)
    ends = watch_children()
    control.send(EVENT.pack(READY, 0, 0))
    while order := receive(control):
        if order[0] == START:
            child = os.fork()
            if child == 0:
                be_child(order, lock, errand, inherited_bytes)
            for file in order[-2:]:
                os.close(file)
            status, resident = wait_for(child, control, ends)
            control.send(EVENT.pack(ENDED, status, resident))


def watch_children() -> int:
    """A descriptor that can be read when a child has ended."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return readable


def receive(control: socket.socket) -> tuple[int, ...] | None:
    """The next order with its two descriptors (-1 where there are none); None where the judge has gone."""
    words, ancillary, _, _ = control.recvmsg(ORDER.size, socket.CMSG_SPACE(2 * array.array("i").itemsize))
    if not words:
        return None
    files = array.array("i")
    for _, _, data in ancillary:
        files.frombytes(data[: len(data) - len(data) % files.itemsize])
    return (*ORDER.unpack(words), *files, *[-1] * (2 - len(files)))


def wait_for(child: int, control: socket.socket, ends: int) -> tuple[int, int]:
    """While a child runs the judge may only ask for its death; where the judge has gone, we go too."""
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended == child:
            return status, usage.ru_maxrss << 10
        ready, _, _ = select.select([control, ends], [], [])
        if ends in ready:
            os.read(ends, 4096)
        if control in ready:
            order = receive(control)
            os.kill(child, signal.SIGKILL)
            if order is None:
                sys.exit(0)


# The child.


def be_child(order: tuple[int, ...], lock: Lock, errand: Errand, inherited_bytes: int) -> NoReturn:
    """Answers and ends; whatever happens, the zygote's code is not returned to."""
    code = EXIT_FAILED
    try:
        code = run(order, lock, errand, inherited_bytes)
    finally:
        os._exit(code)


def run(order: tuple[int, ...], lock: Lock, errand: Errand, inherited_bytes: int) -> int:
    _, _, request_bytes, answer_bytes, memory_bytes, cpu_seconds, request_file, answer_file = order
    # Private, because a shared mapping of a file sealed against writing is refused before Linux 6.7.
    request = mmap.mmap(request_file, request_bytes, mmap.MAP_PRIVATE, mmap.PROT_READ)
    answer = mmap.mmap(answer_file, answer_bytes, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if lock(memory_bytes + inherited_bytes, cpu_seconds) != 0:
        return EXIT_FAILED
    magic, start, size, table, count = FRAME.unpack_from(request)
    if magic != MAGIC:
        return EXIT_PROTOCOL
    places = [PLACE.unpack_from(request, table + number * PLACE.size) for number in range(count)]
    # From here on the candidate's code may run.
    head = json.loads(request[start : start + size])
    return write(answer, *errand(head, [request[place : place + length] for place, length in places]))


def write(memory: mmap.mmap, head: dict[str, Any], blobs: Sequence[bytes]) -> int:
    said = json.dumps(head).encode(errors="replace")
    places, end = [], FRAME.size
    for blob in blobs:
        start = -(-end // ALIGNMENT) * ALIGNMENT
        places.append((start, len(blob)))
        end = start + len(blob)
    table = -(-end // ALIGNMENT) * ALIGNMENT
    start = table + len(places) * PLACE.size
    if start + len(said) > len(memory):
        return EXIT_TOO_LARGE
    for number, ((place, size), blob) in enumerate(zip(places, blobs, strict=True)):
        memory[place : place + size] = blob
        PLACE.pack_into(memory, table + number * PLACE.size, place, size)
    memory[start : start + len(said)] = said
    FRAME.pack_into(memory, 0, MAGIC, start, len(said), table, len(places))
    return EXIT_ANSWERED
