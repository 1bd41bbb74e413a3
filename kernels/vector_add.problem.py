"""c = a + b for vectors of n numbers."""

from kernelevo import Input, Output, Problem


def reference(a, b):
    return a + b


problem = Problem(
    arguments=[
        Input("a", "f32[n]", aligned=16),
        Input("b", "f32[n]", aligned=16),
        Output("c", "f32[n]", aligned=16),
    ],
    reference=reference,
    benchmarks=["n=4194304", "n=1000000"],
    flops="n",
)
