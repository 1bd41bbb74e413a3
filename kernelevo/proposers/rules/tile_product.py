"""Products of rows and columns -> tiles of both in shared memory, several results for each thread.

Found: a kernel with an index along x and one along y, guarded, that sums in one loop over p the product of two
loads: one that depends on y and p and is of neighbours along p, one that depends on x and p and is of neighbours
along x. Each element is then loaded once for every result that it is part of. Written: blocks that load square tiles
of both into shared memory, use them for a square of results, and go on along p; a thread keeps several results that
share a column, so that one load from the column's tile serves all of them. What stands before and after the loop is
the kernel's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses, spacing
from kernelevo.proposers.rules.effects import has_barrier, leaves
from kernelevo.proposers.rules.lanes import indent_unit
from kernelevo.proposers.rules.launches import LaunchText, replace_launch
from kernelevo.proposers.rules.loops import CountedLoop, counted_loop
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.parallel_loops import outer_writes
from kernelevo.proposers.rules.reductions import SUM, identity_text, reduction
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import (
    Edits,
    arguments,
    bare,
    callee,
    child_of,
    indentation,
    inside,
    of_type,
    operator_of,
    reindented,
    statements_of,
    text_of,
)
from kernelevo.proposers.rules.thread_index import BUILT_IN, Guard, find_guard, global_index, uses_elsewhere

TILE = 32
_PARTS = (*(f"{name}.{axis}" for name in BUILT_IN for axis in "xy"), "threadIdx.z", "blockDim.z")


@dataclass(frozen=True, eq=False)
class _Product:
    """The kernel's indices and guard, the loop, its sum, the load that depends on y and the one that depends on x."""

    x: Declaration
    y: Declaration
    guard: Guard
    loop: CountedLoop
    total: Declaration
    across: Access
    along: Access


@dataclass(frozen=True)
class _Layout:
    """Results of one thread, the indentation, and the names in the new text: tiles, sums, and the new loops'
    counters.
    """

    results: int
    unit: str
    across: str
    along: str
    sums: str
    first: str
    result: str
    line: str

    @property
    def rows(self) -> int:
        """Threads of a block along y."""
        return TILE // self.results

    @property
    def each_result(self) -> str:
        return f"for (int {self.result} = 0; {self.result} < {self.results}; {self.result}++) {{"

    @property
    def own_line(self) -> str:
        """The line of the tile in which the result is."""
        return f"threadIdx.y + {self.result} * {self.rows}"


def tile_product(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`results`: of one thread, all in one column."""
    for launched in subject.launched():
        product = _find(subject, launched)
        if product is None:
            continue
        bounds = [product.guard.bound_of(launched.kernel, index) for index in (product.x, product.y)]
        extents = [launched.in_plan(launched.forms.of(bound)) for bound in bounds if bound is not None]
        for results in parameters["results"] if None not in extents else ():
            line = LaunchText.of(launched.line)
            grid = (f"ceildiv({extents[0]}, {TILE})", f"ceildiv({extents[1]}, {TILE})", line.grid[2])
            edits = subject.edits()
            replace_launch(edits, launched.line, replace(line, grid=grid, block=(str(TILE), str(TILE // results), "1")))
            _tile(subject, launched, product, results, edits)
            yield Rewrite(edits.text(), f"tile_product({launched.kernel.name}, results={results})")


def _find(subject: Subject, launched: Launched) -> _Product | None:
    kernel, line = launched.kernel, launched.line
    x, y, guard = global_index(launched, "x"), global_index(launched, "y"), find_guard(kernel)
    accesses = find_accesses(kernel, launched.forms)
    plain = line.block[2].text == "1" and not line.cooperative and line.cluster is None and line.shared.text == "0"
    if x is None or y is None or guard is None or accesses is None or not plain or not subject.separate(launched):
        return None
    bounds = [guard.bound_of(kernel, index) for index in (x, y)]
    if None in bounds or len(guard.pairs) != 2 or has_barrier(kernel.body):
        return None
    if uses_elsewhere(kernel, (x.statement, y.statement), _PARTS) or not _apart(launched, x, y, guard):
        return None
    loops = [statement for statement in guard.body if statement.type == "for_statement"]
    loop = counted_loop(kernel, loops[0]) if len(loops) == 1 else None
    if loop is None or leaves(loop.node) or launched.forms.of(loop.start).value != 0 or loop.step is not None:
        return None
    return _operands(launched, _Product(x, y, guard, loop, x, accesses[0], accesses[0]), accesses)


def _apart(launched: Launched, x: Declaration, y: Declaration, guard: Guard) -> bool:
    """Whether the indices are all that is declared before the guard, and only one loop stands among straight lines."""
    names = launched.kernel.names
    beside = [local for local in names.declarations if local.statement in guard.opening]
    straight = all(
        statement.type in ("declaration", "expression_statement", "for_statement") for statement in guard.body
    )
    return (
        {local.name for local in beside} == {x.name, y.name}
        and straight
        and not any(
            local.is_shared or local.is_array or local.is_pointer
            for local in names.declarations
            if not local.is_parameter
        )
    )


def _operands(launched: Launched, product: _Product, accesses: list[Access]) -> _Product | None:
    """The product with its sum and loads, if the loop's body is just `sum += load * load`."""
    kernel, loop = launched.kernel, product.loop
    written, steps = outer_writes(kernel, loop.node), statements_of(loop.body)
    inner = [access for access in accesses if access.within(loop.node)]
    if len(written) != 1 or len(steps) != 1 or steps[0].type != "expression_statement" or len(inner) != 2:
        return None
    total = reduction(kernel, written[0], loop.node)
    counter, stored = loop.counter.name, {access.array for access in accesses if access.stores}
    if total is None or total.operator is not SUM or any(access.array in stored for access in inner):
        return None
    if not _multiplies(steps[0], [access.node for access in inner]) or "-=" in text_of(steps[0]):
        return None
    if total.variable.statement not in product.guard.body or identity_text(SUM, total.variable.type) is None:
        return None
    for across, along in (inner, reversed(inner)):
        steps_p = across.index.coefficient(counter)
        fits = (spacing(across, "x"), spacing(along, "x"), spacing(along, "y")) == ("same", "next", "same")
        apart = not across.index.mentions("blockIdx.x") and not along.index.mentions("blockIdx.y")
        if (
            fits
            and apart
            and steps_p is not None
            and steps_p.value == 1
            and _types_agree(across, along, total.variable)
        ):
            return replace(product, total=total.variable, across=across, along=along)
    return None


def _types_agree(across: Access, along: Access, total: Declaration) -> bool:
    return across.array.type == along.array.type == total.type


def _multiplies(step: Node, loads: list[Node]) -> bool:
    """Whether the step adds the product of exactly these two loads."""
    for node in of_type(step, "binary_expression", "call_expression"):
        if node.type == "call_expression":
            factors = arguments(node)[:2] if callee(node) in ("fma", "fmaf", "__fmaf_rn") else []
        else:
            factors = [child_of(node, "left"), child_of(node, "right")] if operator_of(node) == "*" else []
        if factors and {bare(factor).start_byte for factor in factors} == {load.start_byte for load in loads}:
            return all(any(bare(factor) == load for load in loads) for factor in factors)
    return False


def _layout(subject: Subject, launched: Launched, product: _Product, results: int) -> _Layout:
    tiles = [f"{access.array.name}_tile" for access in (product.across, product.along)]
    if tiles[0] == tiles[1]:
        tiles[1] += "2"
    wanted = (*tiles, f"{product.total.name}s", "first", "result", "line")
    return _Layout(results, indent_unit(launched.kernel), *map(subject.fresh, wanted))


def _tile(subject: Subject, launched: Launched, product: _Product, results: int, edits: Edits) -> None:
    """Replaces everything from the guard on by the tiles' loop and what the kernel does with its sums."""
    kernel, guard = launched.kernel, product.guard
    layout = _layout(subject, launched, product, results)
    kind = product.total.type
    lines = [
        *(f"__shared__ alignas(16) {kind} {name}[{TILE}][{TILE}];" for name in (layout.across, layout.along)),
        f"{product.x.type} {product.x.name} = blockIdx.x * {TILE} + threadIdx.x;",
        f"{kind} {layout.sums}[{results}] = {{}};",
        *_loop_over_tiles(launched, product, layout),
        *_with_sums(product, layout, edits),
    ]
    for statement in dict.fromkeys([product.x.statement, product.y.statement]):
        edits.remove_line(statement)
    holds = inside(guard.body[0], guard.node)
    end = guard.node.end_byte if holds else kernel.body.end_byte - 1
    text = reindented("\n".join(lines), indentation(guard.node)).lstrip() + ("" if holds else "\n")
    edits.span(guard.node.start_byte, end, text)


def _loop_over_tiles(launched: Launched, product: _Product, layout: _Layout) -> list[str]:
    """The loop along p: load both tiles, meet, add up their product, meet."""
    counted, unit = product.loop, layout.unit
    bound, p, kind = text_of(counted.bound), counted.counter.name, counted.counter.type
    adding = (
        f"{layout.sums}[{layout.result}] += {layout.across}[{layout.own_line}][{p}] * {layout.along}[{p}][threadIdx.x];"
    )
    body = [
        "#pragma unroll", layout.each_result, *(unit + line for line in _loads(launched, product, layout)), "}",
        "__syncthreads();",
        "#pragma unroll 8", f"for (int {p} = 0; {p} < {TILE}; {p}++) {{",
        f"{unit}#pragma unroll", unit + layout.each_result, unit * 2 + adding, f"{unit}}}", "}",
        "__syncthreads();",
    ]  # fmt: skip
    header = f"for ({kind} {layout.first} = 0; {layout.first} < {bound}; {layout.first} += {TILE}) {{"
    return [header, *(unit + text for text in body), "}"]


def _loads(launched: Launched, product: _Product, layout: _Layout) -> list[str]:
    """Loads one element of each tile, or zero where the matrix ends."""
    x, y, counted, unit = product.x, product.y, product.loop, layout.unit
    limits = [product.guard.bound_of(launched.kernel, index) for index in (x, y)]
    x_limit, y_limit = (text_of(limit) for limit in limits if limit is not None)
    bound, p, kind = text_of(counted.bound), counted.counter.name, counted.counter.type
    zero = identity_text(SUM, product.total.type)
    return [
        f"const int {layout.line} = {layout.own_line};",
        "{",
        f"{unit}const {y.type} {y.name} = blockIdx.y * {TILE} + {layout.line};",
        f"{unit}const {kind} {p} = {layout.first} + threadIdx.x;",
        f"{unit}{layout.across}[{layout.line}][threadIdx.x] = {y.name} < {y_limit} && {p} < {bound} ? "
        f"{text_of(product.across.node)} : {zero};",
        "}",
        "{",
        f"{unit}const {kind} {p} = {layout.first} + {layout.line};",
        f"{unit}{layout.along}[{layout.line}][threadIdx.x] = {x.name} < {x_limit} && {p} < {bound} ? "
        f"{text_of(product.along.node)} : {zero};",
        "}",
    ]


def _with_sums(product: _Product, layout: _Layout, edits: Edits) -> list[str]:
    """What the kernel does before and after its loop, for each result of the thread."""
    own, unit = Edits(edits.data), layout.unit
    own.replace(product.loop.node, f"{product.total.name} += {layout.sums}[{layout.result}];")
    condition = " && ".join(f"{text_of(index)} < {text_of(bound)}" for index, bound in product.guard.pairs)
    work = [reindented(own.of(statement), unit * 2) for statement in product.guard.body]
    return [
        "#pragma unroll",
        layout.each_result,
        f"{unit}{product.y.type} {product.y.name} = blockIdx.y * {TILE} + {layout.own_line};",
        f"{unit}if ({condition}) {{",
        *work,
        f"{unit}}}",
        "}",
    ]
