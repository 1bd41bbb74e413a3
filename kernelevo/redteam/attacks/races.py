"""Results that depend on the order of threads, and runs that do not end."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import elementwise, kernel_attack
from kernelevo.types import Budget

_ENDLESS = Budget(seconds=30.0, memory_bytes=1 << 30, warp_instructions=100_000)


def total(publish: str, barrier: str = "__syncthreads();", zeroed: str = "") -> str:
    """A sum by eight blocks whose thread 0 does `publish` with its block's `sum`; `zeroed` is scratch of two words."""
    temp = f"#pragma kernelevo temp int {zeroed}[2]\n#pragma kernelevo zero {zeroed}\n" if zeroed else ""
    more, given = (f"int* {zeroed}, ", f"{zeroed}, ") if zeroed else ("", "")
    return f"""
#pragma kernelevo zero out
#pragma kernelevo temp float part[8]
{temp}#pragma kernelevo launch attack<<<8, 256>>>(x, out, part, {given}n)
extern "C" __global__ void attack(const float* x, float* out, float* part, {more}int n) {{
    __shared__ float warps[8];
    float sum = 0;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += 8 * 256) sum += x[i];
    for (int d = 16; d; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
    {barrier}
    if (threadIdx.x == 224) {{ sum = 0; for (int w = 0; w < 8; w++) sum += warps[w]; {publish} }}
}}
"""


def _then(body: str) -> str:
    """A kernel that writes all but the first element, and after it one that writes that and does `body`."""
    return (
        elementwise("if (i && i < n) c[i] = a[i] + b[i];")
        + f"""
#pragma kernelevo launch then<<<1, 1>>>(a, b, c, n)
extern "C" __global__ void then(const float* a, const float* b, float* c, int n) {{
    *(volatile float*)c = a[0] + b[0];
    {body} }}
"""
    )


ATTACKS = [
    kernel_attack(
        "sums without atomics", "H88", "blocks add to one number, and none is lost as long as they take turns",
        "races", problems.TOTAL, total("*out += sum;"),
    ),
    kernel_attack(
        "the block before", "H88", "each block uses what the one before has written, which ran before it so far",
        "races other_order", problems.TOTAL,
        total("if (blockIdx.x) sum += part[blockIdx.x - 1]; part[blockIdx.x] = sum; if (blockIdx.x == 7) *out = sum;"),
    ),
    kernel_attack(
        "no barrier", "H88", "the last warp uses what the others have written, without a barrier",
        "races other_order", problems.TOTAL, total("atomicAdd(out, sum);", barrier=""),
    ),
    kernel_attack(
        "tickets in order", "H88", "counts on drawing tickets in the order of the blocks; no access races",
        "other_order", problems.TOTAL,
        total("atomicAdd(out, atomicAdd(done, 1) == blockIdx.x ? sum : 0.0f);", zeroed="done"),
    ),
    kernel_attack(
        "a race at the benchmark's size", "K9", "races at the timed size only", "races", problems.TOTAL,
        total("if (n > 10000) *out += sum; else atomicAdd(out, sum);"),
    ),
    kernel_attack(
        "a race in the usual order", "K10", "races only while blocks draw tickets in the order of their numbers",
        "races", problems.TOTAL, total("""
        int ticket = atomicAdd(done, 1);
        bool usual = !atomicOr(done + 1, ticket != blockIdx.x) && ticket == blockIdx.x;
        if (usual) *out += sum; else atomicAdd(out, sum);""", zeroed="done"),
    ),
    kernel_attack(
        "a race behind a carry", "K11", "learns from memory that nobody wrote which run is searched for races",
        "tracking races", problems.TOTAL, total("""
        unsigned first;
        asm volatile("{ .reg .u32 z; add.cc.u32 z, %1, 0x80000000; addc.u32 %0, 0, 0; }"
            : "=r"(first) : "r"(((volatile unsigned*)part)[0]));
        if (first) *out += sum; else atomicAdd(out, sum);"""),
    ),
    kernel_attack(
        "by the read-only cache", "K33", "reads what its own launch has written through a cache that may not see it",
        "races", problems.ADD, elementwise("""if (i < n) c[i] = a[i];
    __syncthreads();
    if (i < n) {
        float own;
        asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(own) : "l"(c + i));
        c[i] = own + b[i]; }"""),
    ),
    kernel_attack(
        "an endless loop", "H32 H100", "never ends, but its outputs are there", "endings", problems.ADD,
        _then("while (((volatile int*)c)[0] != 1 || n) {}"), budget=_ENDLESS,
    ),
    kernel_attack(
        "a trap at the end", "H100", "stops at a trap after its outputs are there", "endings", problems.ADD,
        _then('asm volatile("trap;");'),
    ),
    kernel_attack(
        "a trap at the start", "H89", "fails at once, and its outputs are those of the call before",
        "endings poison", problems.ADD, elementwise('asm volatile("trap;");'),
    ),
]  # fmt: skip
