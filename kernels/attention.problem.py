"""Attention: softmax(q k^T / sqrt(width)) v for every head. Inputs and outputs are f16, sums are made in f32."""

import numpy as np

from kernelevo import Input, Output, Problem, Tolerance, normal, uniform


def reference(q, k, v, *, width):
    scores = q @ np.swapaxes(k, 1, 2) / np.sqrt(width)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    return weights @ v / weights.sum(axis=2, keepdims=True)


problem = Problem(
    arguments=[
        Input("q", "f16[heads, length, width]", aligned=16),
        Input("k", "f16[heads, length, width]", aligned=16),
        Input("v", "f16[heads, length, width]", aligned=16),
        Output("out", "f16[heads, length, width]", aligned=16),
    ],
    reference=reference,
    benchmarks=["heads=4, length=256, width=64"],
    tests=[
        "heads=1, length=1, width=16",
        "heads=2, length=17, width=64",
        "heads=3, length=64, width=32",
        "heads=1, length=100, width=80",
        "heads=2, length=129, width=64",
        "heads=1, length=33, width=128",
    ],
    # Derived bounds know one precision for everything, but here it is mixed: sums of f16 products in f32, and f16 weights
    # (11 bits of factors, as in tf32).
    compute_dtype="tf32",
    tolerance=Tolerance(
        1e-3, 1e-3, "weights may be rounded to f16 (2^-11 of each) before they meet v, as tensor cores want them"
    ),
    # Of the last the scores are about 98: exp of them overflows where the largest was not subtracted.
    inputs={name: [normal(), uniform(0.0, 1.0), uniform(3.0, 4.0)] for name in "qkv"},
    constraints=["width % 16 == 0 && width <= 128"],
    flops="4 * heads * length * length * width",
)
