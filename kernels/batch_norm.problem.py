"""Batch normalisation of each column over the rows, with gamma, beta and epsilon, and a ReLU."""

import numpy as np

from kernelevo import Input, Output, Problem, Scalar, biased, constant_rows, integers, normal, uniform


def reference(x, gamma, beta, *, epsilon):
    mean = x.mean(axis=0)
    variance = ((x - mean) ** 2).mean(axis=0)
    return np.maximum((x - mean) / np.sqrt(variance + epsilon) * gamma + beta, 0)


problem = Problem(
    arguments=[
        Input("x", "f32[rows, cols]", aligned=16),
        Input("gamma", "f32[cols]", aligned=16),
        Input("beta", "f32[cols]", aligned=16),
        Output("y", "f32[rows, cols]", aligned=16),
        Scalar("epsilon", "f32", 1e-5),
    ],
    reference=reference,
    benchmarks=["rows=1024, cols=256"],
    inputs={
        # No lone huge ones: the error of a column's variance shows in them alone then, and honest orders differ widely.
        "x": [normal(), uniform(0.0, 1.0), biased(), constant_rows(), integers()],
        "gamma": [normal(1.0, 0.2)],
        "beta": [normal(0.0, 0.2)],
    },
    flops="8 * rows * cols",
)
