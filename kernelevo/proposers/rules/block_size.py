"""Makes the number of threads of a block a choice.

`block_size` turns a literal block size, or a macro with one value, into a macro with a `tune` line. `block_shape`
gives a two-dimensional block another shape. Both only where the kernel works with any size: each thread's work
depends on nothing but its guarded index, and the plan's grid covers the items whatever the block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tree_sitter import Node

from kernelevo.proposers.rules.effects import has_barrier
from kernelevo.proposers.rules.launches import LaunchText, covered_items, replace_launch, tuned_macro
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.polynomials import Polynomial
from kernelevo.proposers.rules.subject import WARP, Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import Edits, child_of, inside, of_type, text_of
from kernelevo.proposers.rules.thread_index import find_guard, global_index, uses_elsewhere

_SIZES = ("threadIdx.x", "threadIdx.y", "blockIdx.x", "blockIdx.y", "blockDim.x", "blockDim.y")


def block_size(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`values`: the sizes that may be tried."""
    for launched in subject.launched():
        yield from _named(subject, launched, parameters["values"])
        line = LaunchText.of(launched.line)
        literal = line.block[0]
        if not launched.is_flat or not literal.isdigit() or launched.line.shared.text != "0":
            continue
        grid = _grid_for_any(launched, line, literal)
        if grid is None or _bounded(launched):
            continue
        macro = subject.fresh("BLOCK")
        edits = subject.edits()
        if not _index_by_size(launched, edits):
            continue
        replace_launch(edits, launched.line, line.with_grid(grid.replace("@", macro)).with_block(macro))
        values = tuple(sorted({*parameters["values"], int(literal)}))
        text = edits.text()
        start = text.index("#pragma kernelevo")
        yield Rewrite(
            text[:start] + tuned_macro(macro, int(literal), values) + text[start:],
            f"block_size({launched.kernel.name})",
        )


def _named(subject: Subject, launched: Launched, tried: tuple[int, ...]) -> Iterator[Rewrite]:
    """The block size is a macro already: its definition becomes one that may be overridden, with a `tune` line.

    Left alone where the kernel or the line also says the number, which would then be another one.
    """
    size, kernel = launched.line.block[0], launched.kernel
    definitions = [
        node
        for node in of_type(subject.source, "preproc_def")
        if size.name is not None and text_of(child_of(node, "name")) == size.name
    ]
    fixed = size.name in subject.plan.macros and all(tune.macro != size.name for tune in subject.plan.tunes)
    if size.name is None or not fixed or len(definitions) != 1 or not launched.is_flat:
        return
    value = subject.plan.macros[size.name]
    spelled = {text_of(node).rstrip("uUlL") for node in of_type(kernel.node, "number_literal")}
    in_line = {word for extent in launched.line.grid for word in re.findall(r"\d+", extent.text)}
    if str(value) in spelled | in_line or launched.line.shared.text != "0":
        return
    edits, values = subject.edits(), tuple(sorted({*tried, value}))
    _make_tuned(definitions[0], size.name, value, values, edits)
    yield Rewrite(edits.text(), f"block_size({kernel.name})")


def _make_tuned(definition: Node, name: str, value: int, values: tuple[int, ...], edits: Edits) -> None:
    """Puts the `tune` line beside the macro's definition, which is guarded by `#ifndef` if it is not yet."""
    above = definition.parent
    guarded = above is not None and above.type == "preproc_ifdef" and text_of(child_of(above, "name")) == name
    opening, _, closing, tune = tuned_macro(name, value, values).splitlines()
    if guarded and above is not None:
        edits.insert(above.end_byte, f"\n{tune}" if _lacks_line_end(above) else f"{tune}\n")
    else:
        own = text_of(definition).rstrip()
        edits.span(definition.start_byte, definition.end_byte, "\n".join([opening, own, closing, tune, ""]))


def _lacks_line_end(node: Node) -> bool:
    return not text_of(node).endswith("\n")


def block_shape(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`threads`: threads of a block; `width`: how many of them along x."""
    for launched in subject.launched():
        line, kernel = LaunchText.of(launched.line), launched.kernel
        indices = [global_index(launched, axis) for axis in "xy"]
        if line.block[1] == "1" or line.block[2] != "1" or None in indices or line.cluster is not None:
            continue
        if any(size.names for size in launched.line.block):  # of which a number would leave a tuned macro idle
            continue
        items = [covered_items(line.grid[axis], line.block[axis]) for axis in (0, 1)]
        if None in items or not _guarded(launched, [index for index in indices if index is not None]):
            continue
        if _bounded(launched) or has_barrier(kernel.body) or not _sizes_by_name(launched, indices):
            continue
        for threads, width in ((t, w) for t in parameters["threads"] for w in parameters["width"] if t % w == 0):
            block = (str(width), str(threads // width), "1")
            if block == line.block:
                continue
            grid = (f"ceildiv({items[0]}, {block[0]})", f"ceildiv({items[1]}, {block[1]})", line.grid[2])
            edits = subject.edits()
            replace_launch(edits, launched.line, replace(line, grid=grid, block=block))
            yield Rewrite(edits.text(), f"block_shape({kernel.name}, x={block[0]}, y={block[1]})")


def _grid_for_any(launched: Launched, line: LaunchText, literal: str) -> str | None:
    """The grid with "@" for the block size, if threads (or warps) have guarded items that the grid covers."""
    kernel = launched.kernel
    index, threads = global_index(launched, "x"), covered_items(line.grid[0], literal)
    if index is not None and threads is not None and _guarded(launched, [index]):
        return None if uses_elsewhere(kernel, (index.statement,), _SIZES) else f"ceildiv({threads}, @)"
    if int(literal) % WARP or (warps := covered_items(line.grid[0], str(int(literal) // WARP))) is None:
        return None
    row = _warp_index(launched)
    if row is None or not _guarded(launched, [row]):
        return None
    lanes = tuple(
        local.statement
        for local in kernel.names.declarations
        if local.value is not None and _form(launched, local) == _lane()
    )
    return None if uses_elsewhere(kernel, (row.statement, *lanes), _SIZES) else f"ceildiv({warps}, @ / {WARP})"


def _warp_index(launched: Launched) -> Declaration | None:
    """The constant local that numbers the warps of the grid."""
    size = launched.forms.sizes["blockDim.x"]
    per_block = (
        Polynomial.atom(f"({size} / {Polynomial.constant(WARP)})")
        if size.value is None
        else Polynomial.constant(size.value // WARP)
    )
    spelled = Polynomial.atom(f"({size} / {Polynomial.constant(WARP)})")
    number = Polynomial.atom(f"({Polynomial.atom('threadIdx.x')} / {Polynomial.constant(WARP)})")
    wanted = [Polynomial.atom("blockIdx.x") * count + number for count in (per_block, spelled)]
    return next(
        (
            local
            for local in launched.kernel.names.declarations
            if local.value is not None and not local.is_pointer and _form(launched, local) in wanted
        ),
        None,
    )


def _form(launched: Launched, local: Declaration) -> Polynomial | None:
    return launched.forms.of(local.value) if local.value is not None else None


def _lane() -> Polynomial:
    return Polynomial.atom(f"({Polynomial.atom('threadIdx.x')} % {Polynomial.constant(WARP)})")


def _guarded(launched: Launched, indices: list[Declaration]) -> bool:
    guard = find_guard(launched.kernel)
    return guard is not None and all(guard.bound_of(launched.kernel, index) is not None for index in indices)


def _bounded(launched: Launched) -> bool:
    """Whether the kernel promises a block size to the compiler."""
    return next(of_type(launched.kernel.node, "launch_bounds"), None) is not None


def _sizes_by_name(launched: Launched, indices: list[Declaration | None]) -> bool:
    """Whether the kernel asks for its block's size by blockDim, and for its place by nothing but the indices."""
    places = tuple(index.statement for index in indices if index is not None)
    numbers = any(next(of_type(place, "number_literal"), None) for place in places)
    return not numbers and not uses_elsewhere(launched.kernel, places, _SIZES)


def _index_by_size(launched: Launched, edits: Edits) -> bool:
    """Makes the index say blockDim.x where it said the number; False if the number has another part in the kernel."""
    literal, index = launched.line.block[0].text, global_index(launched, "x")
    if any(local.is_shared for local in launched.kernel.names.declarations):
        return False
    if index is None and (warp := _warp_index(launched)) is not None:
        # The number of warps is by name already; other numbers are those of lanes.
        return not any(text_of(node) == literal for node in of_type(warp.statement, "number_literal"))
    for node in of_type(launched.kernel.body, "number_literal"):
        if text_of(node).rstrip("uUlL") != literal:
            continue
        if index is None or not inside(node, index.statement):
            return False
        edits.replace(node, "blockDim.x")
    return True
