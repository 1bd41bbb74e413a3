"""RUNS BEHIND THE WALL: the process that has loaded Triton, and forks one child for each build.

    triton_zygote.py TRITON_FOLDER LOCK_LIBRARY, with the control socket as descriptor 3

It speaks the protocol of kernelevo-worker (sandbox/wall/control.h, frame.h) and reads nothing that a candidate wrote. A
child maps the request and its answer, locks itself in (sandbox/wall/lock_child.h), and only then reads: from there on
the candidate may do in it what it likes, and it dies with its one answer. The judge kills it at its limit through us.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parent))

import triton_build
from triton_package import import_triton

CONTROL = 3
START, KILL = 1, 2
READY, ENDED = 1, 2
ORDER = struct.Struct("<2I4Q")
EVENT = struct.Struct("<IiQ")
FRAME = struct.Struct("<5Q")
MAGIC = int.from_bytes(b"EVOWALL1", "little")
EXIT_ANSWERED, EXIT_PROTOCOL, EXIT_FAILED, EXIT_TOO_LARGE = 0, 70, 71, 78
INHERITED_BYTES = 64 << 20
"""What a child has of us counts towards its limit, so it is allowed for: 24 MB with Triton 3.9."""

WARM_UP = """\
import triton
import triton.language as tl

@triton.jit
def warm_up(x, y, BLOCK: tl.constexpr):
    half = tl.zeros([16, 16], tl.float16)
    tile = tl.sum(tl.dot(half, half), 0)
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.sum(tl.exp(tl.load(x + i)), 0) + tl.sum(tile, 0))
"""

Lock = Callable[[int, int], int]


def main(triton_folder: str, lock_library: str) -> None:
    lock: Lock = ctypes.CDLL(lock_library).kernelevo_lock_child
    lock.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
    import_triton(triton_folder)
    warm_up()
    # Children share our memory until they write to it; the collector would write to all of it.
    gc.freeze()
    control = socket.socket(fileno=CONTROL)
    ends = watch_children()
    control.send(EVENT.pack(READY, 0, 0))
    while order := receive(control):
        if order[0] == START:
            serve(order, control, ends, lock)


def warm_up() -> None:
    parameters = [
        {"name": name, "type": kind, "divisible": False, "value": value}
        for name, kind, value in (("x", "*fp32", None), ("y", "*fp32", None), ("BLOCK", None, 64))
    ]
    instance = {"kernel": "warm_up", "symbol": "warm_up", "parameters": parameters, "num_warps": 4, "num_stages": 3}
    request = {"text": WARM_UP, "file_name": "warm_up.py", "arch": 80, "ptx_version": 80, "instances": [instance]}
    answer = triton_build.build(request)
    if "error" in answer:
        raise RuntimeError(f"Triton cannot compile a kernel of ours: {answer}")


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


def serve(order: tuple[int, ...], control: socket.socket, ends: int, lock: Lock) -> None:
    child = os.fork()
    if child == 0:
        be_child(order, lock)
    for file in order[-2:]:
        os.close(file)
    status, resident = wait_for(child, control, ends)
    control.send(EVENT.pack(ENDED, status, resident))


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


def be_child(order: tuple[int, ...], lock: Lock) -> NoReturn:
    """Answers and ends; whatever happens, the zygote's code is not returned to."""
    code = EXIT_FAILED
    try:
        code = run(order, lock)
    finally:
        os._exit(code)


def run(order: tuple[int, ...], lock: Lock) -> int:
    _, _, request_bytes, answer_bytes, memory_bytes, cpu_seconds, request_file, answer_file = order
    # Private, because a shared mapping of a file sealed against writing is refused before Linux 6.7.
    request = mmap.mmap(request_file, request_bytes, mmap.MAP_PRIVATE, mmap.PROT_READ)
    answer = mmap.mmap(answer_file, answer_bytes, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if lock(memory_bytes + INHERITED_BYTES, cpu_seconds) != 0:
        return EXIT_FAILED
    magic, start, size, _, _ = FRAME.unpack_from(request)
    if magic != MAGIC:
        return EXIT_PROTOCOL
    # From here on the candidate's code may run.
    return write(answer, triton_build.build(json.loads(request[start : start + size])))


def write(memory: mmap.mmap, answer: dict[str, Any]) -> int:
    head = json.dumps(answer).encode(errors="replace")
    if FRAME.size + len(head) > len(memory):
        return EXIT_TOO_LARGE
    memory[FRAME.size : FRAME.size + len(head)] = head
    FRAME.pack_into(memory, 0, MAGIC, FRAME.size, len(head), FRAME.size, 0)
    return EXIT_ANSWERED


main(*sys.argv[1:])
