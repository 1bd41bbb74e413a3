"""Runs one program in a jail of its own: a compiler that is a chain of programs, not a library.

Its time is limited here by killing the whole process group, its forks and threads by the launcher's supervisor,
memory (of each process), CPU and file sizes by the kernel. It reads what is granted and writes one scratch folder,
which is deleted afterwards.
"""

from __future__ import annotations

import math
import os
import select
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kernelevo import native
from kernelevo.errors import Infrastructure, SandboxBroken, WallUnavailable
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.sandbox_process import kill_group
from kernelevo.types import Budget
from kernelevo.wire.command import Command, CommandResult, read_command

LOG_BYTES = 4 << 20  # more than any compiler says of one kernel
REFUSED = 125  # exit code of the launcher when no wall can be built, or when it cannot start the program


def run_command(request: WallRequest, budget: Budget, launcher_options: Sequence[str]) -> WallAnswer:
    """Does the errand "command". Raises WallUnavailable, SandboxBroken, NotInstalled, Infrastructure (no space
    left).
    """
    command = read_command(request)
    with tempfile.TemporaryDirectory(prefix="kernelevo-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder).resolve()
        try:
            for name, content in command.inputs.items():
                (scratch / name).write_bytes(content)
        except OSError as error:
            raise Infrastructure(
                f"the scratch folder {scratch} cannot be written ({error}); free some space"
            ) from error
        return _run(_words(command, scratch, budget, launcher_options), command, scratch, budget)


def _words(command: Command, scratch: Path, budget: Budget, launcher_options: Sequence[str]) -> list[str]:
    environment = {**command.environment, "HOME": str(scratch), "TMPDIR": str(scratch), "LC_ALL": "C"}
    return [
        str(native.path("kernelevo-jail").resolve()),
        *(word for path in command.readable for word in ("--read", path)),
        *("--write", str(scratch), "--folder", str(scratch)),
        *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
        *("--forks", str(command.forks), "--file-bytes", str(command.file_bytes)),
        *("--data-bytes", str(budget.memory_bytes), "--address-bytes", str(2 * budget.memory_bytes)),
        *("--cpu-seconds", str(math.ceil(budget.seconds) + 1)),
        *launcher_options,
        "--",
        *command.words,
    ]


def _run(words: Sequence[str], command: Command, scratch: Path, budget: Budget) -> WallAnswer:
    # The log is a file outside the scratch folder: a pipe would let the program block or flood this process.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={}, cwd="/", start_new_session=True
        )
        try:
            in_time = _ends_within(process, budget.seconds)
        finally:
            kill_group(process)
        if not in_time:
            return WallAnswer("killed", f"it did not end within {budget.seconds:g} s", b"", ())
        code = process.wait()
        text = os.pread(log.fileno(), LOG_BYTES, 0).decode(errors="replace")
    if code == REFUSED:
        raise refusal(text)
    if -code == signal.SIGKILL:
        # The limit on CPU time is behind the one on wall time, which we keep.
        raise SandboxBroken(
            f"{Path(command.words[0]).name} was killed from outside, or by the kernel because this machine ran out of "
            "memory; free some memory and run it again"
        )
    if -code == signal.SIGXCPU:
        return WallAnswer("killed", f"it used more than {budget.seconds:g} s of CPU", b"", ())
    outputs = tuple(_read_output(scratch / name, command.file_bytes) for name in command.outputs)
    return CommandResult(code, str(scratch), text, outputs).answer()


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it does; without asking again and again, as Popen.wait does with a limit."""
    watch = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(watch, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))
    finally:
        os.close(watch)


def refusal(text: str) -> SandboxBroken | WallUnavailable:
    words = " ".join(text.split())[:1000]
    return WallUnavailable(words) if "neither namespaces nor Landlock" in words else SandboxBroken(words)


def _read_output(path: Path, most: int) -> bytes | None:
    """A regular file that the program left, or None; a link or a device is not followed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(file, "rb") as content:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return None
        return content.read(most)
