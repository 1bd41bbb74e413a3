"""The checker's self-test refuses impostors where it can, and says so in words where it cannot."""

from __future__ import annotations

import numpy as np

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
