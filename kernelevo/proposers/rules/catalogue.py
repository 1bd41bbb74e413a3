"""The rules by name. To add one: write its file, and a line here and in harness/rules.toml."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kernelevo.proposers.rules.atomic_reduce import atomic_reduce
from kernelevo.proposers.rules.block_size import block_shape, block_size
from kernelevo.proposers.rules.grid_stride import grid_stride
from kernelevo.proposers.rules.keep_row import keep_row
from kernelevo.proposers.rules.reciprocal import reciprocal
from kernelevo.proposers.rules.restrict import restrict
from kernelevo.proposers.rules.row_per_group import row_per_block, row_per_warp
from kernelevo.proposers.rules.spread_loop import spread_loop
from kernelevo.proposers.rules.subject import Rewrite, Subject
from kernelevo.proposers.rules.swap_axes import swap_axes
from kernelevo.proposers.rules.tile_product import tile_product
from kernelevo.proposers.rules.tile_transpose import tile_transpose
from kernelevo.proposers.rules.unroll import unroll
from kernelevo.proposers.rules.vector_loads import vector_loads

Rule = Callable[[Subject, Mapping[str, tuple[int, ...]]], Iterator[Rewrite]]

RULES: Mapping[str, tuple[Rule, frozenset[str]]] = {
    "spread_loop": (spread_loop, frozenset(["block"])),
    "row_per_warp": (row_per_warp, frozenset(["block"])),
    "row_per_block": (row_per_block, frozenset(["block"])),
    "atomic_reduce": (atomic_reduce, frozenset(["waves"])),
    "tile_transpose": (tile_transpose, frozenset(["rows"])),
    "tile_product": (tile_product, frozenset(["results"])),
    "swap_axes": (swap_axes, frozenset()),
    "vector_loads": (vector_loads, frozenset(["width"])),
    "keep_row": (keep_row, frozenset(["registers"])),
    "grid_stride": (grid_stride, frozenset(["waves"])),
    "restrict": (restrict, frozenset()),
    "reciprocal": (reciprocal, frozenset()),
    "unroll": (unroll, frozenset(["factor"])),
    "block_size": (block_size, frozenset(["values"])),
    "block_shape": (block_shape, frozenset(["threads", "width"])),
}
"""Each rule with the names of its parameters."""
