"""The checker's self-test refuses impostors where it can, and says so in words where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo.evaluators.selftest import SelfTest, self_test
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.distributions import constant, normal
from kernelevo.kernel.problem import Problem, Tolerance

X, Y = Input("x", "f32[rows, cols]"), Output("y", "f32[rows, cols]")


def impostors_of(*arguments, reference, **options) -> SelfTest:
    return self_test(Problem(list(arguments), reference, ["rows=64, cols=64"], **options), np.random.default_rng(4))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_a_sound_problem_refuses_every_impostor() -> None:
    result = impostors_of(X, Y, reference=softmax)
    assert result.separable and result.survivors == ()
    assert set(result.refused) == {
        "zero", "mean", "identity", "stale", "permuted", "half-written", "one-percent-wrong",
        "one-element-wrong", "f16-precision",
    }  # fmt: skip
    assert "are refused, an honest one is accepted" in result.sentence


def test_a_copy_is_not_separable_from_the_identity() -> None:
    result = impostors_of(X, Y, reference=lambda x: x)
    assert not result.separable and result.survivors == ("identity",)
    assert "not separable: identity would pass" in result.sentence


def test_an_f16_output_is_not_separable_from_f16_precision() -> None:
    half = (Input("x", "f16[rows, cols]"), Output("y", "f16[rows, cols]"))
    result = impostors_of(*half, reference=lambda x: x * 2, inputs={"x": [normal()]})
    assert result.honest and "f16-precision" in result.survivors
    assert "f16-precision" in result.sentence


def test_a_loose_tolerance_lets_impostors_pass_and_is_told() -> None:
    result = impostors_of(X, Y, reference=softmax, tolerance=Tolerance(10.0, 0.0, "to see what happens"))
    assert {"zero", "mean", "stale", "permuted"} <= set(result.survivors)


def test_a_tolerance_that_no_honest_kernel_meets_is_told() -> None:
    result = impostors_of(X, Y, reference=softmax, tolerance=Tolerance(0.0, 1e-12, "to see what happens"))
    assert not result.honest and not result.separable
    assert "refuses an honest result" in result.sentence


def test_inputs_without_variety_are_told() -> None:
    result = impostors_of(X, Y, reference=lambda x: x + 1, inputs={"x": [constant(3.0)]})
    assert {"mean", "stale", "permuted", "half-written"} <= set(result.survivors)
    assert "one-element-wrong" in result.refused


def test_integer_outputs_have_no_precision_impostor() -> None:
    count = Output("n", "i32[rows]")
    result = impostors_of(X, count, reference=lambda x: (x > 0.1).sum(axis=1))
    assert result.separable, result.sentence
    assert not any("precision" in name for name in result.refused)


@pytest.mark.parametrize("reference", [lambda x: x, lambda x: x + 1], ids=["copy", "one operation"])
def test_f16_arrays_of_one_operation_cannot_be_told_from_f16_arithmetic(reference) -> None:
    half = (Input("x", "f16[rows, cols]"), Output("y", "f16[rows, cols]"))
    result = impostors_of(*half, reference=reference)
    assert result.honest and not result.separable and "f16-precision" in result.survivors
    assert "not separable" in result.sentence


def test_each_output_is_spoiled_alone() -> None:
    # The second output depends on no input, so that the answer to other inputs is right.
    both = (X, Y, Output("count", "i32[rows]"))
    result = impostors_of(*both, reference=lambda x: (x * 2, np.full(x.shape[0], x.shape[1])))
    survived = {(each.name, each.output) for each in result.results if each.survived}
    assert survived == {("mean", "count"), ("stale", "count"), ("permuted", "count"), ("half-written", "count")}
    closest = next(each.closest for each in result.results if (each.name, each.output) == ("stale", "count"))
    assert closest is not None and closest.ratio == 0 and "rows=" in closest.case and "x from" in closest.inputs
    assert {each.refused for each in result.results if each.output == "y" and each.name == "zero"} == {8}


def test_one_percent_and_one_element_are_refused_on_every_trial_whatever_the_layout() -> None:
    # A transposed reference gives a view whose elements lie in another order.
    turned = Output("y", "f32[cols, rows]")
    result = impostors_of(X, turned, reference=lambda x: x.T)
    for each in result.results:
        if each.name in ("one-percent-wrong", "one-element-wrong"):
            assert (each.refused, each.trials) == (8, 8)


def test_matrix_products_are_tried_with_the_factors_of_tensor_cores() -> None:
    product = (Input("a", "f32[m, k]"), Input("b", "f32[k, n]"), Output("c", "f32[m, n]"))
    problem = Problem(list(product), lambda a, b: a @ b, ["m=64, n=64, k=64"])
    result = self_test(problem, np.random.default_rng(4))
    assert {"tf32-precision", "f16-precision"} <= set(result.refused) and result.separable
    declared = Problem(list(product), lambda a, b: a @ b, ["m=64, n=64, k=64"], compute_dtype="tf32")
    narrow = self_test(declared, np.random.default_rng(4))
    assert "bf16-factors-precision" in narrow.refused and narrow.separable, narrow.sentence
    # Where there is no matrix product, tf32 is f32.
    assert not any("tf32" in each.name for each in impostors_of(X, Y, reference=softmax).results)


def test_the_tolerance_is_told_with_numbers() -> None:
    result = impostors_of(X, Y, reference=softmax)
    told = [trial["y"] for trial in result.derivations]
    assert len(told) == 8
    for each in told:
        assert each.source == "derived" and each.compute == "f32" and len(each.styles) == 7
        assert 0 <= each.scale < each.bound < 1e-3 and each.relative is not None and 1e-7 < each.relative < 1e-2
        assert each.rule.startswith("derived for f32: 8 times the largest error of 7 honest styles")
    exact = impostors_of(X, Y, reference=lambda x: x).derivations[0]["y"]
    assert exact.source == "copied" and "must be exact" in exact.rule
