"""Attention in f32: softmax(q k^T / sqrt(width)) v for every head."""

import numpy as np

from kernelevo import Input, Output, Problem, integers, normal, uniform


def reference(q, k, v, *, width):
    scores = q @ np.swapaxes(k, 1, 2) / np.sqrt(width)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    return weights / weights.sum(axis=2, keepdims=True) @ v


problem = Problem(
    arguments=[
        Input("q", "f32[heads, length, width]", aligned=16),
        Input("k", "f32[heads, length, width]", aligned=16),
        Input("v", "f32[heads, length, width]", aligned=16),
        Output("out", "f32[heads, length, width]", aligned=16),
    ],
    reference=reference,
    benchmarks=["heads=2, length=256, width=64"],
    # Of the last the scores are about 98: exp of them overflows where the largest was not subtracted. Those of huge
    # numbers would turn the rounding of a score into a large error of its weight, in honest kernels too.
    inputs={name: [normal(), uniform(0.0, 1.0), integers(), uniform(3.0, 4.0)] for name in "qkv"},
    constraints=["heads <= 64"],
    flops="4 * heads * length * length * width",
)
