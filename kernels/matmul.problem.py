"""c = a * b for row-major f32 matrices."""

from kernelevo import Input, Output, Problem


def reference(a, b):
    return a @ b


problem = Problem(
    arguments=[
        Input("a", "f32[m, k]", aligned=16),
        Input("b", "f32[k, n]", aligned=16),
        Output("c", "f32[m, n]", aligned=16),
    ],
    reference=reference,
    benchmarks=["m=512, n=512, k=512"],
    flops="2 * m * n * k",
)
