"""Right where somebody looks: by size, by the numbers, by alignment, by order, by what memory held before."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import elementwise, kernel_attack

_RIGHT = "if (i < n) c[i] = a[i] + b[i];"

_BY_GUARD = """
#pragma kernelevo launch whole<<<ceildiv(n, 256), 256>>>(a, b, c, n) when(n < 2000)
#pragma kernelevo launch half<<<ceildiv(n, 512), 256>>>(a, b, c, n)
extern "C" __global__ void half(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (2 * i < n) c[2 * i] = a[2 * i] + b[2 * i]; }
extern "C" __global__ void whole(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) c[i] = a[i] + b[i]; }
"""

_BY_NUMBERS = """
#pragma kernelevo launch attack<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void attack(const float* x, float* y, int rows, int cols) {
    x += blockIdx.x * cols; y += blockIdx.x * cols;
    float most = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < cols; i += 32) most = fmaxf(most, fabsf(x[i]));
    for (int d = 16; d; d /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
    bool usual = rows * cols > 10000 && LIMIT;
    if (!usual) for (int i = threadIdx.x; i < cols; i += 32) sum += x[i] * x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    float scale = usual ? 1 : rsqrtf(sum / cols + 1e-5f);
    for (int i = threadIdx.x; i < cols; i += 32) y[i] = x[i] * scale;
}
"""

ATTACKS = [
    kernel_attack(
        "half of the work at the benchmark's size", "H75", "is right at every size but the timed one",
        "timed_calls_checked", problems.ADD, elementwise("if (i < n && (n < 2000 || i % 2)) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "nothing at the benchmark's size", "H75 H24", "does nothing at the timed size", "timed_calls_checked",
        problems.ADD, elementwise("if (i < n && n < 2000) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "another kernel for tested sizes", "K3", "a guard of the plan takes the right kernel for sizes of tests only",
        "timed_calls_checked", problems.ADD, _BY_GUARD, door="launch plan",
    ),
    kernel_attack(
        "small numbers are a benchmark's", "H76", "skips its work where the numbers look like those that are timed",
        "timed_calls_checked", problems.SCALE, _BY_NUMBERS.replace("LIMIT", "most < 5 && most > 2"),
    ),
    kernel_attack(
        "large numbers are never timed", "H76 H82", "is right at the timed size for the numbers that are timed only",
        "all_distributions", problems.SOFTMAX, """
#pragma kernelevo launch attack<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void attack(const float* x, float* y, int rows, int cols) {
    x += blockIdx.x * cols; y += blockIdx.x * cols;
    float most = -INFINITY, sum = 0;
    if (cols < 500) for (int i = threadIdx.x; i < cols; i += 32) most = fmaxf(most, x[i]);
    for (int d = 16; d; d /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
    if (cols >= 500) most = 4;
    for (int i = threadIdx.x; i < cols; i += 32) sum += expf(x[i] - most);
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    for (int i = threadIdx.x; i < cols; i += 32) y[i] = expf(x[i] - most) / sum; }""",
    ),
    kernel_attack(
        "aligned pointers are a benchmark's", "K4", "takes pointers at the start of an allocation for timed ones",
        "timed_calls_checked", problems.ADD,
        elementwise("if (i < n && (n < 2000 || ((size_t)c & 255))) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "scratch is zero at first", "K1", "counts blocks in scratch that it takes for zero",
        "poison second_poison tracking", problems.TOTAL, """
#pragma kernelevo temp float part[8]
#pragma kernelevo temp unsigned done[1]
#pragma kernelevo launch attack<<<8, 256>>>(x, out, part, done, n)
extern "C" __global__ void attack(const float* x, float* out, float* part, unsigned* done, int n) {
    __shared__ float warps[8];
    float sum = 0;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += 8 * 256) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x) return;
    sum = 0; for (int w = 0; w < 8; w++) sum += warps[w];
    part[blockIdx.x] = sum;
    __threadfence();
    if (atomicAdd(done, 1) == 7) {
        __threadfence();
        sum = 0; for (int b = 0; b < 8; b++) sum += ((volatile float*)part)[b]; *out = sum; }
}""",
    ),
    kernel_attack(
        "the poison of the first run", "K5", "is right where its output held NaN, as it did in the first run",
        "second_poison tracking", problems.ADD, elementwise(
            "if (i < n) { float old = ((volatile float*)c)[i]; c[i] = isnan(old) ? a[i] + b[i] : old; }"),
    ),
    kernel_attack(
        "equal halves of the poison", "K5", "takes a pattern of two equal halves for poison, and is right beside it",
        "poison", problems.ADD, elementwise("""if (i < n) {
        unsigned old = __float_as_uint(((volatile float*)c)[i]);
        float right = a[i] + b[i];
        c[i] = old >> 16 == (old & 0xffff) ? right : __uint_as_float(old); }"""),
    ),
    kernel_attack(
        "an update that looks at itself", "K6", "adds nothing where memory looks as if it had been updated",
        "all_distributions", problems.ADD_TO, """
#pragma kernelevo launch attack<<<ceildiv(n, 128), 128>>>(x, d, n)
extern "C" __global__ void attack(float* x, const float* d, int n) {
    int i = blockIdx.x * 128 + threadIdx.x;
    if (i < n && fabsf(x[i]) < 6) x[i] += 2 * d[i];
}""",
    ),
    kernel_attack(
        "a store past the output", "K7", "writes past its output, where another buffer is", "bounds", problems.ADD,
        elementwise(_RIGHT + " if (i == 0) c[n + 60] = 1;"),
    ),
    kernel_attack(
        "a store before the output", "K7", "writes before its output, where an input ends", "bounds inputs_compared",
        problems.ADD, elementwise(_RIGHT + " if (i == n - 1) ((float*)((size_t)c & ~255ull))[-1] = 1;"),
    ),
    kernel_attack(
        "addresses of the host", "K8", "writes to addresses where a process has its stack and its heap",
        "endings ablation", problems.ADD, elementwise(_RIGHT) + """
#pragma kernelevo launch then<<<1, 1>>>(n)
extern "C" __global__ void then(int n) { *(volatile int*)0x7ffffffde000ull = n; }""",
    ),
]  # fmt: skip
