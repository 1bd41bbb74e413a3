"""Bounds of the first styles come first, and those of all only where these refuse: it changes no verdict."""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo import Input, Output, Problem, Tolerance
from kernelevo.devices.null import NullDevice
from kernelevo.evaluators import tolerance
from kernelevo.evaluators.expected import expect, expect_first
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.running import Runner, _same_bytes
from kernelevo.evaluators.trials import Trial, draw
from kernelevo.types import RunReport


def drawn(problem: Problem, seed: int):
    return draw(problem, Trial(problem.benchmarks[0], 0, False, False, True), np.random.default_rng(seed))


def sums(**options) -> Problem:
    arguments = [Input("x", "f32[rows, cols]"), Output("y", "f32[rows]")]
    return Problem(arguments, lambda x: np.exp(x).sum(axis=1), ["rows=9, cols=200"], **options)


@pytest.mark.parametrize("seed", range(20))
def test_bounds_of_fewer_styles_are_nowhere_wider(seed: int) -> None:
    trial = drawn(sums(), seed)
    first, whole = expect_first(sums(), trial), expect(sums(), trial)
    assert first.in_full is not None and whole.in_full is None
    assert (first.bounds["y"] <= whole.bounds["y"]).all() and np.array_equal(first.values["y"], whole.values["y"])
    assert np.array_equal(first.in_full().bounds["y"], whole.bounds["y"])


def test_on_some_inputs_they_are_tighter_so_that_the_second_look_matters() -> None:
    tighter = [seed for seed in range(20) if (_bounds(expect_first, seed) < _bounds(expect, seed)).any()]
    assert tighter


def _bounds(how, seed: int):
    return how(sums(), drawn(sums(), seed)).bounds["y"]


def test_where_there_is_no_more_to_ask_nothing_is_deferred() -> None:
    declared = sums(tolerance=Tolerance(1e-3, 1e-3, "as declared"))
    whole_numbers = Problem([Input("x", "i32[n]"), Output("y", "i32[n]")], lambda x: x + 1, ["n=7"])
    for problem in (declared, whole_numbers):
        assert expect_first(problem, drawn(problem, 1)).in_full is None


def test_the_first_styles_are_some_of_all() -> None:
    assert set(tolerance.FIRST_STYLES) < set(tolerance.styles_for(3))
    assert set(tolerance.FIRST_STYLES) <= set(tolerance.styles_for(tolerance.LARGE + 1))


def test_a_reference_that_overwrites_its_input_is_judged_as_one_that_does_not() -> None:
    def spoiling(x):
        x *= 2
        return x

    arguments = [Input("x", "f64[n]"), Output("y", "f64[n]")]
    kind, spoiled = (Problem(arguments, reference, ["n=50"]) for reference in (lambda x: x * 2, spoiling))
    for how in (expect, expect_first):
        one, other = how(kind, drawn(kind, 3)), how(spoiled, drawn(spoiled, 3))
        assert np.array_equal(one.values["y"], other.values["y"])
        assert np.array_equal(one.bounds["y"], other.bounds["y"])


@pytest.mark.parametrize(("share", "passes"), [(0.95, True), (1.2, False)])
def test_an_output_is_refused_only_by_the_bounds_of_all_styles(share: float, passes: bool) -> None:
    problem, seed = sums(), next(s for s in range(20) if (_bounds(expect_first, s) < 0.9 * _bounds(expect, s)).any())
    trial = drawn(problem, seed)
    whole = expect(problem, trial)
    got = (whole.values["y"] + share * whole.bounds["y"]).astype(np.float32)
    report = RunReport("done", {"y": got.tobytes()}, ())
    runner = Runner(problem, NullDevice(), None, "", {}, (0, 0), 0, None, None, None, "", None)
    verdicts = [outcome(runner, trial, report, expected) for expected in (expect_first(problem, trial), whole)]
    assert verdicts == [passes, passes]


def outcome(runner: Runner, trial, report: RunReport, expected) -> bool:
    try:
        runner._compare(trial, report, 0, expected)
    except Rejected:
        return False
    return True


@pytest.mark.parametrize("size", [0, 1, 2, 3, 8, 33, 1000])
def test_the_median_is_numpys(size: int) -> None:
    values = np.random.default_rng(size).lognormal(0, 9, size)
    assert tolerance.median(values) == (np.median(values) if size else 0.0)


@pytest.mark.parametrize("size", [0, 1, 7, 65_536, 65_537, 200_001])
def test_bytes_are_compared_to_the_last(size: int) -> None:
    one = np.random.default_rng(size).bytes(size)
    assert _same_bytes(one, memoryview(bytes(bytearray(one))))
    assert not _same_bytes(one, one + b"x")
    for place in {0, size // 2, size - 1} - {-1} if size else set():
        other = bytearray(one)
        other[place] ^= 1
        assert not _same_bytes(one, bytes(other)) and not _same_bytes(memoryview(one), bytes(other))
