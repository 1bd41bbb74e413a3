"""The errand "command": a program with its arguments, the files it is given and the files that are taken from it.

It is not done by the zygote but in a jail of its own, with a scratch folder that is deleted afterwards and a limit on
forks; kernelevo/sandbox_command.py does it. What comes back (log and files) was written by the program: it is
bounded, and untrusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.wire.heads import HeadReader, HeadWriter


@dataclass(frozen=True)
class Command:
    """`words[0]` is an absolute path. It runs in the scratch folder, in which `inputs` (name to content) lie.

    `readable` are the paths it may read besides the C library, `outputs` the names of the files wanted from the
    scratch folder,
    `forks` how many processes and threads it may start in all, `file_bytes` the size of the largest file it may write.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str]
    readable: tuple[str, ...]
    inputs: Mapping[str, bytes]
    outputs: tuple[str, ...]
    forks: int
    file_bytes: int

    def request(self) -> WallRequest:
        """This command as an errand; an output may be as large as file_bytes."""
        head = HeadWriter()
        head.texts(self.words)
        head.texts([f"{name}={value}" for name, value in self.environment.items()])
        head.texts(self.readable)
        head.texts(tuple(self.inputs))
        head.texts(self.outputs)
        head.u64(self.forks, self.file_bytes)
        return WallRequest("command", head.bytes(), tuple(self.inputs.values()), self.file_bytes)


def read_command(request: WallRequest) -> Command:
    """The command of an errand made by Command.request. Raises SandboxBroken for anything else."""
    head = HeadReader(request.head)
    words, environment, readable = head.texts(), head.texts(), head.texts()
    inputs, outputs = head.texts(), head.texts()
    return Command(
        words=tuple(words),
        environment=dict(variable.split("=", 1) for variable in environment),
        readable=tuple(readable),
        inputs={name: bytes(blob) for name, blob in zip(inputs, request.blobs, strict=True)},
        outputs=tuple(outputs),
        forks=head.u64(),
        file_bytes=head.u64(),
    )


@dataclass(frozen=True)
class CommandResult:
    """How the program ended and what it left: its exit code (negative: the signal), its output, and the wanted
    files.

    `folder` is the scratch folder it ran in, which is gone, but may be named in what it left.
    """

    code: int
    folder: str
    log: str
    outputs: tuple[bytes | None, ...]

    def answer(self) -> WallAnswer:
        """This result as an answer that ended "done"."""
        head = HeadWriter()
        head.i64(self.code)
        head.text(self.folder)
        head.text(self.log)
        head.u32(*(content is not None for content in self.outputs))
        return WallAnswer("done", "", head.bytes(), tuple(content or b"" for content in self.outputs))


def read_result(answer: WallAnswer) -> CommandResult:
    """The result in an answer that ended "done"; an output is None where the program did not leave such a file."""
    head = HeadReader(answer.head)
    code, folder, log = head.i64(), head.text(), head.text()
    return CommandResult(code, folder, log, tuple(blob if head.u32() else None for blob in answer.blobs))
