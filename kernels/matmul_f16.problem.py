"""c = a * b for row-major f16 matrices, added up and stored in f32.

The products of halves are exact in f32, so that c shows the precision of the sums: adding in f16 is refused.
"""

from kernelevo import Input, Output, Problem


def reference(a, b):
    return a @ b


problem = Problem(
    arguments=[
        Input("a", "f16[m, k]", aligned=16),
        Input("b", "f16[k, n]", aligned=16),
        Output("c", "f32[m, n]", aligned=16),
    ],
    reference=reference,
    benchmarks=["m=512, n=512, k=256"],
    flops="2 * m * n * k",
)
