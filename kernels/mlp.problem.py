"""Two layers with a GELU (as tanh approximates it) between them: y = gelu(x w1 + b1) w2 + b2."""

import numpy as np

from kernelevo import Input, Output, Problem, biased, integers, normal, uniform


def reference(x, w1, b1, w2, b2):
    h = x @ w1 + b1
    h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
    return h @ w2 + b2


problem = Problem(
    arguments=[
        Input("x", "f32[rows, width]", aligned=16),
        Input("w1", "f32[width, hidden]", aligned=16),
        Input("b1", "f32[hidden]", aligned=16),
        Input("w2", "f32[hidden, width]", aligned=16),
        Input("b2", "f32[width]", aligned=16),
        Output("y", "f32[rows, width]", aligned=16),
    ],
    reference=reference,
    benchmarks=["rows=256, width=128, hidden=512"],
    inputs={
        # Weights so small that much of h is where GELU bends.
        "x": [normal(), uniform(0.0, 1.0), biased(), integers()],
        "w1": [normal(0.0, 0.1)],
        "b1": [normal(0.0, 0.2)],
        "w2": [normal(0.0, 0.1)],
        "b2": [normal(0.0, 0.2)],
    },
    flops="4 * rows * width * hidden",
)
