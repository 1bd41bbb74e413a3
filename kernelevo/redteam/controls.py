"""Controls: honest kernels of many styles, which must pass, and wrong ones, which must not.

An evaluator that refuses what honest kernels do is as useless as one that lets everything pass.
"""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.control import Control, honest, wrong
from kernelevo.redteam.kernels import elementwise

_BLOCK_SUM = """
    __shared__ float warps[8];
    float sum = 0;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += gridDim.x * 256) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) { sum = 0; for (int w = 0; w < 8; w++) sum += warps[w]; }
"""

HONEST_TOTAL = f"""
#pragma kernelevo zero out
#pragma kernelevo launch total<<<16, 256>>>(x, out, n)
extern "C" __global__ void total(const float* x, float* out, int n) {{
{_BLOCK_SUM}
    if (threadIdx.x == 0) atomicAdd(out, sum);
}}
"""

_LAST_BLOCK = f"""
#pragma kernelevo temp float part[16]
#pragma kernelevo temp int done[1]
#pragma kernelevo zero done
#pragma kernelevo launch total<<<16, 256>>>(x, out, part, done, n)
extern "C" __global__ void total(const float* x, float* out, float* part, int* done, int n) {{
{_BLOCK_SUM}
    if (threadIdx.x == 0) {{
        part[blockIdx.x] = sum;
        __threadfence();
        if (atomicAdd(done, 1) == gridDim.x - 1) {{
            __threadfence();
            sum = 0;
            for (int b = 0; b < gridDim.x; b++) sum += ((volatile float*)part)[b];
            *out = sum;
        }}
    }}
}}
"""

_TWO_LAUNCHES = f"""
#pragma kernelevo temp float part[16]
#pragma kernelevo launch total<<<16, 256>>>(x, part, n)
#pragma kernelevo launch total<<<1, 256>>>(part, out, 16)
extern "C" __global__ void total(const float* x, float* out, int n) {{
{_BLOCK_SUM}
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}}
"""

_COOPERATIVE = f"""
#include <cooperative_groups.h>
#pragma kernelevo temp float part[16]
#pragma kernelevo launch total<<<16, 256>>>(x, out, part, n) cooperative
extern "C" __global__ void total(const float* x, float* out, float* part, int n) {{
{_BLOCK_SUM}
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
    cooperative_groups::this_grid().sync();
    if (blockIdx.x == 0 && threadIdx.x == 0) {{
        sum = 0; for (int b = 0; b < 16; b++) sum += part[b]; *out = sum; }}
}}
"""

_SOFTMAX = """
#pragma kernelevo launch softmax<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void softmax(const float* x, float* y, int rows, int cols) {
    x += blockIdx.x * cols; y += blockIdx.x * cols;
    float most = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < cols; i += 32) most = fmaxf(most, x[i]);
    for (int d = 16; d; d /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
    for (int i = threadIdx.x; i < cols; i += 32) sum += expf(x[i] - most);
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    for (int i = threadIdx.x; i < cols; i += 32) y[i] = expf(x[i] - most) / sum;
}
"""

_ONLINE_SOFTMAX = """
#pragma kernelevo launch softmax<<<ceildiv(rows, 64), 64>>>(x, y, rows, cols)
extern "C" __global__ void softmax(const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * 64 + threadIdx.x;
    if (row >= rows) return;
    float most = -INFINITY, sum = 0;
    for (int i = 0; i < cols; i++) {
        float v = x[row * cols + i], larger = fmaxf(most, v);
        sum = sum * expf(most - larger) + expf(v - larger); most = larger; }
    for (int i = 0; i < cols; i++) y[row * cols + i] = expf(x[row * cols + i] - most) / sum;
}
"""

_TILED = """
#pragma kernelevo launch product<<<dim3(ceildiv(n, 16), ceildiv(m, 16)), dim3(16, 16)>>>(a, b, c, m, n, k)
extern "C" __global__ void product(const float* a, const float* b, float* c, int m, int n, int k) {
    __shared__ float s[16][16], t[16][17];
    int x = threadIdx.x, y = threadIdx.y, j = blockIdx.x * 16 + x, i = blockIdx.y * 16 + y;
    float sum = 0;
    for (int p = 0; p < k; p += 16) {
        s[y][x] = i < m && p + x < k ? a[i * k + p + x] : 0;
        t[y][x] = j < n && p + y < k ? b[(p + y) * n + j] : 0;
        __syncthreads();
        for (int q = 0; q < 16; q++) sum += s[y][q] * t[q][x];
        __syncthreads(); }
    if (i < m && j < n) c[i * n + j] = sum;
}
"""

_TENSOR_CORES = """
#include <mma.h>
using namespace nvcuda;
#pragma kernelevo launch product<<<dim3(n / 16, m / 16), 32>>>(a, b, c, n, k)
extern "C" __global__ void product(const half* a, const half* b, float* c, int n, int k) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> s;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> t;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
    wmma::fill_fragment(sum, 0.0f);
    for (int p = 0; p < k; p += 16) {
        wmma::load_matrix_sync(s, a + blockIdx.y * 16 * k + p, k);
        wmma::load_matrix_sync(t, b + p * n + blockIdx.x * 16, n);
        wmma::mma_sync(sum, s, t, sum); }
    wmma::store_matrix_sync(c + blockIdx.y * 16 * n + blockIdx.x * 16, sum, n, wmma::mem_row_major);
}
"""

_IN_PLACE = """
#pragma kernelevo launch add_to<<<ceildiv(n, 128), 128>>>(x, d, n)
extern "C" __global__ void add_to(float* x, const float* d, int n) {
    int i = blockIdx.x * 128 + threadIdx.x;
    if (i < n) x[i] += 2 * d[i];
}
"""

_SHARED_COUNTS = """
#pragma kernelevo zero counts
#pragma kernelevo launch count<<<8, 128>>>(x, counts, n)
extern "C" __global__ void count(const int* x, int* counts, int n) {
    __shared__ int own[8];
    if (threadIdx.x < 8) own[threadIdx.x] = 0;
    __syncthreads();
    for (int i = blockIdx.x * 128 + threadIdx.x; i < n; i += 8 * 128) atomicAdd(own + (x[i] & 7), 1);
    __syncthreads();
    if (threadIdx.x < 8) atomicAdd(counts + threadIdx.x, own[threadIdx.x]);
}
"""

_BY_SIZE = """
#pragma kernelevo launch wide<<<ceildiv(n, 1024), 256>>>(a, b, c, n) when(n % 4 == 0)
#pragma kernelevo launch narrow<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void wide(const float4* a, const float4* b, float4* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n / 4) {
        float4 s = a[i], t = b[i]; c[i] = make_float4(s.x + t.x, s.y + t.y, s.z + t.z, s.w + t.w); }
}
extern "C" __global__ void narrow(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
"""

_HINTS = """float s, t;
    if (i < n) {
        asm("ld.global.nc.L1::evict_last.f32 %0, [%1];" : "=f"(s) : "l"(a + i));
        asm volatile("ld.global.L1::no_allocate.f32 %0, [%1];" : "=f"(t) : "l"(b + i));
        __stcs(c + i, s + t); }"""

_ASYNCHRONOUS = """__shared__ float s[256];
    if (i < n) asm volatile("cp.async.ca.shared.global [%0], [%1], 4;"
        :: "r"((int)__cvta_generic_to_shared(s + threadIdx.x)), "l"(a + i));
    asm volatile("cp.async.wait_all;");
    __syncthreads();
    if (i < n) c[i] = s[threadIdx.x] + b[i];"""

_PASSED_ON = """
#pragma kernelevo temp float t[n]
#pragma kernelevo launch take<<<ceildiv(n, 256), 256>>>(a, t, n)
#pragma kernelevo launch add<<<ceildiv(n, 256), 256>>>(t, b, c, n)
extern "C" __global__ void take(const float* a, float* t, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) t[i] = a[i]; }
extern "C" __global__ void add(const float* t, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) c[i] = t[i] + b[i]; }
"""

RIGHT = "if (i < n) c[i] = a[i] + b[i];"

HONEST = (
    honest("plain", problems.ADD, elementwise(RIGHT)),
    honest("vector loads where sizes allow, by when()", problems.ADD, _BY_SIZE),
    honest("cache hints: ld.global.nc, evict_last, no_allocate, streaming stores", problems.ADD, elementwise(_HINTS)),
    honest("asynchronous copies with a wait", problems.ADD, elementwise(_ASYNCHRONOUS)),
    honest("a temp that one launch hands to the next", problems.ADD, _PASSED_ON),
    honest("a grid-stride loop", problems.ADD, """
#pragma kernelevo launch add<<<8, 128>>>(a, b, c, n)
extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
    for (int i = blockIdx.x * 128 + threadIdx.x; i < n; i += gridDim.x * 128) c[i] = a[i] + b[i]; }"""),
    honest("a clock that is read and not used", problems.ADD, elementwise(RIGHT + " if (clock64() == -1) c[0] = 7;")),
    honest("a line that is printed", problems.ADD, elementwise(RIGHT + ' if (i == 0) printf("%d\\n", n);')),
    honest("an exact copy of special numbers", problems.COPY, """
#pragma kernelevo launch copy<<<ceildiv(n, 256), 256>>>(x, y, n)
extern "C" __global__ void copy(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) y[i] = x[i]; }"""),
    honest("a sum by atomics", problems.TOTAL, HONEST_TOTAL),
    honest("a sum whose last block adds up, behind fences", problems.TOTAL, _LAST_BLOCK),
    honest("a sum in two launches", problems.TOTAL, _TWO_LAUNCHES),
    honest("a sum in one cooperative launch", problems.TOTAL, _COOPERATIVE),
    honest("counts by atomics in shared memory", problems.COUNT, _SHARED_COUNTS),
    honest("softmax by shuffles", problems.SOFTMAX, _SOFTMAX),
    honest("softmax in one pass", problems.SOFTMAX, _ONLINE_SOFTMAX),
    honest("a product by tiles of shared memory", problems.PRODUCT, _TILED),
    honest("a product by tensor cores", problems.PRODUCT_F16, _TENSOR_CORES),
    honest("an update in place", problems.ADD_TO, _IN_PLACE),
)  # fmt: skip

WRONG = (
    wrong("zeros", problems.ADD, elementwise("if (i < n) c[i] = 0;")),
    wrong("an input", problems.ADD, elementwise("if (i < n) c[i] = b[i];")),
    wrong("one element in the last place but one", problems.ADD,
          elementwise(RIGHT + " if (i == n - 1 && n > 2) c[n - 2] = a[n - 1] + b[n - 2];")),
    wrong("one element off by a part in ten thousand", problems.ADD,
          elementwise(RIGHT + " if (i == n / 2) c[i] *= 1.0001f;")),
    wrong("the last tile is left out", problems.PRODUCT, _TILED.replace("p < k; p += 16", "p < k - 15; p += 16")),
    wrong("a missing barrier", problems.PRODUCT, _TILED.replace("__syncthreads();", "", 1)),
    wrong("a sum without atomics", problems.TOTAL, HONEST_TOTAL.replace("atomicAdd(out, sum)", "*out += sum")),
    wrong("a last block without a fence or a volatile", problems.TOTAL, _LAST_BLOCK.replace("__threadfence();", "")),
    wrong("an update that is made twice", problems.ADD_TO, _IN_PLACE.replace("+= 2 *", "+= 4 *")),
    wrong("an update that is not made", problems.ADD_TO, _IN_PLACE.replace("if (i < n) x[i] += 2 * d[i];", "")),
)  # fmt: skip

CONTROLS: tuple[Control, ...] = (*HONEST, *WRONG)
