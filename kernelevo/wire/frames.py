"""Frames: how a request or an answer lies in shared memory; sandbox/wall/frame.h is the other end.

A frame is a header of five u64 (magic, head offset, head bytes, table offset, blob count), the blobs, a table of
their places (offset, bytes) and a head, all little-endian. `read_frame` reads what untrusted processes wrote: every
length is checked before it is used, and anything odd raises SandboxBroken.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from kernelevo.errors import SandboxBroken

MAGIC = int.from_bytes(b"EVOWALL1", "little")
ALIGNMENT = 64
_HEADER = struct.Struct("<5Q")
_PLACE = struct.Struct("<2Q")

Bytes = bytes | memoryview
Frame = tuple[bytes, tuple[bytes, ...]]
"""Head and blobs."""


def frame_layout(head: bytes, blobs: Sequence[Bytes]) -> tuple[int, list[tuple[int, Bytes]]]:
    """The size of a frame in bytes, and its parts as (offset, content)."""
    parts: list[tuple[int, Bytes]] = []
    places = []
    end = _HEADER.size
    for blob in blobs:
        start = _aligned(end)
        parts.append((start, blob))
        places.append(_PLACE.pack(start, len(blob)))
        end = start + len(blob)
    table = _aligned(end)
    head_start = table + len(places) * _PLACE.size
    parts.append((table, b"".join(places)))
    parts.append((head_start, head))
    parts.append((0, _HEADER.pack(MAGIC, head_start, len(head), table, len(places))))
    return head_start + len(head), parts


def read_frame(memory: Bytes) -> Frame:
    """Copies head and blobs out of a frame that an untrusted process wrote; SandboxBroken where it is malformed."""
    magic, head_start, head_bytes, table, count = _HEADER.unpack(_part(memory, 0, _HEADER.size))
    if magic != MAGIC:
        raise SandboxBroken("a jailed child ended well but wrote no answer; report this kernel")
    if count * _PLACE.size > len(memory):
        raise SandboxBroken("the answer of a jailed child names more blobs than it can hold; report this kernel")
    places = list(_PLACE.iter_unpack(_part(memory, table, count * _PLACE.size)))
    if sum(size for _, size in places) > len(memory):
        raise SandboxBroken("the blobs in the answer of a jailed child overlap; report this kernel")
    return _part(memory, head_start, head_bytes), tuple(_part(memory, start, size) for start, size in places)


def _part(memory: Bytes, start: int, size: int) -> bytes:
    if start > len(memory) or size > len(memory) - start:
        raise SandboxBroken("the answer of a jailed child points outside its memory; report this kernel")
    return bytes(memory[start : start + size])


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
