"""A bundle's members, read: documents instead of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kernelevo.evidence import bundle, canonical
from kernelevo.evidence.bundle import Bundle
from kernelevo.evidence.documents import Claim, Declaration, Judgement, Origin
from kernelevo.evidence.rows import Tampered


@dataclass(frozen=True)
class Side:
    """One kernel: its text and judgement, and its PTX where that is in the bundle."""

    name: str
    text: str
    judgement: Judgement
    ptx: bytes | None


@dataclass(frozen=True)
class Contents:
    """All of a bundle. `start` is there where the claim is a gain, `chosen` where the best was judged anew."""

    claim: Claim
    origin: Origin
    declaration: Declaration
    problem: bytes
    oracle: bytes | None
    best: Side
    start: Side | None
    chosen: Judgement | None

    @property
    def sides(self) -> Iterator[Side]:
        yield self.best
        if self.start is not None:
            yield self.start

    @property
    def judgements(self) -> Iterator[tuple[str, Judgement]]:
        """Every judgement with the name of its member."""
        for side in self.sides:
            yield bundle.judgement_name(side.name), side.judgement
        if self.chosen is not None:
            yield bundle.CHOSEN, self.chosen


def read(sealed: Bundle) -> Contents:
    """Raises Tampered, naming the member that is not what it must be."""
    members = sealed.members
    chosen = members.get(bundle.CHOSEN)
    return Contents(
        canonical.read(bundle.CLAIM, members[bundle.CLAIM], Claim),
        canonical.read(bundle.ORIGIN, members[bundle.ORIGIN], Origin),
        canonical.read(bundle.DECLARATION, members[bundle.DECLARATION], Declaration),
        members[bundle.PROBLEM],
        members.get(bundle.ORACLE),
        _side(sealed, bundle.BEST),
        _side(sealed, bundle.START) if bundle.kernel_name(bundle.START) in members else None,
        None if chosen is None else canonical.read(bundle.CHOSEN, chosen, Judgement),
    )


def _side(sealed: Bundle, name: str) -> Side:
    kernel, said = bundle.kernel_name(name), bundle.judgement_name(name)
    try:
        text = sealed.members[kernel].decode("utf-8")
    except UnicodeDecodeError as error:
        raise Tampered(kernel, f"it is no text ({error.reason} at byte {error.start})") from error
    judgement = canonical.read(said, sealed.members[said], Judgement)
    return Side(name, text, judgement, sealed.members.get(bundle.ptx_name(name)))
