"""A program behind the wall as a process of ours: how it is started, what it said, and how all of it is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Sequence

from kernelevo.errors import SandboxBroken

CONTROL = "{control}"
"""Stands for the number of the control descriptor in a launcher's words."""
_LACKING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


def spawn(command: Sequence[str], control: int) -> tuple[subprocess.Popen[bytes], int]:
    """Starts the launcher in a session of its own, with an empty environment; its standard error can never block it."""
    stderr, writable = os.pipe()
    os.set_blocking(stderr, False)
    os.set_blocking(writable, False)
    words = [word.replace(CONTROL, str(control)) for word in command]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=writable,
            pass_fds=[control],
            env={},
            start_new_session=True,
        )
    except OSError as error:
        os.close(stderr)
        advice = "free some, or run fewer workers" if error.errno in _LACKING else "rebuild the native part"
        raise SandboxBroken(f"the wall's launcher cannot be started ({error}); {advice}") from error
    finally:
        os.close(writable)
    return process, stderr


def read_available(file: int) -> bytes:
    try:
        return os.read(file, 1 << 16)
    except BlockingIOError:
        return b""


def as_line(words: bytes) -> str:
    """Hostile text made fit for one line of a message."""
    text = words.decode(errors="replace").strip()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and its group, and waits for it."""
    with contextlib.suppress(ProcessLookupError):  # the group has ended already, which is what is wanted
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
