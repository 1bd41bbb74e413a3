"""Heads: the values of a request or an answer, one after the other; sandbox/wall/wire.h is the other end.

Everything is little-endian, and text is preceded by its length in bytes. HeadReader reads what untrusted processes
wrote: every length is checked before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from kernelevo.errors import SandboxBroken


class HeadWriter:
    """Writes the values of a head, in the order in which they will be read."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def u32(self, *values: int) -> None:
        self._parts.append(struct.pack(f"<{len(values)}I", *values))

    def u64(self, *values: int) -> None:
        self._parts.append(struct.pack(f"<{len(values)}Q", *values))

    def i64(self, value: int) -> None:
        self._parts.append(struct.pack("<q", value))

    def f64(self, value: float) -> None:
        self._parts.append(struct.pack("<d", value))

    def text(self, value: str) -> None:
        encoded = value.encode()
        self.u64(len(encoded))
        self._parts.append(encoded)

    def texts(self, values: Sequence[str]) -> None:
        self.u32(len(values))
        for value in values:
            self.text(value)

    def bytes(self) -> bytes:
        return b"".join(self._parts)


class HeadReader:
    """Reads the values of a head that an untrusted process wrote; SandboxBroken where it ends too early."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._at = 0

    def u32(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def i64(self) -> int:
        return int.from_bytes(self._take(8), "little", signed=True)

    def text(self) -> str:
        return self._take(self.u64()).decode(errors="replace")

    def texts(self) -> list[str]:
        return [self.text() for _ in range(self.count())]

    def count(self) -> int:
        """A number of things that follow; each takes a byte at least, so a larger number is a lie."""
        count = self.u32()
        if count > len(self._head) - self._at:
            raise SandboxBroken("the answer of a jailed child counts more things than it holds; report this kernel")
        return count

    def _take(self, count: int) -> bytes:
        if count > len(self._head) - self._at:
            raise SandboxBroken("the answer of a jailed child ends too early; report this kernel")
        part = self._head[self._at : self._at + count]
        self._at += count
        return part
