"""A program behind the wall that stays: one that drives a card for a whole session, asked over a socket.

Unlike an errand's child it lives from call to call, so that nothing here limits its time: whoever asks it keeps the
deadlines (kernelevo/devices/drivers/remote.py) and kills it. It is started fresh, never forked from us, with the rules
of a driver (docs/wall.md), and dies with the thread that started it.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kernelevo import native
from kernelevo.interfaces import JailOrder
from kernelevo.sandbox_process import CONTROL, as_line, kill_group, read_available, spawn

_SAID_BYTES = 4096


def start_session(order: JailOrder, unsafe: bool = False, launcher_options: Sequence[str] = ()) -> JailedSession:
    """Starts what is ordered, behind the wall. Raises NotInstalled, SandboxBroken. Where no wall can be built, and
    `unsafe` was not given, the program does not start, and its socket says so by its end.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    options = (*launcher_options, *(["--unsafe"] if unsafe else []))
    with theirs:
        try:
            process, stderr = spawn(_words(order, options), theirs.fileno())
        except BaseException:
            ours.close()
            raise
    return JailedSession(ours, process, stderr)


class JailedSession:
    """Implements interfaces.JailedProcess."""

    def __init__(self, ours: socket.socket, process: subprocess.Popen[bytes], stderr: int) -> None:
        self.socket = ours
        self._process = process
        self._stderr: int | None = stderr

    def ids(self) -> frozenset[int]:
        """The launcher that stayed outside, and everything under it."""
        found, new = set[int](), {self._process.pid}
        while new:
            found |= new
            new = {child for each in new for child in _children(each)} - found
        return frozenset(found)

    def said(self) -> str:
        words = b""
        while self._stderr is not None and (part := read_available(self._stderr)):
            words = (words + part)[-_SAID_BYTES:]
        return as_line(words)

    def kill(self) -> None:
        if self._stderr is None:
            return
        self.socket.close()
        kill_group(self._process)
        os.close(self._stderr)
        self._stderr = None


def _words(order: JailOrder, options: Sequence[str]) -> list[str]:
    return [
        str(native.path("kernelevo-jail").resolve()),
        *(["--driver"] if order.devices else []),
        *(word for path in order.readable for word in ("--read", path)),
        *(word for path in order.devices for word in ("--device", path)),
        *(word for name, value in order.environment.items() for word in ("--env", f"{name}={value}")),
        *("--forks", str(order.threads), "--file-bytes", "0", "--data-bytes", str(order.data_bytes)),
        *options,
        *("--keep-fd", CONTROL, "--"),
        *order.words,
    ]


def _children(process: int) -> set[int]:
    found: set[int] = set()
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found |= {int(word) for word in file.read_text().split()}
        except OSError:
            continue  # that thread has ended meanwhile
    return found
