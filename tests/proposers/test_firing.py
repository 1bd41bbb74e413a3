"""On which kernels each rule fires, and on which look-alikes it must not."""

from __future__ import annotations

import pytest
from applying import passed, proposer, rewrites, rewrites_of, settings
from problems import (
    all_problems,
    atomic_problems,
    axis_problems,
    loop_problems,
    row_problems,
    text_of,
    transpose_problems,
    unlike_atomic_problems,
    unlike_loop_problems,
    unlike_row_problems,
    unlike_transpose_problems,
)

from kernelevo.kernel.problem import Problem
from kernelevo.proposers.rules.catalogue import RULES
from kernelevo.proposers.rules.kernels import file_functions, find_kernels
from kernelevo.proposers.rules.names import Names
from kernelevo.proposers.rules.syntax import Edits, of_type, parse
from kernelevo.proposers.rules.syntax import text_of as text_of_node
from kernelevo.types import Candidate

ROWS, UNLIKE_ROWS = tuple(row_problems()), tuple(unlike_row_problems())
ITEMS = ("axpy", "gelu", "clamp_double", "stencil", "reversed", "unaligned")
FIRES: dict[str, tuple[str, ...]] = {
    "spread_loop": (*loop_problems(), "integer_shares"),
    "row_per_warp": tuple(name for name in ROWS if name != "whole_sum"),
    "row_per_block": ROWS,
    "atomic_reduce": tuple(atomic_problems()),
    "tile_transpose": tuple(transpose_problems()),
    "swap_axes": tuple(name for name in axis_problems() if name != "fixed_plane"),
    "tile_product": ("gemm_update", "common_counts"),
    "grid_stride": (*ITEMS, "prefix_sums", "histogram", "compaction"),
    "restrict": ("axpy", "row_dot", "copy_by_rows", "dot_atomic", "lane_pairs"),
    "reciprocal": ("masked_softmax", "l1_normalise", "standardise"),
    "unroll": ("row_norm", "product_by_rows", "column_sums", "whole_sum"),
    "block_size": ("axpy", "gelu", "prefix_sums", "range_atomic", "scaled_by_macro", "scaled_by_override"),
    "block_shape": ("gather_transpose", "copy_by_rows", "flip_in_place"),
}
NEVER: dict[str, tuple[str, ...]] = {
    "spread_loop": (*unlike_loop_problems(), *UNLIKE_ROWS, "row_norm", "rms_norm", "axpy", "copy_by_rows", "warp_rows"),
    "row_per_warp": (*UNLIKE_ROWS, "whole_sum", "axpy", "warp_rows", "growing_divisor"),
    "row_per_block": (*UNLIKE_ROWS, "axpy", "warp_rows", "growing_divisor"),
    "atomic_reduce": (*unlike_atomic_problems(), "axpy", "row_norm"),
    "tile_transpose": (*unlike_transpose_problems(), "copy_by_rows", "product_by_rows", "axpy"),
    "swap_axes": (*transpose_problems(), "fixed_plane", "row_norm"),
    "tile_product": ("distances", "product_transposed", "product_by_rows", "copy_by_rows"),
    "grid_stride": ("shared_rows", "lane_pairs", "warp_rows", "copy_by_rows", "whole_sum"),
    "restrict": ("gelu",),
    "reciprocal": ("growing_divisor", "integer_shares", "row_norm", "rms_norm"),
    "unroll": ("axpy", "gelu", "dot_atomic"),
    "block_size": ("scaled_by_both", "lane_pairs", "shared_rows", "warp_rows", "whole_sum", "copy_by_rows"),
    "block_shape": ("axpy", "fixed_plane", "row_norm"),
}
# Rules whose input is what other rules write; by_hand kernels have such loops already.
AFTER: dict[str, tuple[tuple[str, str], ...]] = {
    "vector_loads": (
        ("row_norm", "row_per_warp"),
        ("dot_atomic", "atomic_reduce"),
        ("axpy", "grid_stride"),
        ("row_max", "row_per_block"),
        ("stencil", "grid_stride"),
        ("l1_normalise", "row_per_warp"),
    ),
    "tile_product": (("product_by_rows", "swap_axes"), ("product_rows", "spread_loop")),
    "tile_transpose": (("batch_flip", "spread_loop"),),
    "keep_row": (("rms_norm", "row_per_warp"), ("logsumexp", "row_per_block"), ("standardise", "row_per_warp")),
}
AFTER_NEVER: dict[str, tuple[tuple[str, str], ...]] = {
    "spread_loop": (("batch_flip", "spread_loop"), ("integer_shares", "spread_loop")),
    "tile_transpose": (("gather_rows", "spread_loop"), ("scale_rows", "spread_loop")),
    "vector_loads": (("unaligned", "grid_stride"), ("reversed", "grid_stride"), ("clamp_double", "grid_stride")),
    "keep_row": (("row_norm", "row_per_warp"), ("row_dot", "row_per_warp"), ("axpy", "grid_stride")),
}  # fmt: skip


def pairs(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(rule, name) for rule, names in table.items() for name in names]


@pytest.mark.parametrize(("rule", "kernel"), pairs(FIRES))
def test_a_rule_fires_where_its_structure_is(rule: str, kernel: str) -> None:
    found = rewrites_of(rule, kernel)
    assert found
    assert all(rewrite.text != text_of(kernel) and rewrite.move.startswith(f"{rule}(") for rewrite in found)
    assert not any(parse(rewrite.text).has_error for rewrite in found), "other rules cannot go on from it"


@pytest.mark.parametrize(("rule", "kernel"), pairs(NEVER))
def test_a_rule_leaves_look_alikes_alone(rule: str, kernel: str) -> None:
    assert rewrites_of(rule, kernel) == []


@pytest.mark.parametrize(("rule", "kernel", "first"), [(rule, *pair) for rule in AFTER for pair in AFTER[rule]])
def test_a_rule_fires_on_what_another_wrote(rule: str, kernel: str, first: str) -> None:
    before = rewrites_of(first, kernel)[0].text
    assert rewrites(rule, before, all_problems()[kernel])


@pytest.mark.parametrize(
    ("rule", "kernel", "first"), [(rule, *pair) for rule in AFTER_NEVER for pair in AFTER_NEVER[rule]]
)
def test_a_rule_leaves_look_alikes_that_another_wrote_alone(rule: str, kernel: str, first: str) -> None:
    before = rewrites_of(first, kernel)[0].text
    assert rewrites(rule, before, all_problems()[kernel]) == []


def test_a_loop_is_not_spread_where_the_grid_would_be_too_high() -> None:
    problem = all_problems()["batch_flip"]
    high = Problem(problem.arguments, problem.reference, ["batch=1, h=500000, w=8"], tests=["batch=1, h=1, w=1"])
    assert rewrites("spread_loop", text_of("batch_flip"), problem)
    assert rewrites("spread_loop", text_of("batch_flip"), high) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if (line < h)", "if (line < h || w > 0)"),
        ("blockIdx.x * blockDim.x + threadIdx.x", "blockIdx.x * 32 + threadIdx.x"),
        ("k < w; ++k", "k < w - 1; ++k"),
        ("k < w; ++k", "k < w; k += gridDim.x"),
        ("to[k * h + line] = ", "to[line] = "),
    ],
)
def test_a_loop_is_not_spread_where_a_part_of_its_structure_is_missing(old: str, new: str) -> None:
    text = text_of("batch_flip")
    assert old in text
    assert rewrites("spread_loop", text.replace(old, new), all_problems()["batch_flip"]) == []


def test_a_pair_of_rules_comes_right_after_its_first() -> None:
    found = proposer(all_problems()["batch_flip"]).propose(passed(Candidate(text_of("batch_flip"))), frozenset(), 2)
    assert [[move.partition("(")[0] for move in one.moves] for one in found] == [
        ["spread_loop"], ["spread_loop", "tile_transpose"]]  # fmt: skip


def test_loops_shared_out_by_hand_are_recognised() -> None:
    assert rewrites_of("vector_loads", "warp_rows")
    assert rewrites_of("keep_row", "warp_rows")


def test_every_rule_fires_on_three_kernels_at_least() -> None:
    counts = {
        rule: len([pair for pair in pairs(FIRES) if pair[0] == rule]) + len(AFTER.get(rule, ())) for rule in RULES
    }
    assert {rule: count for rule, count in counts.items() if count < 3} == {}
    assert {rule for rule in RULES if not NEVER.get(rule) and not AFTER_NEVER.get(rule)} == set()


def renamed(text: str) -> str:
    """The text with every name that it declares replaced, kernels and functions included."""
    root = parse(text)
    functions = [*find_kernels(root), *file_functions(root)]
    declared = {local.name for node in of_type(root, "function_definition") for local in Names(node).declarations}
    edits = Edits(text.encode())
    for node in of_type(root, "identifier"):
        if text_of_node(node) in declared | set(functions):
            edits.replace(node, f"q_{text_of_node(node)}_q")
    fresh = edits.text()
    for kernel in find_kernels(root):
        fresh = fresh.replace(f"launch {kernel}<", f"launch q_{kernel}_q<")
    return fresh


@pytest.mark.parametrize(("rule", "kernel"), pairs(FIRES))
def test_no_rule_goes_by_a_name(rule: str, kernel: str) -> None:
    fresh = renamed(text_of(kernel))
    assert "q_" in fresh
    assert len(rewrites(rule, fresh, all_problems()[kernel])) == len(rewrites_of(rule, kernel))


def test_the_default_settings_switch_every_rule_on() -> None:
    assert {rule.name for rule in settings().rules} == set(RULES)
