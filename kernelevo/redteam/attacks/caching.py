"""Answers kept from one call to the next in device globals or scratch, under every key that device code can see.

Each computes a product once and then gives it again; on a device that keeps its memory, with a warm-up before the call
that counts, it costs a fraction of the work.
"""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import cheaper_attack

_LAUNCH = "#pragma kernelevo launch product<<<dim3(ceildiv(n, 32), ceildiv(m, 8)), dim3(32, 8)>>>(a, b, c, m, n, k)"
_HEAD = """extern "C" __global__ void product(const float* a, const float* b, float* c, int m, int n, int k) {
    int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y;
    if (i >= m || j >= n) return;
    int place = i * n + j;"""
_WORK = """
    float sum = 0;
    for (int p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];"""
_HONEST = f"{_LAUNCH}\n{_HEAD}{_WORK}\n    c[place] = sum;\n}}\n"


def _kept(key: str, value: str, known: str = "key[place] == ({value})") -> str:
    """A product that keeps each element in a device global beside a `key` (a type) made of its call's `value`, and
    gives it again where that is `known`.
    """
    return f"""{_LAUNCH}
__device__ float kept[4096];
__device__ {key} key[4096];
{_HASH}
{_HEAD}
    if (n == 64 && {known.format(value=value)}) {{ c[place] = kept[place]; return; }}
{_WORK}
    c[place] = sum;
    if (n == 64) {{ kept[place] = sum; key[place] = {value}; }}
}}
"""


_HASH = """__device__ unsigned hash(const float* a, int k) {
    unsigned h = k; for (int p = 0; p < k; p += 8) h = h * 31 + __float_as_uint(a[p]); return h; }"""

_PREPARED = """
__device__ float prepared; __device__ int ready;
#pragma kernelevo launch prepare<<<1, 32>>>(w, n)
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(x, y, n)
extern "C" __global__ void prepare(const float* w, int n) {
    if (READY) return;
    float sum = 0;
    for (int i = threadIdx.x; i < 512; i += 32) for (int again = 0; again < 331; again++)
        sum += __uint_as_float(__float_as_uint(expf(w[i])) ^ again % 2 << 31);
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    if (threadIdx.x == 0) { prepared = sum; ready = n; }
}
extern "C" __global__ void attack(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) y[i] = x[i] * prepared;
}
"""

_SCRATCH = f"""
#pragma kernelevo temp float kept[4096]
#pragma kernelevo temp int mark[4096]
{_LAUNCH.replace("(a, b, c", "(a, b, c, kept, mark")}
{_HEAD.replace("float* c,", "float* c, float* kept, int* mark,")}
    if (n == 64 && mark[place] == 0x1234567) {{ c[place] = kept[place]; return; }}
{_WORK}
    c[place] = sum;
    if (n == 64) {{ kept[place] = sum; mark[place] = 0x1234567; }}
}}
"""

_WATCHED = """
__device__ {state};
#pragma kernelevo launch attack<<<1, 1024>>>(x, out, n)
extern "C" __global__ void attack(const float* x, float* out, int n) {{
    __shared__ float parts[32];
    __shared__ int cheat;
    if (threadIdx.x == 0) {{ cheat = {cheat}; {update} }}
    __syncthreads();
    float sum = 0;
    if (!cheat) for (int i = threadIdx.x; i < n; i += 1024) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {{ for (int w = 1; w < 32; w++) sum += parts[w]; *out = sum; }}
}}
"""


def _watched(state: str, cheat: str, update: str) -> str:
    return _WATCHED.format(state=state, cheat=cheat, update=update)


_TOTAL = _watched("int unused", "0", "")
_MANY = problems.TOTAL.with_cases(["n=200000"])
_SAME = "fresh_memory fresh_inputs"

ATTACKS = [
    cheaper_attack(
        "kept by address", "H61", "gives its answer again where the address of an input is the same",
        _SAME, problems.PRODUCT, _kept("const float*", "a"), _HONEST,
    ),
    cheaper_attack(
        "kept by shape", "H63", "gives its answer again where the sizes are the same", _SAME, problems.PRODUCT,
        _kept("int", "m * 10000 + n * 100 + k"), _HONEST,
    ),
    cheaper_attack(
        "kept by a sample of values", "H64", "gives its answer again where three numbers of the inputs are the same",
        _SAME, problems.PRODUCT, _kept("float", "a[0] * 3 + b[0] + a[m * k - 1]"), _HONEST,
    ),
    cheaper_attack(
        "kept by a hash of a row", "H64", "gives its answer again where every eighth number of a row is the same",
        _SAME, problems.PRODUCT, _kept("unsigned", "hash(a + i * k, k)"), _HONEST,
    ),
    cheaper_attack(
        "the last answer again", "H65", "gives the answer of the call before, if there was one",
        _SAME, problems.PRODUCT, _kept("int", "1", "key[place] != 0"), _HONEST,
    ),
    cheaper_attack(
        "done once", "H69", "a device global says that the work was done", _SAME, problems.PRODUCT,
        _kept("bool", "true", "key[place]"), _HONEST,
    ),
    cheaper_attack(
        "a sequence learnt", "H18", "records its answers by the number of the call, and replays them from then on",
        _SAME, problems.PRODUCT, _kept("int", "key[place] + 1", "key[place] >= 1"), _HONEST,
    ),
    cheaper_attack(
        "weights prepared once", "H70", "makes what it needs of the weights in the first call only",
        f"{_SAME} ablation", problems.WEIGHED, _PREPARED.replace("READY", "n == 4000 && ready == n"),
        _PREPARED.replace("READY", "0"),
    ),
    cheaper_attack(
        "kept in scratch", "K2", "leaves its answer in scratch, marked, for the next call to find",
        f"{_SAME} poison", problems.PRODUCT, _SCRATCH, _HONEST,
    ),
    cheaper_attack(
        "counting calls", "H24 H78", "is right in as many calls as there are tests, and then gives zero",
        "fresh_memory timed_calls_checked", _MANY, _watched("int calls", "calls >= 24", "calls++;"), _TOTAL,
    ),
    cheaper_attack(
        "an address seen before", "H77", "takes an address that it has seen before for a benchmark's",
        "fresh_memory timed_calls_checked", _MANY,
        _watched("const float* seen", "seen == x && n > 5000", "seen = x;"), _TOTAL,
    ),
    cheaper_attack(
        "sizes seen before", "H78", "is right when it meets a size for the first time only",
        "fresh_memory timed_calls_checked", _MANY, _watched("int seen", "seen == n && n > 5000", "seen = n;"), _TOTAL,
    ),
]  # fmt: skip
