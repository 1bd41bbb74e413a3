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
from kernelevo.proposers.rules.syntax import Edits, of_type, text_of


def restrict(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """Takes no parameters; all kernels of the file are qualified at once."""
    edits = subject.edits()
    changed = [launched.kernel.name for launched in subject.launched() if _qualify(subject, launched, edits)]
    if changed:
        yield Rewrite(edits.text(), f"restrict({', '.join(changed)})")


def _qualify(subject: Subject, launched: Launched, edits: Edits) -> bool:
    """Qualifies the pointers of one kernel; False if there is none to qualify, or if not all is known of them."""
    accesses = find_accesses(launched.kernel, launched.forms)
    if accesses is None or not subject.separate(launched):
        return False
    stored = {access.array for access in accesses if access.stores}
    plain = [
        pointer
        for pointer in launched.kernel.parameters
        if pointer.is_pointer and "__restrict__" not in text_of(pointer.statement)
    ]
    for pointer in plain:
        edits.insert(pointer.identifier.start_byte, "__restrict__ ")
        if pointer not in stored and "const" not in pointer.qualifiers and not _is_aliased(launched, pointer):
            edits.insert(pointer.statement.start_byte, "const ")
    return bool(plain)


def _is_aliased(launched: Launched, pointer: Declaration) -> bool:
    """Whether another pointer is made from it, which might not be const."""
    names = launched.kernel.names
    return any(
        names.declaration(use) is pointer
        for local in names.declarations
        if local.is_pointer and local.value is not None
        for use in of_type(local.value, "identifier")
    )
