"""Softmax over the last axis."""

import numpy as np

from kernelevo import Input, Output, Problem


def reference(x):
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


problem = Problem(
    arguments=[
        Input("x", "f32[rows, cols]", aligned=16),
        Output("y", "f32[rows, cols]", aligned=16),
    ],
    reference=reference,
    benchmarks=["rows=4096, cols=1024", "rows=2048, cols=1000"],
    flops="5 * rows * cols",
)
