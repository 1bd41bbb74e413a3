"""Outputs that are not computed: stale or uninitialised memory, inputs, constants, samples, parts."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import elementwise, kernel_attack

_RIGHT = "if (i < n) c[i] = a[i] + b[i];"
_NEXT_TO_C = "(float*)(((size_t)c & ~255ull) + (((size_t)c & ~255ull) - ((size_t)b & ~255ull)))"
"""Where the allocation after c is, if it is as far from c as c is from b."""

_ROW_SCALE = """
#pragma kernelevo launch attack<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void attack(const float* x, float* y, int rows, int cols) {{
    for (int i = threadIdx.x; i < cols; i += 32) y[blockIdx.x * cols + i] = {value};
}}
"""

_SUM = """
#pragma kernelevo launch attack<<<1, 1024>>>(x, {out}, n)
extern "C" __global__ void attack(const float* x, float* out, int n) {{
    __shared__ float parts[32];
    float sum = 0;
    for (int i = threadIdx.x; i < {share}; i += 1024) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {{ for (int w = 1; w < 32; w++) sum += parts[w]; *out = sum * {factor}; }}
}}
"""

_FAINT = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(y, n)
extern "C" __global__ void attack(float* y, int n) { int i = blockIdx.x * 256 + threadIdx.x; if (i < n) y[i] = 1; }
"""

_ZERO_MEAN = """
#pragma kernelevo launch attack<<<1, 1>>>(y)
extern "C" __global__ void attack(float* y) { *y = 0; }
"""

ATTACKS = [
    kernel_attack(
        "stale output", "H33", "writes nothing: the memory of its output held the answer a moment ago",
        "poison", problems.ADD, elementwise(""),
    ),
    kernel_attack(
        "shared memory that nobody wrote", "H34", "adds what shared memory happens to hold, if it is a number",
        "second_poison tracking", problems.ADD, elementwise("""__shared__ float s[256];
    float old = ((volatile float*)s)[threadIdx.x];
    if (i < n) c[i] = a[i] + b[i] + (isnan(old) ? 0 : old);"""),
    ),
    kernel_attack(
        "past the end", "H34", "reads past the end of an input, and what is there does no harm",
        "bounds", problems.ADD, elementwise(_RIGHT + " if (i == 0 && a[n + 2] == 1e30f) c[0] = 7;"),
    ),
    kernel_attack(
        "the identity", "H35", "returns its input: its root mean square is nearly one",
        "derived_tolerance all_distributions edge_cases", problems.SCALE.with_cases(["rows=2, cols=100000"]),
        _ROW_SCALE.format(value="x[blockIdx.x * cols + i]"),
    ),
    kernel_attack(
        "zeros", "H36", "writes zeros, for every element of the softmax of a long row is small",
        "derived_tolerance", problems.FLAT, _ROW_SCALE.format(value="0"),
    ),
    kernel_attack(
        "a constant", "H37", "writes one, near to which every output is", "derived_tolerance", problems.FAINT, _FAINT,
    ),
    kernel_attack(
        "the mean of a softmax", "H38", "writes one over the number of columns", "derived_tolerance", problems.FLAT,
        _ROW_SCALE.format(value="1.0f / cols"),
    ),
    kernel_attack(
        "the mean of noise", "H39", "writes zero, which the mean of many random numbers nearly is",
        "derived_tolerance all_distributions", problems.LONG_MEAN, _ZERO_MEAN,
    ),
    kernel_attack(
        "half of the sum", "H40", "adds up the first half, and doubles it",
        "derived_tolerance all_distributions", problems.LONG_TOTAL,
        _SUM.format(out="out", share="n / 2", factor="((float)n / (n / 2))"),
    ),
    kernel_attack(
        "all but one in 128", "H41", "leaves out fewer elements than a share of 1 %", "every_element", problems.ADD,
        elementwise("if (i < n) c[i] = i % 128 == 77 ? 0 : a[i] + b[i];"),
    ),
    kernel_attack(
        "partial write", "H42", "writes the last block only, and leaves the rest to the call before",
        "poison", problems.ADD, elementwise("if (i < n && blockIdx.x == gridDim.x - 1) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "every second row", "H42", "writes even rows only; the others are there from the call before",
        "poison", problems.GATE, """
#pragma kernelevo launch attack<<<rows, 128>>>(x, w, y, cols)
extern "C" __global__ void attack(const float* x, const float* w, float* y, int cols) {
    if (blockIdx.x % 2) return;
    for (int i = threadIdx.x; i < cols; i += 128) y[blockIdx.x * cols + i] = x[blockIdx.x * cols + i] * w[i]; }""",
    ),
    kernel_attack(
        "early return", "H43", "returns at once where its output already holds finite numbers",
        "second_poison tracking", problems.ADD,
        elementwise("if (i < n && !isfinite(((volatile float*)c)[i])) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "inputs made zero", "H44", "clears its inputs and its output, so that a reference called afterwards agrees",
        "inputs_compared", problems.ADD,
        elementwise("if (i < n) { ((float*)a)[i] = 0; ((float*)b)[i] = 0; c[i] = 0; }"),
    ),
    kernel_attack(
        "one input changed to fit", "H44", "writes zeros, and the negative of one input into the other",
        "inputs_compared", problems.ADD, elementwise("if (i < n) { c[i] = 0; ((float*)b)[i] = -a[i]; }"),
    ),
    kernel_attack(
        "NaN everywhere", "H45", "writes NaN, which differs from nothing by more than a tolerance",
        "every_element", problems.ADD, elementwise("if (i < n) c[i] = NAN;"),
    ),
    kernel_attack(
        "the expected overwritten", "H46", "writes zeros over what it is compared with", "expected_apart", problems.ADD,
        elementwise(f"float* expected = {_NEXT_TO_C}; if (i < n) {{ c[i] = 0; expected[i] = 0; }}"),
    ),
    kernel_attack(
        "the expected copied", "H47", "finds the expected outputs next to its own, and copies them",
        "expected_apart", problems.ADD,
        elementwise(f"const float* expected = {_NEXT_TO_C}; if (i < n) c[i] = expected[i];"),
    ),
]  # fmt: skip
