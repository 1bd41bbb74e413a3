"""What a shape fuzzer draws and how it shrinks, with predicates in place of kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelevo.evaluators.example import Example
from kernelevo.evaluators.fuzzing import Fuzzed, fuzz, smaller_counts, status_of
from kernelevo.evaluators.sizes import CHEAP, LARGE, Sizes
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.problem import Problem
from kernelevo.types import Check, Status, Verdict

pytest.importorskip("hypothesis")
PROBLEM = Problem([Input("x", "f32[rows, cols]"), Output("y", "f32[rows, cols]")], lambda x: x, ["rows=64, cols=64"])
Fails = Callable[[dict[str, int], Example], bool]


def verdict(status: Status = Status.WRONG) -> Verdict:
    return Verdict("id", "device", status, "as told", checks=(Check("outputs", False, "as told"),))


def fuzzed(fails: Fails, tmp_path: Path, problem: Problem = PROBLEM, seed: int = 1, examples: int = 400) -> Fuzzed:
    def probe(example: Example) -> Verdict | None:
        return verdict() if fails(dict(problem.case(example.case).dims), example) else None

    return fuzz(problem, probe, examples, seed, tmp_path)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("fails", "smallest"),
    [
        (lambda d, e: True, "rows=1,cols=1"),
        (lambda d, e: d["cols"] % 33 == 0, "rows=1,cols=33"),
        (lambda d, e: d["rows"] > 65535, "rows=65536,cols=1"),
        (lambda d, e: d["rows"] >= 7 and d["cols"] >= 100, "rows=7,cols=100"),
        (lambda d, e: d["rows"] * d["cols"] > 1000, None),
        (lambda d, e: d["cols"] == 32, "rows=1,cols=32"),
        (lambda d, e: d["cols"] % 64 == 1 and d["cols"] > 1, "rows=1,cols=65"),
    ],
    ids=["always", "multiples", "many", "both", "product", "one value", "one more"],
)
def test_the_smallest_failing_sizes_are_found(fails: Fails, smallest: str | None, seed: int, tmp_path: Path) -> None:
    found = fuzzed(fails, tmp_path, seed=seed)
    assert found.failing is not None, found.largest
    example, _ = found.failing
    assert status_of(found) is Status.WRONG and not found.unsteady
    dims = dict(PROBLEM.case(example.case).dims)
    if smallest is None:
        assert 1000 < dims["rows"] * dims["cols"] <= 1040
    else:
        assert example == Example(smallest, 0, (), 0)


def test_offsets_and_inputs_that_matter_are_kept_and_no_others(tmp_path: Path) -> None:
    found = fuzzed(lambda d, e: dict(e.offsets).get("y", 0) % 16 == 4 and e.index == 3, tmp_path, examples=4000)
    assert found.failing is not None
    assert found.failing[0] == Example("rows=1,cols=1", 3, (("y", 4),), 0)


def test_the_same_seed_tries_the_same(tmp_path: Path) -> None:
    tried: list[list[str]] = []
    for seed in (3, 3, 4):
        cases: list[str] = []

        def fails(dims: dict[str, int], example: Example, cases: list[str] = cases) -> bool:
            cases.append(repr(example))
            return dims["cols"] % 33 == 0

        fuzzed(fails, tmp_path, seed=seed)
        tried.append(cases)
    assert tried[0] == tried[1] != tried[2]


def test_what_the_device_cannot_execute_ends_the_search(tmp_path: Path) -> None:
    found = fuzz(PROBLEM, lambda example: verdict(Status.UNSUPPORTED), 50, 1, tmp_path)
    assert found.failing is None and found.examples == 1 and status_of(found) is Status.UNSUPPORTED


def test_a_failure_that_does_not_come_again_is_told_and_kept(tmp_path: Path) -> None:
    seen: list[Example] = []

    def once(dims: dict[str, int], example: Example) -> bool:
        seen.append(example)
        return len(seen) == 5

    found = fuzzed(once, tmp_path)
    assert found.failing is not None and found.failing[0] == seen[4] and found.unsteady


def test_sizes_are_cheap_allowed_and_varied() -> None:
    problem = Problem(
        [Input("q", "f16[heads, length, width]"), Output("out", "f16[heads, length, width]")], lambda q: q,
        ["heads=4, length=256, width=64"], constraints=["width % 16 == 0 && width <= 128", "heads != 3"],
        flops="4 * heads * length * length * width",
    )  # fmt: skip
    sizes, rng = Sizes(problem), np.random.default_rng(2)
    drawn = [sizes.draw(lambda low, high: int(rng.integers(low, high, endpoint=True))) for _ in range(2000)]
    assert {each.name: (each.granule, each.most) for each in sizes.dimensions}["width"] == (16, 128)
    assert all(sizes.work(dims) <= LARGE for dims in drawn)
    assert np.mean([sizes.work(dims) <= CHEAP for dims in drawn]) > 0.75
    assert {dims["width"] for dims in drawn} == set(range(16, 129, 16))
    assert max(dims["length"] for dims in drawn) > 100 and max(dims["heads"] for dims in drawn) > 4096


def test_smaller_counts_hold_divisors_and_every_small_one() -> None:
    assert smaller_counts(1) == [] and smaller_counts(3) == [1, 2]
    assert {1, 2, 33, 63, 37, 1221 // 3, 1221 // 33} <= set(smaller_counts(1221))
    assert all(each < 1221 for each in smaller_counts(1221))
