"""Cross entropy: the mean over the rows of minus the log-softmax at the row's label."""

import numpy as np

from kernelevo import Input, Output, Problem, biased, integers, normal, uniform


def reference(x, labels):
    shifted = x - x.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.take_along_axis(logs, labels[:, None], axis=1).mean(keepdims=True)[0]


problem = Problem(
    arguments=[
        Input("x", "f32[rows, classes]", aligned=16),
        Input("labels", "i32[rows]", aligned=16),
        Output("loss", "f32[1]"),
    ],
    reference=reference,
    benchmarks=["rows=4096, classes=512"],
    inputs={
        # No constant rows: all losses are the same then, and adding one number again and again in f32 rounds the same
        # way each time, so honest orders differ widely.
        "x": [normal(), uniform(0.0, 1.0), uniform(-100.0, 100.0), biased(), integers()],
        "labels": [integers(0, "classes - 1")],
    },
    flops="5 * rows * classes",
)
