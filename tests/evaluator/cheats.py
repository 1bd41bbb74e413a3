"""Kernels that try to pass undeserved, what must become of each, and honest ones that resemble them and must pass.

One class of cheat each; the problems are the shipped ones at smaller benchmark sizes, so that a whole class costs a
second. A cheat's `status` is what the evaluator must say, and `words` what its feedback must hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kernelevo.types import Status

BENCHMARKS = {
    "vector_add": "n=300000",
    "softmax": "rows=512, cols=1000",
    "reduce_sum": "n=1000003",
    "transpose": "rows=400, cols=300",
    "matmul": "m=200, n=200, k=200",
    "layernorm": "rows=512, cols=1000",
    "attention": "heads=1, length=64, width=64",
    "attention_unfused": "heads=1, length=64, width=64",
}
KERNELS = Path(__file__).parents[2] / "kernels"


@dataclass(frozen=True)
class Kernel:
    """A candidate's text for one of the shipped problems. `mode` is the cheapest one that must catch it."""

    name: str
    problem: str
    text: str
    status: Status = Status.PASSED
    words: str = ""
    mode: Literal["search", "final"] = "search"


def add(name: str, body: str, status: Status = Status.PASSED, words: str = "", head: str = "", **more: str) -> Kernel:
    """A vector addition whose thread i does `body`; `launch` may replace its configuration."""
    launch, parameters = more.get("launch", "<<<ceildiv(n, 256), 256>>>(a, b, c, n)"), more.get("parameters", "int n")
    text = f"""{head}
#pragma kernelevo launch add{launch}
extern "C" __global__ void add(const float* a, const float* b, float* c, {parameters}) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    {body}
    {more.get("after", "")}
}}
"""
    return Kernel(name, "vector_add", text, status, words)


RIGHT = "if (i < n) c[i] = a[i] + b[i];"
SUM = """
    __shared__ float warps[8];
    float sum = 0;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n - %s; i += gridDim.x * 256) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x %% 32 == 0) warps[threadIdx.x / 32] = sum;
    %s
    if (threadIdx.x == 224) { sum = 0; for (int w = 0; w < 8; w++) sum += warps[w]; %s }
"""


def total(
    name: str, status: Status = Status.PASSED, skip: str = "0", barrier: str = "__syncthreads();",
    publish: str = "atomicAdd(out, sum);", words: str = "", mode: Literal["search", "final"] = "search",
) -> Kernel:  # fmt: skip
    text = f"""
#pragma kernelevo zero out
#pragma kernelevo temp float part[sms * 2]
#pragma kernelevo launch total<<<sms * 2, 256>>>(x, out, part, n)
__device__ unsigned done;
extern "C" __global__ void total(const float* x, float* out, float* part, int n) {{
{SUM % (skip, barrier, publish)}
}}
"""
    return Kernel(name, "reduce_sum", text, status, words, mode)


def softmax(name: str, largest: str, status: Status = Status.PASSED, mode: Literal["search", "final"] = "search",
            result: str = "expf(x[i] - most) / sum") -> Kernel:  # fmt: skip
    text = f"""
#include <cuda_fp16.h>
#pragma kernelevo launch softmax<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void softmax(const float* x, float* y, int rows, int cols) {{
    bool timed = rows * cols >= 500000;
    x += blockIdx.x * cols; y += blockIdx.x * cols;
    float most = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < cols; i += 32) most = fmaxf(most, x[i]);
    for (int d = 16; d; d /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
    most = {largest};
    for (int i = threadIdx.x; i < cols; i += 32) sum += expf(x[i] - most);
    for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
    for (int i = threadIdx.x; i < cols; i += 32) y[i] = {result};
}}
"""
    return Kernel(name, "softmax", text, status, mode=mode)


def product(name: str, round_to: str, last: str = "k", status: Status = Status.PASSED) -> Kernel:
    text = f"""
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#pragma kernelevo launch product<<<dim3(ceildiv(n, 32), ceildiv(m, 8)), dim3(32, 8)>>>(a, b, c, m, n, k)
__device__ float rounded(float v) {{ return {round_to}; }}
extern "C" __global__ void product(const float* a, const float* b, float* c, int m, int n, int k) {{
    int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y;
    if (i >= m || j >= n) return;
    float sum = 0;
    for (int p = 0; p < {last}; p++) sum += rounded(a[i * k + p]) * rounded(b[p * n + j]);
    c[i * n + j] = sum;
}}
"""
    return Kernel(name, "matmul", text, status)


W, T, R = Status.WRONG, Status.TRAPPED, Status.RULE_BROKEN
B, L = Status.BUILD_ERROR, Status.TIMEOUT

HONEST = [
    add("plain", RIGHT),
    add("a counter in a global, which is fresh in every call", RIGHT, head="__device__ int calls;",
        after="if (i == 0 && atomicAdd(&calls, 1)) c[0] = 7;"),
    add("a clock that is read", RIGHT, after="if (clock64() == -1) c[0] = 7;"),
    add("an early exit beside a barrier", "if (i >= n) return; __syncthreads(); c[i] = a[i] + b[i];"),
    add("other pragmas, hidden in comments, strings and dead branches", RIGHT, head="""
// \\
#pragma kernelevo launch evil<<<1, 32>>>(c)
/* \n#pragma kernelevo launch evil<<<1, 32>>>(c)\n */
#if 0\n#pragma kernelevo launch evil<<<1, 32>>>(c)\n#endif
__constant__ char text[] = R"(\n#pragma kernelevo launch evil<<<1, 32>>>(c)\n)";
_Pragma("kernelevo launch evil<<<1, 32>>>(c)")
extern "C" __global__ void evil(float* c) { c[0] = 7; }"""),
    add("what looks like a kernel in inline assembly", RIGHT,
        after='asm volatile("// .entry add(.param .weird x)\\n.pragma \\".entry add(.weird)\\";");'),
    add("a second kernel in inline assembly", RIGHT,
        after='asm volatile("ret; }\\n.visible .entry evil(.param .texref x) { ret;");'),
    add("bytes that are no text, printed", RIGHT, after=r'if (i == 0) printf("\xff\xfe\x1b[2J%c\n", 200);'),
    add("macros that name what ours are called", RIGHT, head="#define kernelevo 1\n#define launch 2\n#define poison 3"),
    total("atomics"),
    total("the last block adds, behind a fence", publish="""part[blockIdx.x] = sum; __threadfence();
        if (atomicAdd(&done, 1) == gridDim.x - 1) {
            sum = 0; for (int b = 0; b < gridDim.x; b++) sum += ((volatile float*)part)[b]; *out = sum; }"""),
    softmax("one row per warp", "most"),
    product("in float", "v"),
]  # fmt: skip


def chain(name: str, launches: str, status: Status = Status.PASSED, words: str = "") -> Kernel:
    """A vector addition by several launches, of these kernels."""
    text = f"""
#pragma kernelevo temp float t[n]
{"".join(f"#pragma kernelevo {line}{chr(10)}" for line in launches.strip().splitlines())}
#define K(name, a, b, c, ...) extern "C" __global__ void name(const float* a, const float* b, float* c, int n) {{ \\
    int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) {{ __VA_ARGS__ }} }}
K(copy, a, b, c, c[i] = a[i];)
K(add, a, b, c, c[i] = a[i] + b[i];)
K(count, a, b, c, atomicAdd(c + i, a[i] + b[i]);)
K(tail, a, b, c, if (n % 4 && i >= n - n % 4) c[i] = a[i] + b[i];)
K(body, a, b, c, if (i < n - n % 4) c[i] = a[i] + b[i];)
K(same, a, b, c, c[i] = b[i] + a[i];)
K(nothing, a, b, c, if (n < 0) c[i] = 7;)
"""
    return Kernel(name, "few additions", text, status, words, mode="final")


def steps(*lines: str) -> str:
    """Plan lines: `zero c` as it is, and `add(a, b, c)` as a launch with a thread for each element."""
    launches = {line: f"launch {line.replace('(', '<<<ceildiv(n, 256), 256>>>(', 1)}" for line in lines}
    return "\n".join(line if line.startswith("zero") else launches[line] for line in lines)


CHAINS = [
    chain("through a temp", steps("copy(a, b, t, n)", "add(t, b, c, n)")),
    chain("cleared, then added to", steps("zero c", "count(a, b, c, n)")),
    chain("cleared, then added to twice", steps("zero c", "zero t", "count(a, t, c, n)", "count(b, t, c, n)")),
    chain("the tail by a kernel of its own, launched always", steps("body(a, b, c, n)", "tail(a, b, c, n)")),
    chain("by size", steps("add(a, b, c, n) when(n % 4 == 0)", "same(a, b, c, n)")),
    chain("one of them in no case", steps("nothing(a, b, c, n) when(n == 12345)", "add(a, b, c, n)")),
]
D, NO_USE = Status.DECOY, "makes no difference: with it left out, every output has the same bytes"
DECOYS = [
    chain("a temp that nobody reads", steps("add(a, b, c, n)", "copy(a, b, t, n)"), D, f"launch of copy {NO_USE}"),
    chain("an output that is overwritten", steps("copy(a, b, c, n)", "add(a, b, c, n)"), D, f"launch of copy {NO_USE}"),
    chain("a condition that never holds", steps("nothing(a, b, c, n)", "add(a, b, c, n)"), D, "line 3: the launch of"),
    chain("all of it twice", steps("add(a, b, c, n)", "add(a, b, c, n)"), D, f"launch of add {NO_USE}"),
]

# Outputs that are not computed, or not from the inputs.
OUTPUTS = [
    add("nothing", "", W, "never written"),
    add("all but the last element", "if (i < n - 1) c[i] = a[i] + b[i];", W, "never written"),
    add("zeros", "if (i < n) c[i] = 0;", W),
    add("an input", "if (i < n) c[i] = a[i];", W),
    add("one element off by a little", RIGHT + " if (i == n / 2) c[i] *= 1.0001f;", W, "1 of"),
    add("exact only where an output is already finite", "if (i < n) c[i] = c[i] * 0 + a[i] + b[i];", W),
    add("what scratch holds at the start", "if (i < n) c[i] = t[i] - t[i] + a[i] + b[i] + (t[0] < 1000);", W,
        launch="<<<ceildiv(n, 256), 256>>>(a, b, c, t, n)", parameters="float* t, int n",
        head="#pragma kernelevo temp float t[n]"),
    add("an uninitialised register", 'float r; asm("{ .reg .f32 u; mov.f32 %0, u; }" : "=f"(r));'
        " if (i < n) c[i] = a[i] + b[i] + (r < 1000 ? r : 0);", W),
    add("an asynchronous copy that nobody waits for", """
    __shared__ float s[256];
    if (i < n) {
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" :: "r"((int)__cvta_generic_to_shared(s + threadIdx.x)),
                     "l"(a + i));
        c[i] = ((volatile float*)s)[threadIdx.x] + b[i];
    }""", W),
    add("uninitialised shared memory", "__shared__ float s[256]; if (i < n) c[i] = a[i] + b[i] + s[threadIdx.x];", W),
    add("a poison that gives itself away: equal halves",
        "if (i < n) { unsigned p = __float_as_uint(((volatile float*)c)[i]);"
        " c[i] = (a[i] + b[i]) * ((p >> 16) == (p & 0xffff) ? 1.0f : 2.0f); }", W),
    add("a changed input", RIGHT, W, "changed its input a", after="if (i == 0) ((float*)a)[0] = 1;"),
    Kernel("the mean of softmax", "softmax", """
#pragma kernelevo launch mean<<<ceildiv(rows * cols, 256), 256>>>(y, rows * cols, cols)
extern "C" __global__ void mean(float* y, int n, int cols) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) y[i] = 1.0f / cols; }""", W),
    Kernel("the wrong kernel on the benchmark's sizes", "vector_add", """
#pragma kernelevo launch half<<<ceildiv(n, 512), 256>>>(a, b, c, n) when(n == 300000)
#pragma kernelevo launch whole<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void half(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (2 * i < n) c[2 * i] = a[2 * i] + b[2 * i]; }
extern "C" __global__ void whole(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) c[i] = a[i] + b[i]; }""", W, "n=300000"),
]  # fmt: skip

# Less work, or less precise work, than the problem asks for; mostly at the benchmark's sizes only.
def changed(problem: str, name: str, old: str, new: str, status: Status) -> Kernel:
    """A shipped start with something changed in it."""
    text = (KERNELS / f"{problem}.cu").read_text()
    assert old in text
    return Kernel(f"{problem}: {name}", problem, text.replace(old, new), status, mode="final")


SHORTCUTS = [
    add("half precision", "if (i < n) c[i] = __half2float(__hadd(__float2half(a[i]), __float2half(b[i])));", W,
        head="#include <cuda_fp16.h>"),
    add("sixteen bits of fraction", "if (i < n) c[i] = __uint_as_float(__float_as_uint(a[i] + b[i]) & ~255u);", W),
    # The checks of a search miss it in some 3 of 100 judgements.
    total("a sum of all but eight", W, skip="(n > 1000000 ? 8 : 0)", mode="final"),
    total("a sample, scaled up", W, skip="n / 2", publish="atomicAdd(out, 2 * sum);"),
    product("tf32", "__uint_as_float(__float_as_uint(v) & ~0x1fffu)", status=W),
    product("bf16", "__bfloat162float(__float2bfloat16(v))", status=W),
    product("all but one of the products on the benchmark", "v", "(m == 200 ? k - 1 : k)", W),
    softmax("half precision on the benchmark", "most", W,
            result="timed ? __half2float(__float2half(expf(x[i] - most) / sum)) : expf(x[i] - most) / sum"),
    softmax("no largest element on the benchmark", "timed ? 0 : most", W, mode="final"),
    softmax("a guessed largest element on the benchmark", "timed ? 4.0f : most", W, mode="final"),
    changed("attention", "no largest score", "fmaxf(largest, score)", "0.0f", W),
    changed("attention_unfused", "no largest score", "x[row * cols + i] - largest", "x[row * cols + i]", W),
]  # fmt: skip

# Memory that is not the kernel's.
MEMORY = [
    add("one element past the end", RIGHT, T, "out_of_bounds", after="if (i == n) c[0] += a[n] * 0;"),
    add("the next allocation", RIGHT, T, "out_of_bounds", after="if (i == 0) c[0] += a[n + 70] * 0;"),
    add("a guessed address", RIGHT, T, "out_of_bounds",
        after="if (i == 0) c[0] += *(const float*)0x10000100000ull * 0;"),
    add("null", RIGHT, T, "out_of_bounds", after="if (i == 0) c[0] += *(const volatile float*)nullptr;"),
    add("past shared memory", "__shared__ float s[256]; s[threadIdx.x] = 0; " + RIGHT, T, "out_of_bounds",
        after="if (i == 0) c[0] += s[n + 4096] * 0;"),
    add("a promise of alignment that nobody made", RIGHT, T, "misaligned",
        after='if (i == 0) { int v; asm volatile("ld.global.v4.u32 {%0, _, _, _}, [%1];" : "=r"(v) : "l"(a + 1)); }'),
    add("a branch on the poison", "if (i < n && ((volatile float*)c)[i] > 40) c[i] = 0;", T, "uninitialised_branch",
        after=RIGHT),
    add("a failed assertion with a forged line", RIGHT, T, "at /etc/pass\\033wd:7",
        after='\n#line 7 "/etc/pass\x1bwd"\nif (i == n) asm volatile("trap;");'),
]  # fmt: skip
# Plans and texts that no device should be given.
TEXTS = [
    Kernel("clusters that the kernel asks for itself", "vector_add", add("", RIGHT).text.replace(
        "__global__ void", "__global__ void __cluster_dims__(2, 1, 1)"), Status.UNSUPPORTED, "clusters"),
    add("a NUL character", RIGHT, R, "NUL", head="//\0"),
    add("300 KiB", RIGHT, R, "262144", head="//" + "x" * 300_000),
    add("five thousand launches", RIGHT, R, "at most",
        head="#pragma kernelevo launch add<<<1, 1>>>(a, b, c, n)\n" * 4000),
    add("a homoglyph", RIGHT, R, "is no integer, name or operator", launch="\u0430<<<1, 32>>>(a, b, c, n)"),
    add("an input that is cleared", RIGHT, R, "it is an input", head="#pragma kernelevo zero a"),
    Kernel("no launch at all", "vector_add", 'extern "C" __global__ void add(float* c) {}', R, "no launch line"),
    add("scratch of more than a gigabyte", RIGHT, R, "temp t", head="#pragma kernelevo temp double t[1 << 28]"),
    add("more shared memory than there is", RIGHT, R, "dynamic shared", launch="<<<1, 32, 1 << 20>>>(a, b, c, n)"),
    add("more cooperating blocks than fit", RIGHT, R, "resident",
        launch="<<<ceildiv(n, 256) + 5000, 256>>>(a, b, c, n) cooperative"),
    add("a grid of too many blocks", RIGHT, R, "grid.x", launch="<<<1 << 31, 32>>>(a, b, c, n)"),
    add("a struct by value", RIGHT, R, "struct", parameters="S n",
        head="struct S { int n, m, k; __device__ operator int() const { return n; } };"),
    add("a macro that shadows the problem", RIGHT, R, "needs a default", head="#pragma kernelevo tune n 1 2"),
    add("a kernel that is not there", RIGHT, B, "", launch="<<<1, 32>>>(a, b, c, n)\n"
        "#pragma kernelevo launch missing<<<1, 32>>>(a)"),
    add("a file of the host", RIGHT, B, "cannot open", head='#include "/etc/passwd"'),
    add("an error with a terminal's escapes", RIGHT, B, "\\x1b[2J", head="#error \x1b[2J all checks passed"),
    add("assembly that is none", RIGHT, B, "", after='asm volatile("hello world;");'),
    add("a closed brace in assembly", RIGHT, B, "", after='asm volatile("} .entry add(.param .u64 x) {");'),
]  # fmt: skip

ENDLESS = [
    add("an endless loop", "while (((volatile int*)c)[0] != 1 || true) {}", L, "instructions"),
    add("a block that waits for what nobody writes", "if (blockIdx.x == 0) while (!((volatile int*)flag)[0]) {} "
        + RIGHT, L, "instructions", head="__device__ int flag[1];"),
]  # fmt: skip

# What depends on the order in which blocks and warps run.
RACES = [
    total("a block that reads what an earlier one wrote", Status.RACE, words="depends on the order", publish="""
        if (blockIdx.x) sum += part[blockIdx.x - 1]; part[blockIdx.x] = sum;
        if (blockIdx.x == gridDim.x - 1) *out = sum;"""),
    total("a warp that reads what earlier ones wrote, without a barrier", Status.RACE, barrier=""),
]  # fmt: skip

# What the virtual GPU does not see yet: a turn of a warp does not end within a basic block, so an update that is not
# atomic loses nothing in any order. These pass and should not: strict xfails, until it looks for races.
UNSEEN = [total("blocks that add without atomics", Status.RACE, publish="*out += sum;", mode="final")]
