"""What one PTX instruction does to memory, read from its text: verb, space, bytes of a lane, where its address is.

Forms: https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kernelevo.types import LineCounts

Verb = Literal["load", "store", "atomic", "copy"]
SECTOR = 32
WAVEFRONT = 128
"""Bytes of a sector of global memory, and of a wavefront of shared memory (32 banks of 4 bytes)."""

_OPCODE = re.compile(r"(?:@!?%?[\w$]+\s+)?([a-z][\w.:]*)")
_TYPE = re.compile(r"(?:[usbf]|bf)(8|16|32|64|128)(x2)?$")
_VERBS: dict[str, Verb] = {
    "ld": "load", "ldu": "load", "st": "store", "atom": "atomic", "red": "atomic", "ldmatrix": "load",
    "stmatrix": "store",
}  # fmt: skip


@dataclass(frozen=True)
class Access:
    """`bytes` are those that one lane moves, 0 where the text does not say; `address` is what stands in brackets (of a
    copy, its source), without an offset that is a number.
    """

    verb: Verb
    space: Literal["global", "shared", "local"]
    bytes: int
    address: str


def opcode(instruction: str) -> tuple[str, ...]:
    """Its dotted words, without a guard: ("ld", "global", "f32"); empty if it is no instruction."""
    found = _OPCODE.match(instruction)
    return tuple(word for word in found[1].split(".") if word) if found else ()


@lru_cache(maxsize=4096)
def access(instruction: str) -> Access | None:
    """What the instruction moves; None if it moves nothing through global, shared or local memory."""
    words = opcode(instruction)
    if words[:2] == ("cp", "async") and "shared" in _spaces(words) and "bulk" not in words:
        return Access("copy", "global", _copied_bytes(instruction), _address(instruction, 1))
    verb = _VERBS.get(words[0]) if words else None
    space = next(iter(_spaces(words)), "global")
    if verb is None or space not in ("global", "shared", "local"):
        return None
    size = _matrix_bytes(words) if words[0].endswith("matrix") else _lane_bytes(words)
    return Access(verb, space, size, _address(instruction, 0))  # type: ignore[arg-type]


def least_sectors(line: LineCounts, moved: Access) -> int:
    """Sectors that the same bytes would take if neighbouring lanes had neighbouring addresses."""
    return _least(line, moved, line.sectors, SECTOR)


def least_wavefronts(line: LineCounts, moved: Access) -> int:
    """Wavefronts that the same bytes would take without bank conflicts."""
    return _least(line, moved, line.wavefronts, WAVEFRONT)


def _least(line: LineCounts, moved: Access, counted: int, piece: int) -> int:
    if not moved.bytes:
        return counted
    # Lanes that read one word together need less than their bytes.
    return min(counted, max(line.requests, -(-line.thread_instructions * moved.bytes // piece)))


def _spaces(words: tuple[str, ...]) -> list[str]:
    names = ("global", "shared", "local", "const", "param")
    return [name for word in words for name in names if word == name or word.startswith(f"{name}::")]


def _lane_bytes(words: tuple[str, ...]) -> int:
    size = next((found for found in map(_TYPE.match, reversed(words)) if found), None)
    if size is None:
        return 0
    vector = next((int(word[1:]) for word in words if word in ("v2", "v4", "v8")), 1)
    return int(size[1]) // 8 * (2 if size[2] else 1) * vector


def _matrix_bytes(words: tuple[str, ...]) -> int:
    """Of 8 x 8 elements of 16 bits each lane holds four bytes."""
    count = next((int(word[1:]) for word in words if word in ("x1", "x2", "x4")), 0)
    return 4 * count


def _copied_bytes(instruction: str) -> int:
    """cp.async [to], [from], size"""
    found = re.search(r"\]\s*,\s*\[[^\]]*\]\s*,\s*(\d+)", instruction)
    return int(found[1]) if found else 0


def _address(instruction: str, place: int) -> str:
    brackets = re.findall(r"\[\s*([^\]]*?)\s*\]", instruction)
    return re.sub(r"\s*\+\s*-?\d+$", "", brackets[place]) if len(brackets) > place else ""
