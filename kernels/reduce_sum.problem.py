"""The sum of a vector. In f32 any order of adding is right, which the derived tolerance allows for."""

from kernelevo import Input, Output, Problem, integers, normal, rare_huge, uniform, wide


def reference(x):
    return x.sum(keepdims=True)


problem = Problem(
    arguments=[
        Input("x", "f32[n]", aligned=16),
        Output("out", "f32[1]"),
    ],
    reference=reference,
    benchmarks=["n=4194304", "n=3000001"],
    # No constant vectors: adding one number again and again in f32 rounds the same way each time, so honest orders
    # differ widely.
    inputs={"x": [normal(), uniform(0, 1), wide(), rare_huge(), integers()]},
    flops="n",
)
