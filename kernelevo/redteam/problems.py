"""Small problems to attack: judged with all checks in a fraction of a second, because a corpus asks hundreds of times.

Each is an ordinary problem, with tests of odd sizes, several distributions and derived tolerances, as those that are
shipped; only its sizes are small.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kernelevo.kernel.arguments import InOut, Input, Output
from kernelevo.kernel.distributions import biased, constant_rows, integers, normal, rare_huge, specials, uniform, wide
from kernelevo.kernel.problem import Problem


def _named(name: str, problem: Problem) -> Problem:
    return problem.located(Path(f"{name}.problem.py"))


ADD = _named("add", Problem(
    [Input("a", "f32[n]", aligned=16), Input("b", "f32[n]", aligned=16), Output("c", "f32[n]", aligned=16)],
    lambda a, b: a + b, ["n=4000"], tests=["n=1", "n=33", "n=257", "n=1000", "n=1023"],
))  # fmt: skip
"""c = a + b"""

ANY_SIZE = _named("any_size", Problem(
    [Input("a", "f32[n]", aligned=16), Input("b", "f32[n]", aligned=16), Output("c", "f32[n]", aligned=16)],
    lambda a, b: a + b, ["n=4000"],
))  # fmt: skip
"""c = a + b, of vectors of any size: it lists no tests of its own."""

COPY = _named("copy", Problem(
    [Input("x", "f32[n]", aligned=16), Output("y", "f32[n]", aligned=16)],
    lambda x: x.copy(), ["n=4000"], tests=["n=1", "n=33", "n=257", "n=1000"],
    inputs={"x": [normal(), specials(["nan", "inf", "subnormal", "negative_zero"], 0.1)]},
))  # fmt: skip
"""y = x, exactly, special numbers included."""

TOTAL = _named("total", Problem(
    [Input("x", "f32[n]", aligned=16), Output("out", "f32[1]")],
    lambda x: x.sum(keepdims=True), ["n=20000"], tests=["n=1", "n=33", "n=1000", "n=4099"],
    inputs={"x": [normal(), uniform(0, 1), wide(), rare_huge(), integers()]},
))  # fmt: skip
"""The sum of a vector."""

MEAN = _named("mean", Problem(
    [Input("x", "f32[rows, cols]", aligned=16), Output("y", "f32[rows]")],
    lambda x: x.mean(axis=1), ["rows=24, cols=1000"], tests=["rows=1, cols=33", "rows=7, cols=257", "rows=33, cols=64"],
    inputs={"x": [normal(), biased(), rare_huge(0.01), integers()]},
))  # fmt: skip
"""The mean of each row."""


def _softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


SOFTMAX = _named("softmax", Problem(
    [Input("x", "f32[rows, cols]", aligned=16), Output("y", "f32[rows, cols]", aligned=16)],
    _softmax, ["rows=24, cols=1000"],
    tests=["rows=1, cols=33", "rows=7, cols=129", "rows=33, cols=64", "rows=3, cols=1"],
))  # fmt: skip
"""Softmax of each row."""

PRODUCT = _named("product", Problem(
    [Input("a", "f32[m, k]", aligned=16), Input("b", "f32[k, n]", aligned=16), Output("c", "f32[m, n]", aligned=16)],
    lambda a, b: a @ b, ["m=64, n=64, k=64"], tests=["m=1, n=1, k=1", "m=17, n=33, k=5", "m=31, n=7, k=65"],
))  # fmt: skip
"""c = a b, row-major."""

PRODUCT_F16 = _named("product_f16", Problem(
    [Input("a", "f16[m, k]", aligned=16), Input("b", "f16[k, n]", aligned=16), Output("c", "f32[m, n]", aligned=16)],
    lambda a, b: a @ b, ["m=64, n=64, k=64"], tests=["m=16, n=16, k=16", "m=32, n=48, k=80"],
    constraints=["m % 16 == 0 && n % 16 == 0 && k % 16 == 0"],
))  # fmt: skip
"""c = a b of halves, added up in f32."""

ADD_TO = _named("add_to", Problem(
    [InOut("x", "f32[n]", aligned=16), Input("d", "f32[n]", aligned=16)],
    lambda x, d: x + 2 * d, ["n=4000"], tests=["n=1", "n=33", "n=1000"],
))  # fmt: skip
"""x += 2 d, in place."""

SCALE = _named("scale", Problem(
    [Input("x", "f32[rows, cols]", aligned=16), Output("y", "f32[rows, cols]", aligned=16)],
    lambda x: x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5), ["rows=24, cols=1000"],
    tests=["rows=1, cols=33", "rows=7, cols=129", "rows=33, cols=64"],
    inputs={"x": [normal(), uniform(0, 1), biased(), rare_huge(), constant_rows(), integers(), normal(0.0, 50.0)]},
))  # fmt: skip
"""Each row over its root mean square."""

COUNT = _named("count", Problem(
    [Input("x", "i32[n]"), Output("counts", "i32[8]")],
    lambda x: np.bincount(x & 7, minlength=8).astype(np.int64), ["n=20000"], tests=["n=1", "n=33", "n=1000", "n=4099"],
    inputs={"x": [integers(0, 7), integers(0, 1000), integers(3, 3)]},
))  # fmt: skip
"""How many numbers have each of the eight lowest digits in base 8."""

FAINT = _named("faint", Problem(
    [Input("x", "f32[n]", aligned=16), Output("y", "f32[n]", aligned=16)],
    lambda x: 1 + x / 1024, ["n=4000"], tests=["n=1", "n=33", "n=1000"], inputs={"x": [normal(), uniform()]},
))  # fmt: skip
"""Numbers that are all nearly one."""

FLAT = _named("flat", Problem(
    [Input("x", "f32[rows, cols]", aligned=16), Output("y", "f32[rows, cols]", aligned=16)],
    _softmax, ["rows=24, cols=1000"], tests=["rows=1, cols=333", "rows=7, cols=512"],
    inputs={"x": [uniform(), uniform(0, 1)]},
))  # fmt: skip
"""Softmax of long rows, whose elements are all small."""

LONG_MEAN = _named("long_mean", Problem(
    [Input("x", "f32[n]", aligned=16), Output("y", "f32[1]")],
    lambda x: x.mean(keepdims=True), ["n=300000"], tests=["n=200001"], inputs={"x": [normal(), biased()]},
))  # fmt: skip
"""The mean of many numbers, which is nearly zero for the first kind of them."""

LONG_TOTAL = _named("long_total", Problem(
    [Input("x", "f32[n]", aligned=16), Output("out", "f32[1]")],
    lambda x: x.sum(keepdims=True), ["n=40000"], tests=["n=20000", "n=33333"],
    inputs={"x": [uniform(0, 1), rare_huge(0.001, 1000)]},
))  # fmt: skip
"""The sum of many positive numbers, or of some among which a few are huge."""

GATE = _named("gate", Problem(
    [Input("x", "f32[rows, cols]", aligned=16), Input("w", "f32[cols]", aligned=16),
     Output("y", "f32[rows, cols]", aligned=16)],
    lambda x, w: x * w, ["rows=24, cols=1000"], tests=["rows=1, cols=33", "rows=7, cols=129"],
))  # fmt: skip
"""Each column times its weight."""

WEIGHED = _named("weighed", Problem(
    [Input("x", "f32[n]", aligned=16), Input("w", "f32[512]", aligned=16), Output("y", "f32[n]", aligned=16)],
    lambda x, w: x * np.exp(w).sum(), ["n=4000"], tests=["n=1", "n=33", "n=1000"], inputs={"w": [normal(), uniform()]},
))  # fmt: skip
"""Numbers times what is made of the weights alone."""

TWICE = _named("twice", Problem(
    [Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: 2 * x, ["n=3000"], tests=["n=1", "n=33", "n=500"],
))  # fmt: skip
"""y = 2 x"""

ALL = {
    problem.name: problem
    for problem in (
        ADD, ANY_SIZE, COPY, TOTAL, MEAN, SOFTMAX, PRODUCT, PRODUCT_F16, ADD_TO, SCALE, COUNT, FAINT, FLAT, LONG_MEAN,
        LONG_TOTAL, GATE, WEIGHED, TWICE,
    )
}  # fmt: skip
