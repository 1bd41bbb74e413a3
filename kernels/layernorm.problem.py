"""Layer normalisation over the last axis, with gamma, beta and epsilon."""

import numpy as np

from kernelevo import Input, Output, Problem, Scalar, normal


def reference(x, gamma, beta, *, epsilon):
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


problem = Problem(
    arguments=[
        Input("x", "f32[rows, cols]", aligned=16),
        Input("gamma", "f32[cols]", aligned=16),
        Input("beta", "f32[cols]", aligned=16),
        Output("y", "f32[rows, cols]", aligned=16),
        Scalar("epsilon", "f32", 1e-5),
    ],
    reference=reference,
    benchmarks=["rows=4096, cols=1024", "rows=2048, cols=1000"],
    inputs={"gamma": [normal(1.0, 0.2)], "beta": [normal(0.0, 0.2)]},
    flops="8 * rows * cols",
)
