"""One row per thread, walked through in a loop -> one element per thread, in a two-dimensional grid.

Found: a guarded kernel whose threads have an index along x each, and do nothing but declare constants and run loops
over one common range, whose iterations are independent of each other and leave nothing behind for later code.
Written: the loops' counter becomes the index along the other axis of the grid, guarded by the loops' bound; along x
lie the elements that make neighbouring threads load neighbours. tile_transpose and tile_product go on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses, spacing
from kernelevo.proposers.rules.effects import has_barrier, only_harmless_calls
from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.launches import LaunchText, covered_items, multiplied, replace_launch
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.parallel_loops import ParallelLoop, outer_writes, parallel_loop, stays_private
from kernelevo.proposers.rules.subject import WARP, Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import (
    Edits,
    child_of,
    indentation,
    inside,
    line_start,
    of_type,
    reindented,
    text_of,
)
from kernelevo.proposers.rules.thread_index import BUILT_IN, Guard, find_guard, global_index, uses_elsewhere

_OWN = (*(f"{name}.x" for name in BUILT_IN), "threadIdx.y", "threadIdx.z", "blockDim.y", "blockDim.z")
MAX_BLOCKS_ALONG_Y = 65535
"""Of a grid: https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications"""


@dataclass(frozen=True, eq=False)
class _Plane:
    """What was found: the threads' index, the guard, the loops, and the plan's expression of the loops' bound."""

    row: Declaration
    guard: Guard
    loops: tuple[ParallelLoop, ...]
    extent: str

    @property
    def bound(self) -> Node:
        return self.loops[0].loop.bound

    @property
    def start(self) -> str:
        return text_of(self.loops[0].loop.start)


def spread_loop(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`block`: threads of a block where the plan's block is not made of whole warps."""
    for launched in subject.launched():
        plane = _find(subject, launched)
        if plane is None:
            continue
        for block in [None] if subject.whole_warps(launched.line) else list(parameters["block"]):
            line = _launch(launched, plane, launched.line.block[0].text if block is None else str(block))
            blocks = subject.largest(line.grid[1])
            if blocks is None or blocks > MAX_BLOCKS_ALONG_Y:
                continue
            note = "" if block is None else f", block={block}"
            yield Rewrite(_spread(subject, launched, plane, line), f"spread_loop({launched.kernel.name}{note})")


def _find(subject: Subject, launched: Launched) -> _Plane | None:
    kernel, line = launched.kernel, launched.line
    row, guard, accesses = global_index(launched, "x"), find_guard(kernel), find_accesses(kernel, launched.forms)
    if row is None or guard is None or accesses is None or guard.bound_of(kernel, row) is None:
        return None
    if not launched.is_flat or line.shared.text != "0" or not subject.separate(launched):
        return None
    if "1" not in (line.grid[1].text, line.grid[2].text) or uses_elsewhere(kernel, (row.statement,), _OWN):
        return None
    if row.statement not in guard.opening or has_barrier(kernel.body):
        return None
    loops = _loops(subject, launched, guard, accesses)
    extent = _extent(launched, guard, loops) if loops else None
    private = extent is not None and stays_private(kernel, accesses, loops, launched.forms)
    return _Plane(row, guard, tuple(loops), extent) if private and extent is not None else None


def _loops(subject: Subject, launched: Launched, guard: Guard, accesses: list[Access]) -> list[ParallelLoop]:
    """The guarded loops; none if anything but they and declarations of constants is in the kernel."""
    kernel, functions = launched.kernel, dict(subject.functions)
    nodes = [statement for statement in guard.body if statement.type != "declaration"]
    found = [parallel_loop(kernel, launched.forms, node, accesses, functions) for node in nodes]
    loops = [parallel for parallel in found if parallel is not None and _ends_with_itself(kernel, parallel)]
    outside = [local for local in kernel.names.declarations if not _within(local.identifier, nodes)]
    fixed = all(kernel.names.is_constant(local) and not local.is_shared for local in outside if not local.is_pointer)
    calm = only_harmless_calls(kernel.body, subject.functions, atomics=True)
    inner = all(_within(access.node, nodes) for access in accesses if access.stores)
    return loops if len(loops) == len(nodes) and fixed and calm and inner else []


def _ends_with_itself(kernel: Kernel, parallel: ParallelLoop) -> bool:
    """Whether an iteration leaves nothing behind but what it stores, and no directive but an unrolling stands above."""
    node = parallel.loop.node
    above = node.prev_sibling
    directed = above is not None and above.type == "preproc_call" and "unroll" not in text_of(above)
    return not parallel.reductions and not outer_writes(kernel, node) and not directed


def _extent(launched: Launched, guard: Guard, loops: list[ParallelLoop]) -> str | None:
    """The loops' common bound for the plan; None if they have none, or if it may be nothing (as `n - 1` may)."""
    forms, names = launched.forms, launched.kernel.names
    ranges = {(str(forms.of(one.loop.start)), str(forms.of(one.loop.bound))) for one in loops}
    first = loops[0].loop
    start, bound = forms.of(first.start).value, forms.of(first.bound)
    steps = [one.loop.step_form(forms).value for one in loops]
    if len(ranges) != 1 or set(steps) != {1} or start is None or start < 0:
        return None
    used = [names.declaration(use) for use in of_type(first.bound, "identifier")]
    known = all(found is None or found.is_parameter or found.statement in guard.opening for found in used)
    positive = bool(bound.terms) and all(coefficient > 0 for coefficient in bound.terms.values())
    return launched.in_plan(bound) if known and positive else None


def _counter_lies_along_x(plane: _Plane) -> bool:
    """Whether more loads (where that is even, stores) have neighbours along the loops than along the rows."""
    votes = [0, 0]
    for parallel in plane.loops:
        for access in parallel.accesses:
            along = access.index.coefficient(parallel.loop.counter.name)
            by_loop = along is not None and along.value in (1, -1)
            votes[access.stores] += by_loop - (spacing(access, "x") == "next")
    return (votes[0] or votes[1]) > 0


def _launch(launched: Launched, plane: _Plane, block: str) -> LaunchText:
    """A block of a warp along x and the rest of the block along y; what the grid had along y moves to z."""
    before = LaunchText.of(launched.line)
    covered = covered_items(before.grid[0], before.block[0])
    rows = covered if covered is not None else multiplied(before.grid[0], before.block[0])
    height = str(int(block) // WARP) if block.isdigit() else f"{block} / {WARP}"
    x, y = (plane.extent, rows) if _counter_lies_along_x(plane) else (rows, plane.extent)
    z = before.grid[2] if before.grid[1] == "1" else before.grid[1]
    along_y = y if height == "1" else f"ceildiv({y}, {height})"
    return replace(before, grid=(f"ceildiv({x}, {WARP})", along_y, z), block=(str(WARP), height, "1"))


def _spread(subject: Subject, launched: Launched, plane: _Plane, line: LaunchText) -> str:
    """The rewritten text."""
    kernel, edits = launched.kernel, subject.edits()
    replace_launch(edits, launched.line, line)
    if launched.line.grid[1].text != "1":
        _move_to_z(kernel, edits)
    name = _index_name(subject, kernel, plane)
    _declare_index(plane, edits, name)
    _extend_guard(plane, edits, name)
    for parallel in plane.loops:
        above = parallel.loop.node.prev_sibling
        if above is not None and above.type == "preproc_call":
            edits.span(*(line_start(edits.data, node.start_byte) for node in (above, parallel.loop.node)), "")
        edits.replace(parallel.loop.node, _element(kernel, parallel, edits, name))
    return edits.text()


def _move_to_z(kernel: Kernel, edits: Edits) -> None:
    for node in of_type(kernel.body, "field_expression"):
        if text_of(node) in ("blockIdx.y", "gridDim.y"):
            edits.replace(child_of(node, "field"), "z")


def _index_name(subject: Subject, kernel: Kernel, plane: _Plane) -> str:
    """The counter's name, if the kernel gives it to nothing but the loops' counters."""
    counters = [parallel.loop.counter for parallel in plane.loops]
    name = counters[0].name
    taken = any(local.name == name for local in kernel.names.declarations if local not in counters)
    return subject.fresh(name) if taken else name


def _declare_index(plane: _Plane, edits: Edits, name: str) -> None:
    along = {axis: f"blockIdx.{axis} * blockDim.{axis} + threadIdx.{axis}" for axis in "xy"}
    counter, row = ("x", "y") if _counter_lies_along_x(plane) else ("y", "x")
    if plane.row.value is None:
        raise ValueError("a thread index without a value")
    if row == "y":
        edits.replace(plane.row.value, along[row])
    first = plane.loops[0].loop.counter
    constant = "const " if "const" in plane.row.qualifiers else ""
    offset = "" if plane.start == "0" else f"{plane.start} + "
    place = plane.row.statement
    text = f"{constant}{first.type} {name} = {offset}{along[counter]};"
    edits.insert(place.end_byte, f"\n{indentation(place)}{text}")


def _extend_guard(plane: _Plane, edits: Edits, name: str) -> None:
    condition = child_of(child_of(plane.guard.node, "condition"), "value")
    holds = inside(plane.loops[0].loop.node, plane.guard.node)
    joined, compared = ("&&", "<") if holds else ("||", ">=")
    edits.insert(condition.end_byte, f" {joined} {name} {compared} {text_of(plane.bound)}")


def _element(kernel: Kernel, parallel: ParallelLoop, edits: Edits, name: str) -> str:
    """The loop's body for one value of the counter; in braces where a name of it would meet its like outside."""
    loop, pad = parallel.loop, indentation(parallel.loop.node)
    body = loop.body
    changed = Edits(edits.data, [change for change in edits.changes if _covers(body, change)])
    for use in kernel.names.uses(loop.counter):
        if inside(use, body) and name != loop.counter.name:
            changed.replace(use, name)
    edits.changes = [change for change in edits.changes if not _covers(body, change)]
    own = {local.name for local in kernel.names.declarations if local.statement.parent == body}
    other = {local.name for local in kernel.names.declarations if local.statement.parent != body}
    if body.type != "compound_statement" or own & other:
        text = changed.of(body)
        opening, _, rest = text.partition("\n")
        return opening if not rest else f"{opening}\n{reindented(rest, pad + _inner(rest, body))}"
    beside, _, rest = changed.within(body.start_byte + 1, body.end_byte - 1).partition("\n")
    lines = [pad + beside.strip()] if beside.strip() else []
    return "\n".join([*lines, *([reindented(rest.rstrip(), pad)] if rest.strip() else [])]).lstrip()


def _inner(rest: str, body: Node) -> str:
    """How much deeper than the loop the least indented of the lines is."""
    widths = [len(line) - len(line.lstrip()) for line in rest.split("\n") if line.strip()]
    return " " * max(0, min(widths) - len(indentation(body)))


def _covers(node: Node, change: tuple[int, int, str]) -> bool:
    return node.start_byte <= change[0] and change[1] <= node.end_byte


def _within(node: Node, nodes: list[Node]) -> bool:
    return any(inside(node, outer) for outer in nodes)
