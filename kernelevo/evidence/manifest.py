"""The manifest: SHA-256 and size of every other member, and the root, one hash over all of that.

Hashes show that nothing was changed since the bundle was sealed by whoever sealed it. They do not show who that was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from kernelevo.evidence import canonical
from kernelevo.evidence.canonical import Document
from kernelevo.evidence.rows import Tampered

NAME = "manifest.json"
SCHEMA = 2
"""2: samples of single calls say whether their content was fresh."""


class Entry(Document):
    bytes: int
    sha256: str


class Manifest(Document):
    """`root` is the SHA-256 of the canonical JSON of the other three."""

    format: Literal["kernelevo evidence"]
    schema_version: int
    members: dict[str, Entry]
    root: str


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest_of(members: Mapping[str, bytes]) -> Manifest:
    entries = {name: Entry(bytes=len(content), sha256=sha256(content)) for name, content in sorted(members.items())}
    return Manifest(format="kernelevo evidence", schema_version=SCHEMA, members=entries, root=_root(SCHEMA, entries))


def read_manifest(content: bytes) -> Manifest:
    """Raises Tampered where it is no manifest, of a version that is not known, or its root is not its own."""
    manifest = canonical.read(NAME, content, Manifest)
    if manifest.schema_version != SCHEMA:
        raise Tampered(
            NAME, f"it is of schema {manifest.schema_version}, and this program knows {SCHEMA}; take the one it names"
        )
    if _root(manifest.schema_version, manifest.members) != manifest.root:
        raise Tampered(NAME, "its root hash is not that of its own entries")
    return manifest


def _root(schema: int, entries: Mapping[str, Entry]) -> str:
    plain = {name: entry.model_dump() for name, entry in entries.items()}
    return sha256(canonical.written({"format": "kernelevo evidence", "schema_version": schema, "members": plain}))
