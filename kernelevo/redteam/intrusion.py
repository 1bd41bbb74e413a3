"""Attacks on the machine around a candidate: the intruder as a command behind the wall, and as an ordinary process.

The wall is the one that compilers run in (errand "command"), with the limits it has there. The control runs the same
program with the same aim outside, on victims of our own: a secret file, a port, a process that sleeps.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.range import Range
from kernelevo.types import Budget
from kernelevo.wire.command import Command, read_result

TOKEN = "KERNELEVO_REDTEAM_TOKEN"
SECONDS = 60.0
"""For a control, which has no other limit."""
MEMORY_BYTES = 256 << 20
FORKS = 8
FILE_BYTES = 1 << 20
SHOWN = 200
INTRUDER = Path(__file__).with_name("intruder.py")


@dataclass(frozen=True)
class Victims:
    """What lies open around the wall, for this attack only. `folder` is writable to everybody who sees it."""

    folder: Path
    secret: Path
    program: Path
    port: int
    socket: Path
    process: int
    judge: int
    held_at: int
    held_file: int


Aim = Callable[[Victims], tuple[object, ...]]


def intrusion(
    name: str, rows: str, title: str, action: str, aim: Aim = lambda _: (), seconds: float = 10.0
) -> Attack:
    """The intruder's `action` on what `aim` gives, behind the wall for at most so many `seconds`."""

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        with victims(range_.scratch) as found:
            words = (*_interpreter(), str(INTRUDER), action, *map(str, aim(found)))
            return _behind_wall(range_, words, seconds) if defended else _outside(words, found)

    return Attack(name, tuple(rows.split()), title, "wall", ("the wall",), run)


def _behind_wall(range_: Range, words: tuple[str, ...], seconds: float) -> Outcome:
    readable = (words[0], str(INTRUDER), *map(str, _library()))
    command = Command(words, {}, readable, {}, (), FORKS, FILE_BYTES)
    answer = range_.wall.call(command.request(), Budget(seconds, MEMORY_BYTES, 1))
    if answer.ended != "done":
        return Outcome(False, "killed by the wall", answer.reason)
    result = read_result(answer)
    said = " ".join(result.log.split())[-SHOWN:]
    return Outcome(result.code == 0, "refused by the wall" if result.code else "", said)


def _outside(words: tuple[str, ...], found: Victims) -> Outcome | Skipped:
    environment = {"PATH": os.environ.get("PATH", ""), TOKEN: "secret"}
    process = subprocess.Popen(
        words, env=environment, pass_fds=[found.held_file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=found.folder,
    )  # fmt: skip
    try:
        said = process.communicate(timeout=SECONDS)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode == 1:
        return Skipped(f"this machine refuses it without a wall, too: {' '.join(said.split())[-SHOWN:]}")
    return Outcome(process.returncode == 0, "" if process.returncode == 0 else "broken", said[-SHOWN:])


@contextlib.contextmanager
def victims(scratch: Path) -> Iterator[Victims]:
    """Makes them, and ends them. Expected outputs stand for what a judge holds in its own memory."""
    folder = scratch / "victims"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    secret, path = folder / "id_ed25519", folder / "socket"
    secret.write_text("secret")
    path.unlink(missing_ok=True)
    program = Path("/bin/true").resolve()
    held = ctypes.create_string_buffer(b"expected")
    with (
        socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix, secret.open() as file,
        subprocess.Popen(["sleep", "60"], env={"PATH": os.environ.get("PATH", ""), TOKEN: "secret"}) as process,
    ):  # fmt: skip
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        unix.bind(str(path))
        unix.listen()
        try:
            yield Victims(
                folder, secret, program, tcp.getsockname()[1], path, process.pid, os.getpid(),
                ctypes.addressof(held), file.fileno(),
            )  # fmt: skip
        finally:
            process.kill()


def _interpreter() -> tuple[str, ...]:
    return (str(Path(sys.executable).resolve()), "-I", "-S", "-B")


def _library() -> list[Path]:
    """What an interpreter reads to start: its standard library, and its own shared library where it has one."""
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}
    folders = [Path(sysconfig.get_path(name, vars=base)).resolve() for name in ("stdlib", "platstdlib")]
    shared = Path(sysconfig.get_config_var("LIBDIR") or "/nowhere").glob("libpython*.so*")
    return [*dict.fromkeys(folders), *sorted(shared)]
