"""The transpose of a matrix. Nothing is computed, so the outputs must be the inputs' very bits."""

from kernelevo import Input, Output, Problem


def reference(x):
    return x.T


problem = Problem(
    arguments=[
        Input("x", "f32[rows, cols]", aligned=16),
        Output("y", "f32[cols, rows]", aligned=16),
    ],
    reference=reference,
    benchmarks=["rows=2048, cols=2048", "rows=1500, cols=1000"],
)
