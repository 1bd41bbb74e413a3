"""Members to bytes and back: an uncompressed POSIX tar (ustar) that has exactly one form.

A bundle is read, its members are written again, and the bytes must be the same. So there is nothing to hide in: no
second member of a name, no link, no absolute path, no other order, owner or time, nothing before, between or after the
members. It is not compressed, so what it holds is never larger than the file, and equal evidence is an equal file on
every machine. `tar xf` reads it.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping

from kernelevo.counting import counted
from kernelevo.evidence.rows import Tampered

MOST_BYTES = 64 << 20
MOST_MEMBERS = 64
_BLOCK = 512
_NAME = re.compile(r"(?!.*\.\.)[a-z][a-z0-9._-]{0,40}(/[a-z][a-z0-9._-]{0,40}){0,2}")
_PART = "archive"


def encode(members: Mapping[str, bytes]) -> bytes:
    """The one file that holds these members in this order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            archive.addfile(_head(name, len(content)), io.BytesIO(content))
    return out.getvalue()


def decode(data: bytes) -> dict[str, bytes]:
    """The members in their order; raises Tampered unless `data` is exactly what `encode` makes of them."""
    if len(data) > MOST_BYTES:
        raise Tampered(_PART, f"it has {counted(len(data), 'byte')}, and a bundle has at most {MOST_BYTES:,}")
    if len(data) < 2 * _BLOCK or data[257:262] != b"ustar":
        raise Tampered(_PART, "it is no uncompressed tar file, which a bundle is")
    members = _members(data)
    if encode(members) != data:
        raise Tampered(_PART, "its bytes are not those that its members make: something else is in it, or cut off")
    return members


def _head(name: str, size: int) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.size, head.mode, head.mtime = size, 0o644, 0
    return head


def _members(data: bytes) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for head in archive:
                name = _checked(head, members, len(data))
                members[name] = _content(archive, head)
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise Tampered(_PART, f"it cannot be read to its end ({error}); it is damaged or cut off") from error
    return members


def _checked(head: tarfile.TarInfo, known: Mapping[str, bytes], size: int) -> str:
    """The member's name, if a bundle may hold it; nothing is ever written under it."""
    name = head.name[:100]
    if not head.isreg() or head.issparse() or head.type != tarfile.REGTYPE:
        raise Tampered(f"member {name!r}", "it is no plain file, and a bundle holds nothing else")
    if not _NAME.fullmatch(head.name):
        raise Tampered(f"member {name!r}", "no member of a bundle is called so")
    if head.name in known:
        raise Tampered(f"member {name!r}", "it is there twice")
    if head.size > size or len(known) >= MOST_MEMBERS:
        raise Tampered(f"member {name!r}", "it is larger than the file itself, or one too many")
    return head.name


def _content(archive: tarfile.TarFile, head: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(head)
    content = file.read() if file else b""
    if len(content) != head.size:
        raise Tampered(f"member {head.name!r}", "it is cut off")
    return content
