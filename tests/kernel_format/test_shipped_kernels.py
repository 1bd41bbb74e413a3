"""The problems in kernels/: they load, plan and problem agree, sizes suit an interpreter, and the naive starts are
frozen.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kernelevo.kernel.cuda_syntax import functions, parse_cuda
from kernelevo.kernel.expressions import parse
from kernelevo.kernel.plan import LaunchLine, ZeroLine
from kernelevo.kernel.pragmas import DEVICE_NAMES, read_plan
from kernelevo.kernel.problem import Problem, load_problem, problem_path

KERNELS = Path(__file__).parents[2] / "kernels"
NAMES = (
    "attention", "attention_unfused", "batch_norm", "cross_entropy", "layernorm", "matmul", "matmul_f16", "mlp",
    "reduce_sum", "softmax", "transpose", "vector_add",
)  # fmt: skip
PIPELINES = {"attention_unfused": 3, "batch_norm": 2, "cross_entropy": 2, "mlp": 3}
"""Operators that are not fused, and how many launches each is."""
THREADS = {"reduce_sum": "1", "batch_norm": "cols"}
"""What a launch needs a thread for each of, where it is not the first extent of the first input."""


def load(name: str) -> Problem:
    return load_problem(problem_path(KERNELS / f"{name}.cu"))


def test_twelve_problems_are_shipped() -> None:
    assert tuple(sorted(path.stem for path in KERNELS.glob("*.cu"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_operators_that_are_not_fused_hand_their_scratch_from_launch_to_launch(name: str) -> None:
    plan = read_plan((KERNELS / f"{name}.cu").read_text(), f"{name}.cu")
    launches = [step for step in plan.steps if isinstance(step, LaunchLine)]
    assert len(launches) == PIPELINES.get(name, 1)
    for temp in plan.temps:
        assert sum(temp.name in {argument.name for argument in step.arguments} for step in launches) == 2
    assert bool(plan.temps) == (name in PIPELINES)


@pytest.mark.parametrize("name", NAMES)
def test_plan_and_problem_agree(name: str) -> None:
    problem, text = load(name), (KERNELS / f"{name}.cu").read_text()
    plan = read_plan(text, f"{name}.cu")
    buffers = {tensor.name for tensor in problem.tensors} | {temp.name for temp in plan.temps}
    integers = {*problem.dims, *plan.macros, *DEVICE_NAMES}
    kernels = {function.name: function for function in functions(parse_cuda(text)) if function.side == "kernel"}
    for step in plan.steps:
        if isinstance(step, ZeroLine):
            assert step.buffer in buffers
            continue
        assert all(size.names <= integers for size in (*step.grid, *step.block, step.shared))
        assert len(step.arguments) == len(kernels[step.kernel].parameters)
        for argument, parameter in zip(step.arguments, kernels[step.kernel].parameters, strict=True):
            assert (argument.name in buffers) == parameter.is_pointer
            assert argument.names <= buffers | integers | {scalar.name for scalar in problem.scalars}


@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_covered_by_its_grid_and_small_enough(name: str) -> None:
    problem, plan = load(name), read_plan((KERNELS / f"{name}.cu").read_text(), f"{name}.cu")
    needed = parse(THREADS[name]) if name in THREADS else problem.inputs[0].shape[0]
    for case in (*problem.tests, *problem.benchmarks):
        assert max(tensor.elements(case.dims) for tensor in problem.tensors) <= 1 << 22
        for step in plan.steps:
            if isinstance(step, LaunchLine):
                values = {**case.dims, **plan.macros}
                threads = np.prod([size.evaluate(values) for size in (*step.grid, *step.block)])
                assert threads >= needed.evaluate(case.dims)


def test_the_references_compute_what_they_are_named_for() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(5, 7)), rng.normal(size=(7, 3))
    gamma, beta = rng.normal(size=7), rng.normal(size=7)
    soft = load("softmax").expected({"x": x}, {"rows": 5, "cols": 7})["y"]
    assert np.allclose(np.log(soft[:, 1:]) - np.log(soft[:, :-1]), np.diff(x, axis=1))
    assert np.allclose(soft.sum(axis=1), 1)
    norm = load("layernorm").expected({"x": x, "gamma": gamma, "beta": beta}, {"rows": 5, "cols": 7})["y"]
    plain = (norm - beta) / gamma
    assert np.allclose(plain.mean(axis=1), 0)
    assert np.allclose(plain.var(axis=1), x.var(axis=1) / (x.var(axis=1) + np.float32(1e-5)))
    for name in ("matmul", "matmul_f16"):
        product = load(name).expected({"a": x, "b": y}, {"m": 5, "k": 7, "n": 3})["c"]
        assert np.allclose(product, [[sum(x[i, k] * y[k, j] for k in range(7)) for j in range(3)] for i in range(5)])
    assert load("transpose").expected({"x": x}, {"rows": 5, "cols": 7})["y"][6, 2] == x[2, 6]
    assert load("vector_add").expected({"a": gamma, "b": beta}, {"n": 7})["c"].tolist() == (gamma + beta).tolist()
    assert np.isclose(load("reduce_sum").expected({"x": gamma}, {"n": 7})["out"][0], sum(gamma))


def test_attention_mixes_values_by_the_softmax_of_scaled_scores_head_by_head() -> None:
    q, k, v = np.random.default_rng(5).normal(size=(3, 2, 5, 16))
    mixed = load("attention").expected({"q": q, "k": k, "v": v}, {"heads": 2, "length": 5, "width": 16})["out"]
    for head in range(2):
        scores = {"x": np.array([[left @ right / 4 for right in k[head]] for left in q[head]])}
        weights = load("softmax").expected(scores, {"rows": 5, "cols": 5})["y"]
        assert np.allclose(mixed[head], weights @ v[head])


def test_attention_that_is_not_fused_is_attention() -> None:
    q, k, v = np.random.default_rng(5).normal(size=(3, 2, 5, 16))
    given = {"q": q, "k": k, "v": v}, {"heads": 2, "length": 5, "width": 16}
    assert np.allclose(load("attention_unfused").expected(*given)["out"], load("attention").expected(*given)["out"])


def test_batch_norm_is_layernorm_of_columns_and_a_relu() -> None:
    rng = np.random.default_rng(5)
    x, gamma, beta = rng.normal(size=(5, 7)), rng.normal(size=7), rng.normal(size=7)
    normed = load("batch_norm").expected({"x": x, "gamma": gamma, "beta": beta}, {"rows": 5, "cols": 7})["y"]
    plain = {"x": x.T, "gamma": np.ones(5), "beta": np.zeros(5)}
    turned = load("layernorm").expected(plain, {"rows": 7, "cols": 5})["y"].T
    assert np.allclose(normed, np.maximum(turned * gamma + beta, 0))
    assert 0 < np.count_nonzero(normed) < normed.size


def test_cross_entropy_is_minus_the_mean_logarithm_of_the_softmax_at_the_labels() -> None:
    x, labels = np.random.default_rng(5).normal(size=(4, 3)), np.array([2, 0, 1, 2])
    loss = load("cross_entropy").expected({"x": x, "labels": labels}, {"rows": 4, "classes": 3})["loss"]
    soft = load("softmax").expected({"x": x}, {"rows": 4, "cols": 3})["y"]
    assert np.allclose(loss, [-np.mean([np.log(soft[row, label]) for row, label in enumerate(labels)])])


def test_mlp_is_two_products_with_a_gelu_between_them() -> None:
    rng = np.random.default_rng(5)
    x, w1, b1, w2, b2 = (rng.normal(size=size) for size in ((2, 3), (3, 4), 4, (4, 3), 3))
    given = {"x": x, "w1": w1, "b1": b1, "w2": w2, "b2": b2}, {"rows": 2, "width": 3, "hidden": 4}
    y = load("mlp").expected(*given)["y"]
    exact = np.vectorize(lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2)
    assert np.allclose(y, exact(x @ w1 + b1) @ w2 + b2, atol=5e-3)
