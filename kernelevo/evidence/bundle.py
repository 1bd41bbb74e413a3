"""A sealed set of members with its manifest, and perhaps a signature of that: what is written and what is read.

    manifest.json                 first
    claim.json origin.json        what is claimed, and where it comes from
    problem/problem.py, problem/declaration.json, problem/oracle.cu
    best/kernel, best/kernel.ptx, best/judgement.json, best/chosen.json
    start/kernel, start/kernel.ptx, start/judgement.json
    manifest.json.sig             last, if it is signed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kernelevo.evidence import canonical, container, manifest
from kernelevo.evidence.rows import Tampered

SIGNATURE = f"{manifest.NAME}.sig"
CLAIM, ORIGIN = "claim.json", "origin.json"
PROBLEM, DECLARATION, ORACLE = "problem/problem.py", "problem/declaration.json", "problem/oracle.cu"
BEST, START = "best", "start"
CHOSEN = f"{BEST}/chosen.json"
SUFFIX = ".evidence.tar"


def kernel_name(side: str) -> str:
    return f"{side}/kernel"


def ptx_name(side: str) -> str:
    return f"{side}/kernel.ptx"


def judgement_name(side: str) -> str:
    return f"{side}/judgement.json"


REQUIRED = frozenset((CLAIM, ORIGIN, PROBLEM, DECLARATION, kernel_name(BEST), judgement_name(BEST)))
OPTIONAL = frozenset(
    (ORACLE, CHOSEN, ptx_name(BEST), kernel_name(START), judgement_name(START), ptx_name(START))
)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """`members` are all but the manifest (kept as it is written) and the signature."""

    members: Mapping[str, bytes]
    manifest: bytes
    root: str
    signature: bytes | None = None

    def encode(self) -> bytes:
        signed = {} if self.signature is None else {SIGNATURE: self.signature}
        return container.encode({manifest.NAME: self.manifest, **dict(sorted(self.members.items())), **signed})

    def signed(self, signature: bytes) -> Bundle:
        return replace(self, signature=signature)


def seal(members: Mapping[str, bytes]) -> Bundle:
    """A bundle of these members; raises ValueError where one is missing or unknown."""
    names = set(members)
    if not REQUIRED <= names <= REQUIRED | OPTIONAL:
        raise ValueError(f"a bundle cannot be made of {sorted(names)}")
    made = manifest.manifest_of(members)
    return Bundle(dict(sorted(members.items())), canonical.write(made), made.root)


def decode(data: bytes) -> Bundle:
    """The bundle in `data`, every member checked against the manifest; raises Tampered, naming the part."""
    members = container.decode(data)
    if next(iter(members), None) != manifest.NAME:
        raise Tampered(manifest.NAME, "it is not the first member")
    content = members.pop(manifest.NAME)
    said = manifest.read_manifest(content)
    signature = members.pop(SIGNATURE, None)
    _compare(said, members)
    _require_names(members)
    bundle = Bundle(members, content, said.root, signature)
    if bundle.encode() != data:
        raise Tampered("archive", "its members are not in the order of a bundle")
    return bundle


def _compare(said: manifest.Manifest, members: Mapping[str, bytes]) -> None:
    for name in sorted(said.members.keys() | members.keys()):
        part = f"member {name!r}"
        if name not in members:
            raise Tampered(part, "the manifest names it, and it is not there")
        if name not in said.members:
            raise Tampered(part, "it is there, and the manifest does not name it")
        entry, content = said.members[name], members[name]
        if (entry.bytes, entry.sha256) != (len(content), manifest.sha256(content)):
            raise Tampered(part, "its content has another hash or size than the manifest says")


def _require_names(members: Mapping[str, bytes]) -> None:
    if missing := sorted(REQUIRED - members.keys()):
        raise Tampered(f"member {missing[0]!r}", "no bundle is without it")
    if unknown := sorted(members.keys() - REQUIRED - OPTIONAL):
        raise Tampered(f"member {unknown[0]!r}", "no bundle of this schema has it")
    sides = {judgement_name(START), kernel_name(START)}
    if len(sides & members.keys()) == 1:
        raise Tampered(f"member {START!r}", "of the start there must be text and judgement, or neither")
