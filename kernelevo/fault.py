"""The nouns of what is found in a kernel: a position in its text, a fault with its other party, a compiler's message.

`kernelevo.types` gives them out with the rest of the nouns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SourceLine:
    """A position in a source file; line is 1-based, 0 where unknown."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Party:
    """The other access of a race (vgpu::Party): `access` is "load", "store", "atomic" or "asynchronous copy". Or a
    thread that does not come to a barrier: "waits" (there) or "has ended". `text` is the source line's text.
    """

    access: str
    function: str
    block: tuple[int, int, int]
    thread: tuple[int, int, int]
    source: SourceLine
    ptx_line: int
    instruction: str
    text: str = ""


@dataclass(frozen=True)
class Fault:
    """What was found at one instruction: the fields of vgpu::Fault (sandbox/vgpu/machine.h), with `text` the source
    line's text. `occurrences` counts how often it was seen; `others` holds the other party of a race, or the other
    places at which threads wait where a barrier cannot be reached. `launch` is the number of the launch in its run,
    from 0.

    A judge adds the `cases` it was seen in, the line of the candidate that `launched` the kernel, and the threads of a
    block along x, y and z (`block_dim`, zeros where unknown).
    """

    kind: str
    message: str
    kernel: str
    function: str = ""
    block: tuple[int, int, int] = (0, 0, 0)
    thread: tuple[int, int, int] = (0, 0, 0)
    space: str = ""
    address: int = 0
    bytes: int = 0
    allocation: str = ""
    offset: int = 0
    source: SourceLine = SourceLine()
    ptx_line: int = 0
    instruction: str = ""
    text: str = ""
    occurrences: int = 1
    others: tuple[Party, ...] = ()
    cases: tuple[str, ...] = ()
    launched: SourceLine = SourceLine()
    block_dim: tuple[int, int, int] = (0, 0, 0)
    launch: int = 0

    def warp_and_lane(self, thread: tuple[int, int, int]) -> tuple[int, int] | None:
        """Of a thread of this launch: its warp within the block and its lane, if the block's size is known."""
        (x, y, z), (width, height, _) = thread, self.block_dim
        return divmod(x + width * (y + height * z), 32) if width else None


@dataclass(frozen=True)
class Diagnostic:
    """One message of a compiler, at a position of the user's file (1-based; 0 where the compiler gave none)."""

    severity: Literal["error", "warning", "note"]
    message: str
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        return f"{where}{self.severity}: {self.message}"
