"""Loops whose iterations may be shared out among the threads of a group, in any order, without changing the result.

An iteration may write locals of its own, reduce variables (reductions.py), update memory by atomics whose result is
not used, and store to elements that no other iteration touches. What one iteration stores, a later loop may load
only in the iteration with the same counter value, which the same thread then has.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access
from kernelevo.proposers.rules.effects import has_barrier, leaves, only_harmless_calls
from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.loops import CountedLoop, counted_loop
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.polynomials import Forms
from kernelevo.proposers.rules.reductions import Reduction, reduction
from kernelevo.proposers.rules.syntax import inside, of_type

COUNTER = "@"
"""The atom that stands for any loop's counter when accesses of different loops are compared."""


@dataclass(frozen=True, eq=False)
class ParallelLoop:
    """A counted loop with independent iterations, what it reduces, and its accesses."""

    loop: CountedLoop
    reductions: tuple[Reduction, ...]
    accesses: tuple[Access, ...]


def parallel_loop(
    kernel: Kernel, forms: Forms, node: Node, accesses: list[Access], functions: dict[str, list[Node]]
) -> ParallelLoop | None:
    """The loop with what it does, if its iterations are independent; other loops are not looked at (see
    `stays_private`).
    """
    loop = counted_loop(kernel, node)
    if loop is None or leaves(node) or has_barrier(node) or not only_harmless_calls(node, functions, atomics=True):
        return None
    reduced = _reduced(kernel, loop)
    own = tuple(access for access in accesses if access.within(loop.body))
    if reduced is None or any(access.within(node) and access not in own for access in accesses):
        return None
    step = loop.step_form(forms).value
    if any(access.width > (step or access.width) for access in own):
        return None
    if not all(_distinct(kernel, access, loop) for access in own if access.stores):
        return None
    return ParallelLoop(loop, reduced, own)


def outer_writes(kernel: Kernel, node: Node) -> list[Declaration]:
    """The variables declared outside the node that it writes."""
    return [
        found
        for found in kernel.names.declarations
        if not inside(found.identifier, node) and any(inside(write, node) for write in kernel.names.writes(found))
    ]


def steady(kernel: Kernel, access: Access, counter: str) -> bool:
    """Whether the access's index depends on nothing that changes but the counter."""
    changing = {local.name for local in kernel.names.declarations if not kernel.names.is_constant(local)} - {counter}
    return "[" not in str(access.index) and not any(access.index.mentions(name) for name in changing)


def stays_private(kernel: Kernel, accesses: list[Access], loops: list[ParallelLoop], forms: Forms) -> bool:
    """Whether every element that a loop stores is touched by no other thread.

    All accesses to an array that some loop stores to must be in loops with the same start and step, at the same
    index of the counter; an array that is stored to outside the loops must not be accessed otherwise at all.
    """
    for array in {access.array for access in accesses if access.stores and not access.atomic}:
        own = [access for access in accesses if access.array is array]
        if len(own) == 1:
            continue
        places = {_place(kernel, access, loops, forms) for access in own}
        if len(places) != 1 or None in places or any(access.atomic for access in own):
            return False
    return all(
        access.atomic
        for array in {access.array for access in accesses if access.atomic}
        for access in accesses
        if access.array is array
    )


def result_is_used(access: Access) -> bool:
    """Whether the value that an atomic gives back is used."""
    return access.node.parent is None or access.node.parent.type != "expression_statement"


def _reduced(kernel: Kernel, loop: CountedLoop) -> tuple[Reduction, ...] | None:
    found = [reduction(kernel, variable, loop.node) for variable in outer_writes(kernel, loop.node)]
    declared = [local for local in kernel.names.declarations if inside(local.identifier, loop.body)]
    if any(local.is_shared or "static" in local.qualifiers for local in declared):
        return None
    return None if any(one is None for one in found) else tuple(one for one in found if one is not None)


def _distinct(kernel: Kernel, access: Access, loop: CountedLoop) -> bool:
    """Whether different iterations store to different elements; an atomic may meet others if its result is not used."""
    if access.atomic:
        return not result_is_used(access)
    factor = access.index.coefficient(loop.counter.name)
    if factor is None or len(factor.terms) != 1:
        return False
    varying = {local.name for local in kernel.names.declarations if inside(local.identifier, loop.body)}
    varying |= {found.name for found in outer_writes(kernel, loop.node)}
    return not any(access.index.mentions(name) for name in varying) and "[" not in str(access.index)


def _place(kernel: Kernel, access: Access, loops: list[ParallelLoop], forms: Forms) -> tuple[str, str, str, int] | None:
    """Index, start and step of the access, the loop's counter made anonymous; None outside the loops."""
    for parallel in loops:
        counter = parallel.loop.counter.name
        if access in parallel.accesses and steady(kernel, access, counter):
            index = access.index.renamed(counter, COUNTER)
            return str(index), str(forms.of(parallel.loop.start)), str(parallel.loop.step_form(forms)), access.width
    return None


def loops_below(node: Node) -> list[Node]:
    """The loops within the node that are inside no other loop of it."""
    found: list[Node] = []
    for loop in of_type(node, "for_statement", "while_statement", "do_statement"):
        if not any(inside(loop, outer) for outer in found):
            found.append(loop)
    return found
