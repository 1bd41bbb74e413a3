"""Tells the compiler what the problem declares: that the arrays of a kernel do not overlap.

Found: a kernel whose launch passes different buffers, with pointer parameters that are not qualified. Written:
`__restrict__` on all of them, and `const` on those that it only reads, which lets loads go through the read-only
path and lets the compiler keep values over stores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kernelevo.proposers.rules.accesses import find_accesses
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import of_type, text_of


def restrict(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """Takes no parameters."""
    for launched in subject.launched():
        accesses = find_accesses(launched.kernel, launched.forms)
        if accesses is None or not subject.separate(launched):
            continue
        stored = {access.array for access in accesses if access.stores}
        edits, changed = subject.edits(), False
        for pointer in launched.kernel.parameters:
            if not pointer.is_pointer or "__restrict__" in text_of(pointer.statement):
                continue
            changed = True
            edits.insert(pointer.identifier.start_byte, "__restrict__ ")
            if pointer not in stored and "const" not in pointer.qualifiers and not _is_aliased(launched, pointer):
                edits.insert(pointer.statement.start_byte, "const ")
        if changed:
            yield Rewrite(edits.text(), f"restrict({launched.kernel.name})")


def _is_aliased(launched: Launched, pointer: Declaration) -> bool:
    """Whether another pointer is made from it, which might not be const."""
    names = launched.kernel.names
    return any(
        names.declaration(use) is pointer
        for local in names.declarations
        if local.is_pointer and local.value is not None
        for use in of_type(local.value, "identifier")
    )
