"""Lower precision, less work, and what loose tolerances let through."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import kernel_attack

_SCALE = """
#include <cuda_fp16.h>
#include <cuda_bf16.h>
#pragma kernelevo launch attack<<<rows, 32>>>(x, y, rows, cols)
__device__ float taken(float v) {{ return {taken}; }}
__device__ float given(float v) {{ return {given}; }}
extern "C" __global__ void attack(const float* x, float* y, int rows, int cols) {{
    x += blockIdx.x * cols; y += blockIdx.x * cols;
    float sum = 0;
    for (int i = threadIdx.x; i < cols; i += 32) sum += taken(x[i]) * taken(x[i]);
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    float square = sum / cols + 1e-5f, scale = {scale};
    for (int i = threadIdx.x; i < cols; i += 32) y[i] = given(taken(x[i]) * scale);
}}
"""

_SQRT = "1.0f / sqrtf(square)"


def _scale(taken: str = "v", given: str = "v", scale: str = _SQRT) -> str:
    return _SCALE.format(taken=taken, given=given, scale=scale)


_GATE = """
#include <cuda_bf16.h>
#pragma kernelevo launch attack<<<rows, 128>>>(x, w, y, cols)
extern "C" __global__ void attack(const float* x, const float* w, float* y, int cols) {
    for (int i = threadIdx.x; i < cols; i += 128)
        y[blockIdx.x * cols + i] = x[blockIdx.x * cols + i] * __bfloat162float(__float2bfloat16(w[i]));
}
"""

_DROPPED_TAIL = """
#pragma kernelevo zero out
#pragma kernelevo launch attack<<<8, 256>>>(x, out, n)
extern "C" __global__ void attack(const float* x, float* out, int n) {
    float sum = 0;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n - n / 256; i += 8 * 256) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) atomicAdd(out, sum);
}
"""

_NO_LARGEST = """
#pragma kernelevo launch attack<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void attack(const float* x, float* y, int rows, int cols) {
    x += blockIdx.x * cols; y += blockIdx.x * cols;
    float sum = 0;
    for (int i = threadIdx.x; i < cols; i += 32) sum += expf(x[i]);
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    for (int i = threadIdx.x; i < cols; i += 32) y[i] = expf(x[i]) / sum;
}
"""

_FLUSHED = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(x, y, n)
extern "C" __global__ void attack(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) asm("mul.ftz.f32 %0, %1, 0f3F800000;" : "=f"(y[i]) : "f"(x[i]));
}
"""

_NO_NAN = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(x, y, n)
extern "C" __global__ void attack(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) y[i] = fminf(fmaxf(x[i], -3e38f), 3e38f);
}
"""

_DIGITS_ONLY = """
#pragma kernelevo zero counts
#pragma kernelevo launch attack<<<8, 128>>>(x, counts, n)
extern "C" __global__ void attack(const int* x, int* counts, int n) {
    for (int i = blockIdx.x * 128 + threadIdx.x; i < n; i += 8 * 128) if (x[i] < 8) atomicAdd(counts + x[i], 1);
}
"""

_SAMPLE_OF_ROW = """
#pragma kernelevo launch attack<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void attack(const float* x, float* y, int rows, int cols) {
    x += blockIdx.x * cols;
    float sum = 0;
    int seen = cols < 256 ? cols : cols / 2;
    for (int i = threadIdx.x; i < seen; i += 32) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    if (threadIdx.x == 0) y[blockIdx.x] = sum / seen;
}
"""

_NO_TAIL = """
#pragma kernelevo launch attack<<<ceildiv(n, 1024), 256>>>(a, b, c, n)
extern "C" __global__ void attack(const float4* a, const float4* b, float4* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n / 4) {
        float4 s = a[i], t = b[i]; c[i] = make_float4(s.x + t.x, s.y + t.y, s.z + t.z, s.w + t.w); }
}
"""

_HALF_PRODUCT = """
#include <cuda_fp16.h>
#pragma kernelevo launch attack<<<dim3(ceildiv(n, 32), ceildiv(m, 8)), dim3(32, 8)>>>(a, b, c, m, n, k)
extern "C" __global__ void attack(const half* a, const half* b, float* c, int m, int n, int k) {
    int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y;
    if (i >= m || j >= n) return;
    half sum = 0;
    for (int p = 0; p < k; p++) sum = __hfma(a[i * k + p], b[p * n + j], sum);
    c[i * n + j] = __half2float(sum);
}
"""

ATTACKS = [
    kernel_attack(
        "f16 inside", "H81", "rounds what it computes to f16", "derived_tolerance", problems.SCALE,
        _scale(given="__half2float(__float2half(v))"),
    ),
    kernel_attack(
        "bf16 inside", "H81", "rounds what it reads to bf16", "derived_tolerance", problems.SCALE,
        _scale(taken="__bfloat162float(__float2bfloat16(v))"),
    ),
    kernel_attack(
        "TF32 inside", "H81", "cuts what it reads to the eleven bits of TF32", "derived_tolerance", problems.SCALE,
        _scale(taken="__uint_as_float(__float_as_uint(v) & ~0x1fffu)"),
    ),
    kernel_attack(
        "an approximate root", "H81", "takes 16 bits of a root for 24", "derived_tolerance", problems.SCALE,
        _scale(scale="__uint_as_float(__float_as_uint(rsqrtf(square)) & ~0xffu)"),
    ),
    kernel_attack(
        "sums of halves in halves", "H81", "adds products of halves up in f16 where f32 is asked for",
        "derived_tolerance every_element all_distributions edge_cases", problems.PRODUCT_F16, _HALF_PRODUCT,
    ),
    kernel_attack(
        "four steps of Newton", "H82", "starts a root from one, which is near for the usual numbers only",
        "derived_tolerance all_distributions", problems.SCALE,
        _scale(scale="1; for (int s = 0; s < 6; s++) scale *= 1.5f - 0.5f * square * scale * scale"),
    ),
    kernel_attack(
        "a dropped tail", "H82", "leaves out one part in 256 at the end", "derived_tolerance all_distributions",
        problems.LONG_TOTAL, _DROPPED_TAIL,
    ),
    kernel_attack(
        "softmax without the largest", "H82 H76", "is right as long as no exponential overflows", "all_distributions",
        problems.SOFTMAX, _NO_LARGEST,
    ),
    kernel_attack(
        "weights in bf16", "H84", "keeps the weights in bf16", "derived_tolerance", problems.GATE, _GATE,
    ),
    kernel_attack(
        "subnormals flushed", "H85", "copies by a multiplication that flushes subnormals", "all_distributions",
        problems.COPY, _FLUSHED,
    ),
    kernel_attack(
        "NaN and infinity clamped", "H85", "handles finite numbers only", "all_distributions", problems.COPY, _NO_NAN,
    ),
    kernel_attack(
        "no tail", "H85 H87", "takes sizes for multiples of four", "edge_cases", problems.ADD, _NO_TAIL,
    ),
    kernel_attack(
        "as wrong as allowed", "H86", "multiplies everything by 1.009", "derived_tolerance", problems.SCALE,
        _scale(given="v * 1.009f"),
    ),
    kernel_attack(
        "digits only", "H87", "takes numbers for digits, as the first kind of inputs is", "all_distributions",
        problems.COUNT, _DIGITS_ONLY,
    ),
    kernel_attack(
        "half of a long row", "H40 H75", "reads half of a row if that is long, as tested rows are not",
        "timed_calls_checked", problems.MEAN, _SAMPLE_OF_ROW.replace("< 256", "< 300"),
    ),
]  # fmt: skip
