"""One atomic per thread on the same address -> one atomic per block.

Found: a kernel with one item per thread (grid_stride.py) whose atomics, their results unused, go to addresses that
do not depend on the thread. All of them then queue up at a few words. Written: each thread adds up its items of a
grid-stride loop in a variable, the block combines these by shuffles and shared memory, and one thread makes the
atomic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access
from kernelevo.proposers.rules.grid_stride import Items, find_items, limit_grid, loop_over_items
from kernelevo.proposers.rules.lanes import Combiner, add_combiners
from kernelevo.proposers.rules.parallel_loops import result_is_used
from kernelevo.proposers.rules.reductions import MAXIMUM, MINIMUM, SUM, TYPES, Operator, identity_text
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import arguments, callee, inside, of_type, text_of

_OPERATORS = {"atomicAdd": SUM, "atomicMax": MAXIMUM, "atomicMin": MINIMUM}
# The least and the greatest value, from which a maximum and a minimum start.
_EXTREMES = {
    ("max", "int"): "-2147483647 - 1",
    ("min", "int"): "2147483647",
    ("max", "unsigned"): "0u",
    ("min", "unsigned"): "0xffffffffu",
}


@dataclass(frozen=True, eq=False)
class _Part:
    """One atomic and the variable that gathers a thread's share of it."""

    access: Access
    operator: Operator
    type: str
    variable: str
    start: str


def atomic_reduce(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`waves`: blocks for each multiprocessor."""
    for launched in subject.launched():
        items = find_items(subject, launched)
        if items is None or not subject.separate(launched) or not subject.whole_warps(launched.line):
            continue
        parts = _parts(subject, launched, items)
        for waves in parameters["waves"] if parts else ():
            edits = subject.edits()
            for part in parts:
                edits.replace(part.access.node, _gathered(part))
            before = [f"{part.type} {part.variable} = {part.start};" for part in parts]
            loop_over_items(launched, items, edits, before, [line for part in parts for line in _finish(part)])
            limit_grid(launched, edits, waves)
            combiners = [Combiner("block", part.operator, part.type) for part in parts]
            if add_combiners(edits, launched.kernel, combiners):
                yield Rewrite(edits.text(), f"atomic_reduce({launched.kernel.name}, waves={waves})")


def _parts(subject: Subject, launched: Launched, items: Items) -> list[_Part]:
    """All atomics of the kernel, if each can be gathered; an array with atomics must not be accessed otherwise."""
    atomics = [access for access in items.accesses if access.atomic]
    arrays = {access.array for access in atomics}
    if any(access.array in arrays and not access.atomic for access in items.accesses):
        return []
    parts: list[_Part] = []
    for access in atomics:
        operator = _OPERATORS.get(callee(access.node))
        kind = access.array.type
        if operator is None or result_is_used(access) or not _same_for_all(launched, items, access):
            return []
        start = identity_text(operator, kind) or _EXTREMES.get((operator.name, kind))
        if (
            kind not in TYPES
            or start is None
            or not any(inside(access.node, statement) for statement in items.guard.body)
        ):
            return []
        number = "" if len(atomics) == 1 else str(len(parts) + 1)
        word = {"sum": "total", "max": "largest", "min": "smallest"}[operator.name]
        parts.append(_Part(access, operator, kind, subject.fresh(word + number), start))
    return parts


def _same_for_all(launched: Launched, items: Items, access: Access) -> bool:
    """Whether the atomic's address is the same for every thread of a block, and can be written outside the loop."""
    names = launched.kernel.names
    target = arguments(access.node)[0]
    if "[" in str(access.index) or any(access.index.mentions(f"{name}.x") for name in ("threadIdx", "blockIdx")):
        return False
    for use in of_type(target, "identifier"):
        found = names.declaration(use)
        if found is not None and not found.is_parameter and not _early(items, found.statement):
            return False
        if found is not None and not names.is_constant(found):
            return False
    return True


def _early(items: Items, statement: Node) -> bool:
    """Whether the declaration stands before the index, hence stays outside the loop."""
    return statement.end_byte <= items.index.statement.start_byte


def _gathered(part: _Part) -> str:
    value = text_of(arguments(part.access.node)[1])
    if part.operator is SUM:
        return f"{part.variable} += {value}"
    return f"{part.variable} = {part.operator.join(part.variable, value, part.type)}"


def _finish(part: _Part) -> list[str]:
    call, target = callee(part.access.node), text_of(arguments(part.access.node)[0])
    return [
        f"{part.variable} = block_{part.operator.name}({part.variable});",
        f"if (threadIdx.x == 0) {call}({target}, {part.variable});",
    ]
