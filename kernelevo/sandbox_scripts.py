"""Runs a skill's script behind the wall: a fresh interpreter without site packages, files, network or children, killed
when its time is over. What it prints is hostile text, cut and made visible.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path

import kernelevo
from kernelevo import native
from kernelevo.errors import SandboxBroken
from kernelevo.interfaces import JailedProcess, JailOrder
from kernelevo.sandbox_session import start_session
from kernelevo.wire.words import visible

SECONDS = 10.0
MEMORY_BYTES = 512 << 20
MOST_OUTPUT = 8192


def run_script(name: str, text: str, given: str, unsafe: bool = False, seconds: float = SECONDS) -> str:
    """What the script prints, when it is given `given` on its standard input, or one sentence on how it failed. Raises
    NotInstalled, SandboxBroken.
    """
    process = start_session(_order(), unsafe)
    try:
        return _asked(process, {"name": name, "text": text, "input": given}, seconds)
    finally:
        process.kill()


def _order() -> JailOrder:
    """The interpreter with its standard library, and the one file that takes the script in."""
    start = Path(kernelevo.__file__).parent.resolve() / "jailed" / "skill_script.py"
    words = (str(native.interpreter()), "-I", "-S", "-B", str(start))
    return JailOrder(words, (*map(str, native.interpreter_files()), str(start)), data_bytes=MEMORY_BYTES)


def _asked(process: JailedProcess, order: dict[str, str], seconds: float) -> str:
    until = time.monotonic() + seconds
    process.socket.settimeout(seconds)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
        process.socket.sendall(json.dumps(order).encode() + b"\n")
    printed, ended = _read(process.socket, until)
    words = visible(printed.decode(errors="replace"))[:MOST_OUTPUT].strip()
    if not ended:
        return f"{words}\n(the script was stopped: it took more than {seconds:g} seconds or printed too much)".strip()
    said = process.said()
    if not words and "kernelevo-jail" in said:
        raise SandboxBroken(f"a skill's script cannot be run: {said}")
    # What else is said there may name folders of this machine, and is told to nobody.
    return words or ("(the script died)" if said else "(the script printed nothing)")


def _read(file: socket.socket, until: float) -> tuple[bytes, bool]:
    """What comes before the other end is closed, and whether it was, in time and within bounds."""
    printed = b""
    while len(printed) <= 4 * MOST_OUTPUT:
        left = until - time.monotonic()
        if left <= 0:
            return printed, False
        file.settimeout(left)
        try:
            part = file.recv(1 << 16)
        except (TimeoutError, ConnectionResetError):
            return printed, False
        if not part:
            return printed, True
        printed += part
    return printed, False
