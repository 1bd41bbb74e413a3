"""A row that is read in every pass -> read once and kept in registers.

Found: two or more strided loops (strided_loops.py), one after the other, over the same counts, that load the same
elements of an array which the kernel only reads. Written, as a guarded copy of the kernel: the loops count a
thread's portions instead, of which there is a fixed number, so that the first loop's loads stay in registers for the
others. The guard bounds the length of the row; the old kernel does longer ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses
from kernelevo.proposers.rules.lanes import indent_unit
from kernelevo.proposers.rules.parallel_loops import COUNTER, steady
from kernelevo.proposers.rules.strided_loops import StridedLoop, strided_loops
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import indentation, reindented, text_of
from kernelevo.proposers.rules.vector_loads import always, body_text, guarded_copy

_VECTOR_NAMES = {"float": "float", "int": "int", "unsigned": "uint", "double": "double"}


@dataclass(frozen=True, eq=False)
class _Kept:
    """The loads of the same elements, by several loops, and the name of the array that keeps them."""

    name: str
    accesses: list[Access]


def keep_row(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`registers`: elements of a row that one thread may keep."""
    for launched in subject.launched():
        accesses = find_accesses(launched.kernel, launched.forms)
        if accesses is None or not subject.separate(launched):
            continue
        for loops in _passes(launched, strided_loops(subject, launched, accesses)):
            stored = {access.array for access in accesses if access.stores}
            again = _loaded_again(launched, loops, stored)
            for registers in parameters["registers"] if again else ():
                yield from _rewritten(subject, launched, loops, again, registers)


def _passes(launched: Launched, loops: list[StridedLoop]) -> Iterator[list[StridedLoop]]:
    """The loops in groups with the same parent, counts and portions."""
    groups: dict[tuple[object, ...], list[StridedLoop]] = {}
    for loop in loops:
        parent = loop.parallel.loop.node.parent
        bound = str(launched.forms.of(loop.parallel.loop.bound))
        if parent is not None and loop.members != "grid":
            groups.setdefault((parent.id, loop.members, loop.width, bound), []).append(loop)
    yield from (group for group in groups.values() if len(group) > 1)


def _loaded_again(launched: Launched, loops: list[StridedLoop], stored: set[object]) -> dict[str, list[Access]]:
    """The loads that more than one of the loops makes, by where they are; the first of each is made in every
    iteration.
    """
    places: dict[str, list[Access]] = {}
    for loop in loops:
        for access in loop.parallel.accesses:
            if access.array in stored or not steady(launched.kernel, access, loop.counter):
                continue
            place = f"{access.array.name}[{access.index.renamed(loop.counter, COUNTER)}]:{access.width}"
            if access.index.mentions(loop.counter):
                places.setdefault(place, []).append(access)
    return {
        place: found
        for place, found in places.items()
        if len({_loop_of(access, loops) for access in found}) > 1
        and always(found[0], _loop_of(found[0], loops).parallel.loop.node)
        and found[0].array.type in _VECTOR_NAMES
    }


def _loop_of(access: Access, loops: list[StridedLoop]) -> StridedLoop:
    return next(loop for loop in loops if access in loop.parallel.accesses)


def _rewritten(
    subject: Subject, launched: Launched, loops: list[StridedLoop], again: Mapping[str, list[Access]], registers: int
) -> Iterator[Rewrite]:
    counted = loops[0].parallel.loop
    bound = launched.in_plan(launched.forms.of(counted.bound))
    step = launched.in_plan(counted.step_form(launched.forms))
    if bound is None or step is None:
        return
    portions = subject.largest(f"ceildiv({bound}, {step})")
    if portions is None or portions * loops[0].width * len(again) > registers:
        return
    kept = _kept(subject, again)
    used = [loop for loop in loops if any(access in loop.parallel.accesses for one in kept for access in one.accesses)]
    first = used[0].parallel.loop.node
    pad = indentation(first)
    comment = f"// A thread's portions of the row, of which there are at most {portions}."
    declared = [comment, *(f"{_type(one.accesses[0])} {one.name}[{portions}];" for one in kept)]
    edits = subject.edits()
    for loop in used:
        lines = declared if loop is used[0] else []
        text = _counting_portions(subject, launched, loop, kept, portions)
        edits.replace(loop.parallel.loop.node, reindented("\n".join([*lines, text]), pad).lstrip())
    name = subject.fresh(f"{launched.kernel.name}_kept")
    longest = f"{portions * int(step)}" if step.isdigit() else f"{step} * {portions}"
    text = guarded_copy(subject, launched, edits, name, f"{bound} <= {longest}")
    yield Rewrite(text, f"keep_row({launched.kernel.name}, portions={portions})")


def _kept(subject: Subject, again: Mapping[str, list[Access]]) -> list[_Kept]:
    """A name for what is kept of each place."""
    found: list[_Kept] = []
    for accesses in again.values():
        label = f"{accesses[0].array.name}_kept"
        count = sum(one.name.startswith(label) for one in found)
        found.append(_Kept(subject.fresh(f"{label}{count + 1}" if count else label), accesses))
    return found


def _type(access: Access) -> str:
    kind = access.array.type
    return kind if access.width == 1 else f"{_VECTOR_NAMES[kind]}{access.width}"


def _counting_portions(
    subject: Subject, launched: Launched, loop: StridedLoop, kept: list[_Kept], portions: int
) -> str:
    """The loop as one over the thread's portions, with what is kept in place of its loads."""
    counted, unit, portion = loop.parallel.loop, indent_unit(launched.kernel), subject.fresh("portion")
    inner, opening = subject.edits(), []
    for one in kept:
        own = [access for access in one.accesses if access in loop.parallel.accesses]
        for access in own:
            inner.replace(access.node, f"{one.name}[{portion}]")
        if own and own[0] is one.accesses[0]:
            opening.append(f"{one.name}[{portion}] = {text_of(own[0].node)};")
    work = "\n".join([*opening, reindented(body_text(inner, counted.body), "")])
    step = "1" if counted.step is None else text_of(counted.step)
    count = f"{text_of(counted.start)} + {portion} * {step if _is_factor(counted.step) else f'({step})'}"
    lines = [
        f"for (int {portion} = 0; {portion} < {portions}; {portion}++) {{",
        f"{unit}const {counted.counter.type} {loop.counter} = {count};",
        f"{unit}if ({text_of(counted.condition)}) {{",
        reindented(work, unit * 2),
        f"{unit}}}",
        "}",
    ]
    return "\n".join(lines if _unrolled_before(counted.node) else ["#pragma unroll", *lines])


def _is_factor(step: Node | None) -> bool:
    return step is None or step.type in ("identifier", "number_literal", "field_expression", "parenthesized_expression")


def _unrolled_before(node: Node) -> bool:
    return node.prev_sibling is not None and node.prev_sibling.type == "preproc_call"
