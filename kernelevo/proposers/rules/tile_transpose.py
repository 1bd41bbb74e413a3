"""Stages what would be scattered through a tile in shared memory, so that both sides of a copy are neighbours.

Found: a kernel with an index along x and one along y, guarded, that makes one store; the store is to neighbouring
elements along one axis, and the loads (or some of them) along the other. Written: blocks do square tiles in two
phases with a barrier between. In the one phase threads along x have neighbours in x, in the other neighbours in y;
the value between is kept in a tile with one column more than needed, so that its columns spread over the banks of
shared memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses, spacing
from kernelevo.proposers.rules.effects import has_barrier, only_harmless_calls
from kernelevo.proposers.rules.lanes import indent_unit
from kernelevo.proposers.rules.launches import LaunchText, replace_launch
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import (
    Edits,
    bare,
    child_of,
    indentation,
    inside,
    of_type,
    reindented,
    root_of,
    text_of,
)
from kernelevo.proposers.rules.thread_index import BUILT_IN, Guard, find_guard, global_index, uses_elsewhere
from kernelevo.proposers.rules.vector_loads import always

_PARTS = (*(f"{name}.{axis}" for name in BUILT_IN for axis in "xy"), "threadIdx.z", "blockDim.z")
TILE = 32


@dataclass(frozen=True, eq=False)
class _Copy:
    """A kernel that can be done by tiles: its indices, guard, the store, and what is staged (the stored value, or
    loads).
    """

    x: Declaration
    y: Declaration
    guard: Guard
    store: Access
    staged: tuple[Node, ...]
    types: tuple[str, ...]

    @property
    def stages_result(self) -> bool:
        return self.staged[0] == child_of(self.assignment, "right")

    @property
    def assignment(self) -> Node:
        if self.store.node.parent is None:
            raise ValueError("a store outside an assignment")
        return self.store.node.parent


def tile_transpose(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`rows`: threads of a block along y, where the plan does not tune them; each does 32 / rows rows of the tile."""
    for launched in subject.launched():
        copy = _find(subject, launched)
        for rows in _heights(subject, launched, parameters["rows"]) if copy is not None else ():
            if copy is not None:
                yield from _rewritten(subject, launched, copy, rows)


def _heights(subject: Subject, launched: Launched, rows: tuple[int, ...]) -> list[str]:
    """The threads of a block along y: those of the plan where blocks are as wide as a tile, and tuned along y."""
    width, height = launched.line.block[:2]
    tuned = bool(height.names) and height.names <= subject.plan.macros.keys()
    return [height.text] if width.text == str(TILE) and tuned else list(map(str, rows))


def _find(subject: Subject, launched: Launched) -> _Copy | None:
    kernel, line = launched.kernel, launched.line
    x, y, guard = global_index(launched, "x"), global_index(launched, "y"), find_guard(kernel)
    accesses = find_accesses(kernel, launched.forms)
    flat = line.block[2].text == "1" and not line.cooperative and line.cluster is None and line.shared.text == "0"
    if x is None or y is None or guard is None or accesses is None or not flat or not subject.separate(launched):
        return None
    pairs = [guard.bound_of(kernel, index) for index in (x, y)]
    beside = [local for local in kernel.names.declarations if local.statement in (x.statement, y.statement)]
    if len(beside) != 2 or None in pairs or len(guard.pairs) != 2 or has_barrier(kernel.body):
        return None
    if uses_elsewhere(kernel, (x.statement, y.statement), _PARTS) or not _plain(subject, launched, guard):
        return None
    stores = [access for access in accesses if access.stores]
    if len(stores) != 1 or stores[0].loads or stores[0].width != 1:
        return None
    if not any(stores[0].within(statement) for statement in guard.body):
        return None
    if any(access.array is stores[0].array for access in accesses if access is not stores[0]):
        return None
    return _staged(_Copy(x, y, guard, stores[0], (), ()), accesses)


def _plain(subject: Subject, launched: Launched, guard: Guard) -> bool:
    """Whether the kernel only declares, computes and stores: declarations before the guard, straight lines after it."""
    kernel = launched.kernel
    statements = [*guard.opening, *guard.body]
    straight = all(statement.type in ("declaration", "expression_statement") for statement in statements)
    shared = any(local.is_shared for local in kernel.names.declarations if not local.is_parameter)
    fixed = all(kernel.names.is_constant(local) for local in kernel.names.declarations)
    return straight and fixed and not shared and only_harmless_calls(kernel.body, subject.functions, atomics=False)


def _staged(copy: _Copy, accesses: list[Access]) -> _Copy | None:
    """The copy with what must be staged: the result, where only the store is scattered, or else the scattered loads."""
    parent = copy.store.node.parent
    if parent is None or parent.type != "assignment_expression" or parent.parent is None:
        return None
    if parent.parent.type != "expression_statement":
        return None
    across = [
        access
        for access in accesses
        if not access.stores and (spacing(access, "x"), spacing(access, "y")) == ("far", "next")
    ]
    along = [access for access in accesses if not access.stores and spacing(access, "x") == "next"]
    kind = (spacing(copy.store, "x"), spacing(copy.store, "y"))
    if kind == ("far", "next") and along and not across:
        return replace(copy, staged=(child_of(copy.assignment, "right"),), types=(copy.store.array.type,))
    if kind == ("next", "far") and across and all(always(access, _statement(access)) for access in across):
        return replace(
            copy, staged=tuple(access.node for access in across), types=tuple(access.array.type for access in across)
        )
    return None


def _statement(access: Access) -> Node:
    """The block of straight-line statements in which the access is made."""
    node = access.node
    while node.parent is not None and node.type not in ("declaration", "expression_statement"):
        node = node.parent
    return node.parent if node.parent is not None else node


def _rewritten(subject: Subject, launched: Launched, copy: _Copy, rows: str) -> Iterator[Rewrite]:
    bounds = [copy.guard.bound_of(launched.kernel, index) for index in (copy.x, copy.y)]
    extents = [launched.in_plan(launched.forms.of(bound)) for bound in bounds if bound is not None]
    needed = _needed(launched, copy.staged if not copy.stages_result else (copy.store.node,))
    loads = any(
        next(of_type(statement, "subscript_expression", "pointer_expression", "call_expression"), None)
        for statement in needed
    )
    if None in extents or loads:
        return
    line = LaunchText.of(launched.line)
    edits = subject.edits()
    grid = (f"ceildiv({extents[0]}, {TILE})", f"ceildiv({extents[1]}, {TILE})", line.grid[2])
    replace_launch(edits, launched.line, replace(line, grid=grid, block=(str(TILE), rows, "1")))
    _tile(subject, launched, copy, needed, rows, edits)
    yield Rewrite(edits.text(), f"tile_transpose({launched.kernel.name}, rows={rows})")


def _needed(launched: Launched, nodes: tuple[Node, ...]) -> list[Node]:
    """The declarations inside the kernel, in source order, that these expressions depend on; indices are not among
    them.
    """
    names, found, pending = launched.kernel.names, [], list(nodes)
    while pending:
        for use in of_type(pending.pop(), "identifier"):
            local = names.declaration(use)
            if local is not None and not local.is_parameter and local.statement not in found:
                found.append(local.statement)
                pending.append(local.statement)
    return sorted(found, key=lambda node: node.start_byte)


def _tile(subject: Subject, launched: Launched, copy: _Copy, needed: list[Node], rows: str, edits: Edits) -> None:
    """Replaces everything that depends on the indices by the two phases."""
    kernel, guard = launched.kernel, copy.guard
    indices = list(dict.fromkeys([copy.x.statement, copy.y.statement]))
    moved = [
        statement
        for statement in guard.opening
        if statement not in indices and any(index in _needed(launched, (statement,)) for index in indices)
    ]
    names = [f"tile{number}" if number else "tile" for number in range(len(copy.staged))]
    tiles, whole = [subject.fresh(name) for name in names], [*moved, *guard.body]
    early = [text_of(statement) for statement in needed if statement in whole]
    phases = _phases_of_result if copy.stages_result else _phases_of_loads
    first, second = phases(launched, copy, _Tiles(tiles, subject.fresh("step"), rows), early, whole)
    declared = [f"__shared__ {kind} {tile}[{TILE}][{TILE} + 1];" for kind, tile in zip(copy.types, tiles, strict=True)]
    declared[0] += "  // one more column, so that a column lies in different banks"
    for statement in [*indices, *moved]:
        edits.remove_line(statement)
    holds = inside(guard.body[0], guard.node)
    end = guard.node.end_byte if holds else kernel.body.end_byte - 1
    text = reindented("\n".join([*declared, first, "__syncthreads();", second]), indentation(guard.node)).lstrip()
    edits.span(guard.node.start_byte, end, text + ("" if holds else "\n"))


@dataclass(frozen=True)
class _Tiles:
    """Names in the new text: the tiles, and the counter of loops over their lines; `rows` are done at once."""

    names: list[str]
    step: str
    rows: str

    def at_item(self, number: int) -> str:
        """The element of a tile for a thread whose item lies at threadIdx.x along x."""
        return f"{self.names[number]}[{self.step}][threadIdx.x]"

    def at_exchanged_item(self, number: int) -> str:
        """The element of a tile for a thread whose item lies at threadIdx.x along y."""
        return f"{self.names[number]}[threadIdx.x][{self.step}]"


def _phases_of_result(
    launched: Launched, copy: _Copy, tiles: _Tiles, early: list[str], whole: list[Node]
) -> tuple[str, str]:
    """The kernel's work with the result put into the tile; then the store, by threads with neighbours in y."""
    put = f"{tiles.at_item(0)} = {text_of(bare(copy.staged[0]))}"
    work = [_with(launched, statement, {copy.assignment: put}) for statement in whole]
    store = f"{text_of(copy.store.node)} = {tiles.at_exchanged_item(0)};"
    return (
        _phase(launched, copy, ("threadIdx.x", tiles.step), tiles.rows, work),
        _phase(launched, copy, (tiles.step, "threadIdx.x"), tiles.rows, [*early, store]),
    )


def _phases_of_loads(
    launched: Launched, copy: _Copy, tiles: _Tiles, early: list[str], whole: list[Node]
) -> tuple[str, str]:
    """The scattered loads, by threads with neighbours in y; then the kernel's work with what the tiles hold."""
    puts = [f"{tiles.at_exchanged_item(number)} = {text_of(node)};" for number, node in enumerate(copy.staged)]
    taken = {node: tiles.at_item(number) for number, node in enumerate(copy.staged)}
    return (
        _phase(launched, copy, (tiles.step, "threadIdx.x"), tiles.rows, [*early, *puts]),
        _phase(launched, copy, ("threadIdx.x", tiles.step), tiles.rows, [_with(launched, one, taken) for one in whole]),
    )


def _with(launched: Launched, statement: Node, replaced: Mapping[Node, str]) -> str:
    """The statement's text with these parts of it replaced."""
    changed = Edits(text_of(root_of(launched.kernel.node)).encode())
    for node, text in replaced.items():
        changed.replace(node, text)
    return changed.of(statement)


def _phase(launched: Launched, copy: _Copy, places: tuple[str, str], rows: str, work: list[str]) -> str:
    """One phase: a loop over the tile in which the item of a thread along x and y is at these places of the tile."""
    unit = indent_unit(launched.kernel)
    x, y = places
    step = y if x == "threadIdx.x" else x
    condition = " && ".join(f"{text_of(index)} < {text_of(bound)}" for index, bound in copy.guard.pairs)
    lines = [
        f"for (int {step} = threadIdx.y; {step} < {TILE}; {step} += {rows}) {{",
        f"{unit}{copy.x.type} {copy.x.name} = blockIdx.x * {TILE} + {x};",
        f"{unit}{copy.y.type} {copy.y.name} = blockIdx.y * {TILE} + {y};",
        f"{unit}if ({condition}) {{",
        *(reindented(text, unit * 2) for text in work),
        f"{unit}}}",
        "}",
    ]
    return "\n".join(lines)
