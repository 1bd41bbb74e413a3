"""Rewritten kernels compute what the kernels compute: compiled by NVRTC, run on the virtual GPU at edge sizes."""

from __future__ import annotations

import numpy as np
import pytest
from applying import chain, passed, proposer, rewrites_of
from nvrtc import compile_ptx, library_path
from problems import all_problems, text_of
from running import missing, run
from test_firing import AFTER, FIRES, pairs

from kernelevo.kernel.dtypes import from_storage
from kernelevo.kernel.problem import Problem
from kernelevo.types import Candidate

needs_compiler = pytest.mark.skipif(library_path() is None, reason="NVRTC is not installed")
needs_machine = pytest.mark.skipif(missing() != "", reason=missing() or "everything is there")

CHAINS = [
    ("standardise", ("row_per_warp", "vector_loads", "keep_row", "reciprocal", "restrict")),
    ("masked_softmax", ("row_per_block", "reciprocal", "vector_loads", "restrict")),
    ("logsumexp", ("unroll", "row_per_warp", "keep_row")),
    ("rms_norm", ("row_per_block", "vector_loads", "keep_row", "restrict")),
    ("row_max", ("row_per_warp", "vector_loads", "block_size")),
    ("l1_normalise", ("reciprocal", "row_per_block", "vector_loads", "keep_row")),
    ("dot_atomic", ("restrict", "atomic_reduce", "vector_loads", "unroll")),
    ("count_above", ("atomic_reduce", "vector_loads")),
    ("axpy", ("grid_stride", "vector_loads", "restrict")),
    ("stencil", ("grid_stride", "vector_loads")),
    ("copy_by_rows", ("swap_axes", "block_shape", "restrict")),
    ("product_by_rows", ("swap_axes", "restrict", "tile_product")),
    ("warp_rows", ("vector_loads", "keep_row", "restrict")),
    ("whole_sum", ("row_per_block", "vector_loads", "unroll")),
    ("transpose_add", ("restrict", "tile_transpose")),
    ("batch_flip", ("spread_loop", "tile_transpose", "restrict")),
    ("product_rows", ("spread_loop", "tile_product", "restrict")),
    ("scale_rows", ("restrict", "spread_loop")),
]  # fmt: skip


def assert_same(text: str, kernel: str, problem: Problem) -> None:
    """The text gives the reference's values at every test size; sums may be rounded in another order."""
    for case in problem.tests:
        inputs = problem.draw(np.random.default_rng(7), case.dims)
        seen = {tensor.name: from_storage(inputs[tensor.name], tensor.dtype) for tensor in problem.inputs}
        expected = problem.expected(seen, case.dims)
        got = run(text, problem, case.dims, inputs)
        for name, values in expected.items():
            wanted = np.asarray(values, dtype=np.float64).ravel()
            np.testing.assert_allclose(got[name], wanted, rtol=2e-4, atol=2e-4, err_msg=f"{kernel} {case.name}\n{text}")


@needs_machine
@pytest.mark.parametrize("kernel", [name for name in all_problems() if name != "compaction"])
def test_the_test_kernels_themselves_are_right(kernel: str) -> None:
    assert_same(text_of(kernel), kernel, all_problems()[kernel])


@needs_machine
@pytest.mark.parametrize(("rule", "kernel"), [pair for pair in pairs(FIRES) if pair[1] != "compaction"])
def test_one_rewrite_changes_no_result(rule: str, kernel: str) -> None:
    for rewrite in rewrites_of(rule, kernel):
        assert_same(rewrite.text, f"{kernel} {rewrite.move}", all_problems()[kernel])


@needs_machine
@pytest.mark.parametrize(("kernel", "rules"), CHAINS)
def test_rewrites_of_rewrites_change_no_result(kernel: str, rules: tuple[str, ...]) -> None:
    problem = all_problems()[kernel]
    assert_same(chain(text_of(kernel), problem, *rules), kernel, problem)


@needs_machine
def test_a_kernel_of_two_launch_lines_is_rewritten_for_either() -> None:
    problem = all_problems()["two_widths"]
    found = proposer(problem).propose(passed(Candidate(text_of("two_widths"))), frozenset(), 100)
    assert {"row_per_warp(two_widths)", "row_per_warp(two_widths_2)"} <= {one.moves[-1] for one in found}
    for candidate in found:
        assert_same(candidate.text, "two_widths", problem)


@needs_machine
def test_a_wrong_rewrite_would_be_seen() -> None:
    text = chain(text_of("row_norm"), all_problems()["row_norm"], "row_per_warp")
    with pytest.raises(AssertionError):
        assert_same(text.replace("offset = 16", "offset = 8"), "row_norm", all_problems()["row_norm"])


@needs_compiler
@pytest.mark.parametrize(
    ("kernel", "rules"), [*CHAINS, *((name, (first, rule)) for rule in AFTER for name, first in AFTER[rule])]
)
def test_rewritten_text_stands_alone(kernel: str, rules: tuple[str, ...]) -> None:
    assert ".entry" in compile_ptx(chain(text_of(kernel), all_problems()[kernel], *rules))


@needs_compiler
@pytest.mark.parametrize("kernel", ["standardise", "dot_atomic", "batched_transpose", "axpy", "product_by_rows"])
def test_everything_proposed_compiles(kernel: str) -> None:
    found = proposer(all_problems()[kernel]).propose(passed(Candidate(text_of(kernel))), frozenset(), 100)
    assert found
    for candidate in found:
        compile_ptx(candidate.text)


@pytest.mark.parametrize(("kernel", "rules"), CHAINS)
def test_comments_and_plan_lines_are_kept(kernel: str, rules: tuple[str, ...]) -> None:
    before, after = text_of(kernel), chain(text_of(kernel), all_problems()[kernel], *rules)
    comments = [f"//{line.partition('//')[2]}" for line in before.split("\n") if "//" in line]
    assert [comment for comment in comments if comment not in after] == []
    kept = [line for line in before.split("\n") if line.startswith("#pragma kernelevo") and " launch " not in line]
    assert [line for line in kept if line not in after] == []
