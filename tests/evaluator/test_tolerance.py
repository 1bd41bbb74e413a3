"""The derived tolerance accepts honest kernels of its precision and refuses what the next precision down gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.evaluators.compare import compare
from kernelevo.evaluators.expected import expect
from kernelevo.evaluators.styles import STYLES
from kernelevo.evaluators.tolerance import declared, derive
from kernelevo.evaluators.trials import draw, plan_trials
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.problem import Problem, Tolerance

F32 = np.float32
Sum = Callable[[np.ndarray], np.ndarray]


def strided(terms: np.ndarray, threads: int) -> np.ndarray:
    """Sums of rows in f32: `threads` strided partial sums, then a tree."""
    padded = np.concatenate([terms, np.zeros((len(terms), -terms.shape[1] % threads), F32)], axis=1)
    partial = np.add.accumulate(padded.reshape(len(terms), -1, threads), axis=1)[:, -1]
    while partial.shape[1] > 1:
        half = partial.shape[1] // 2
        partial = partial[:, :half] + partial[:, half:]
    return partial[:, 0]


SUMS: dict[str, Sum] = {
    "one thread": lambda terms: np.add.accumulate(terms, axis=1)[:, -1],
    "a warp": lambda terms: strided(terms, 32),
    "a block": lambda terms: strided(terms, 256),
}


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_kernel(x, add: Sum, rng):
    power = np.exp2(((x - x.max(axis=1, keepdims=True)) * F32(1.4426950408889634)).astype(np.float64))
    power = (power * (1 + rng.uniform(-(2**-22), 2**-22, power.shape))).astype(F32)
    return power * (F32(1) / add(power)[:, None])


def layernorm(x):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)


def layernorm_kernel(x, add: Sum, rng):
    count = F32(1) / F32(x.shape[1])
    centred = x - (add(x) * count)[:, None]
    variance = (add(centred * centred) * count)[:, None] + F32(1e-5)
    return centred * (1 / np.sqrt(variance.astype(np.float64)) * (1 + 2**-22)).astype(F32)


def row_sum(x):
    return x.sum(axis=1)


def row_sum_kernel(x, add: Sum, rng):
    return add(x)


MATRIX = [Input("x", "f32[rows, cols]"), Output("y", "f32[rows, cols]")]
PROBLEMS = {
    "softmax": (Problem(MATRIX, softmax, ["rows=512, cols=1024"]), softmax_kernel),
    "layernorm": (Problem(MATRIX, layernorm, ["rows=512, cols=1024"]), layernorm_kernel),
    "row_sum": (Problem([MATRIX[0], Output("y", "f32[rows]")], row_sum, ["rows=512, cols=1024"]), row_sum_kernel),
}


def ratios(name: str, compute: Callable[[np.ndarray], np.ndarray], seed: int = 11) -> list[float]:
    """The largest error of each trial of a problem, in units of the tolerance."""
    problem, rng = PROBLEMS[name][0], np.random.default_rng(seed)
    found = []
    for trial in plan_trials(problem, "final", rng):
        drawn = draw(problem, trial, rng)
        expected = expect(problem, drawn)
        with np.errstate(all="ignore"):
            got = compute(drawn.inputs["x"]).astype(F32)
        found.append(compare("y", got, expected.values["y"], expected.bounds["y"]).ratio)
    return found


@pytest.mark.parametrize("adder", SUMS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_honest_f32_kernels_pass_in_any_order_with_approximate_functions(name: str, adder: str) -> None:
    rng = np.random.default_rng(5)
    assert max(ratios(name, lambda x: PROBLEMS[name][1](x, SUMS[adder], rng))) <= 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_f16_results_fail_by_a_wide_margin(name: str) -> None:
    reference = PROBLEMS[name][0].reference
    found = ratios(name, lambda x: reference(x.astype(np.float16)))
    assert max(found) > 50


@pytest.mark.parametrize("name", PROBLEMS)
def test_rounding_the_result_to_f16_fails(name: str) -> None:
    reference = PROBLEMS[name][0].reference
    assert max(ratios(name, lambda x: reference(x).astype(np.float16))) > 50


def test_a_long_sequential_sum_of_one_sign_passes() -> None:
    terms = np.random.default_rng(2).uniform(0, 1, (64, 4096)).astype(F32)
    exact = [terms.astype(np.float64).sum(axis=1)]
    bound = derive(lambda wrap: [wrap(terms).sum(axis=1)], exact, "f32", ["f32"])[0]
    one_thread = np.add.accumulate(terms, axis=1)[:, -1]
    assert compare("y", one_thread, exact[0], bound).passed
    assert not compare("y", one_thread * F32(1.001), exact[0], bound).passed
    # Leaving one term out of 4096 is seen.
    assert not compare("y", one_thread - terms[:, 17], exact[0], bound).passed


def test_a_lucky_zero_error_gives_no_zero_bound() -> None:
    values = np.ones((4, 64), F32)
    bound = derive(lambda wrap: [wrap(values) * 1], [values.astype(np.float64)], "f32", ["f32"])[0]
    assert (bound >= 2**-22).all()


def test_what_is_only_copied_or_selected_must_be_exact() -> None:
    values = np.random.default_rng(1).normal(size=(8, 16)).astype(F32)
    for reference in (lambda x: x.T, lambda x: np.maximum(x, 0), lambda x: x[::-1].copy()):
        exact = reference(values).astype(np.float64)
        assert derive(lambda wrap, f=reference: [f(wrap(values))], [exact], "f32", ["f32"]) == [None]
        assert derive(lambda wrap, f=reference: [f(wrap(values))], [exact], "f32", ["f16"])[0] is not None


def test_a_reference_that_is_finite_in_float64_alone_is_said_to_be_so() -> None:
    """1 + tanh(-8.8) is 5e-8, and 0 in f32: no kernel has a finite value there."""
    x = np.array([-8.8])
    with np.errstate(divide="ignore"), pytest.raises(BadInput, match="no finite value in f32"):
        derive(lambda wrap: [1.0 / (1.0 + np.tanh(wrap(x)))], [1.0 / (1.0 + np.tanh(x))], "f32", ["f32"])


def test_a_reference_that_insists_on_float64_is_refused() -> None:
    values = np.random.default_rng(1).normal(size=100).astype(F32)
    exact = np.asarray(values, float) / 3
    with pytest.raises(BadInput, match="computes in float64 whatever"):
        derive(lambda wrap: [np.array(wrap(values), float) / 3], [exact], "f32", ["f32"])


def test_a_row_of_huge_numbers_does_not_loosen_the_others() -> None:
    values = np.random.default_rng(1).normal(size=(64, 256)).astype(F32)
    values[10] *= 1e6
    bound = derive(lambda wrap: [wrap(values) * 3], [values.astype(np.float64) * 3], "f32", ["f32"])[0]
    assert bound[10].max() > 0.1
    assert bound[11:].max() < 1e-4


def test_an_implementation_that_overflows_does_not_loosen_the_bound() -> None:
    values = np.array([1.0, 100.0], F32)

    def reference(x):
        return np.log(np.exp(x))

    with np.errstate(over="ignore"):
        bound = derive(lambda wrap: [reference(wrap(values))], [values.astype(np.float64)], "f32", ["f32"])[0]
    assert np.isfinite(bound).all() and bound.max() < 1e-3


def test_a_coarser_storage_may_round_once_but_not_lose_more() -> None:
    values = np.random.default_rng(1).normal(size=4096).astype(F32)
    exact = values.astype(np.float64) * 3
    bound = derive(lambda wrap: [wrap(values) * 3], [exact], "f32", ["f16"])[0]
    stored = (values * F32(3)).astype(np.float16)
    assert compare("y", stored, exact, bound).passed
    assert not compare("y", stored + np.float16(0.01), exact, bound).passed


def test_a_declared_tolerance_is_what_it_says() -> None:
    assert declared(np.array([-2.0, 0.0]), Tolerance(0.5, 0.25, "a reason")).tolist() == [1.0, 0.5]


def refused_sums(seeds: range, styles: tuple[str, ...] | None) -> list[int]:
    """Of a lone sum by atomics, whose order is chance: the seeds for which an honest result is not within its bound."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        terms = (rng.standard_normal(1000) * 2.0 ** rng.integers(-10, 11, 1000)).astype(F32)
        exact = terms.astype(float).sum(keepdims=True)
        (bound,) = derive(lambda wrap, terms=terms: [wrap(terms).sum(keepdims=True)], [exact], "f32", ["f32"], styles)
        assert bound is not None
        got = np.add.accumulate(terms[rng.permutation(1000)])[-1]
        if abs(float(got) - exact[0]) > bound[0]:
            found.append(seed)
    return found


def test_a_lone_output_is_not_judged_by_a_lucky_order() -> None:
    """Seven styles may all be nearly exact by luck; orders of chance beside them never are, all of them."""
    assert refused_sums(range(100), tuple(STYLES)) == [29]
    assert refused_sums(range(600), None) == []
