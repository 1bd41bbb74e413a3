"""The rules of the plan: no host code and no library call, and every trick of a text is harmless or caught.

A harmless trick is shown beside a right kernel, which must still pass: what it does cannot matter. A caught one must
end in the status that is named, with the words that tell its author what to do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.evaluators.kernels import SOURCE_BYTES_LIMIT
from kernelevo.redteam import problems
from kernelevo.redteam.kernels import elementwise
from kernelevo.redteam.range import Range
from kernelevo.types import Status, Verdict

RIGHT = "if (i < n) c[i] = a[i] + b[i];"
LAUNCH = "#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(a, b, c, n)\n"
KERNEL = elementwise(RIGHT).split("\n", 2)[2]
"""Without a plan."""


def judged(ground: Range, text: str) -> Verdict:
    return ground.judge(problems.ADD, text)


HARMLESS = {
    "device globals": elementwise(
        RIGHT + " if (i == 0 && atomicAdd(&calls, 1) != 0) c[0] = 7;", "__device__ int calls;"),
    "constant memory": elementwise(
        "if (i < n) c[i] = a[i] + one * b[i];", "__constant__ float one = 1; __constant__ float big[1000];"),
    "a flood of printf": elementwise(
        RIGHT + ' for (int k = 0; k < 4; k++) printf("%d passed 0.0 us %s\\n", i, "PASS");'),
    "cache hints": elementwise(
        'float v, w; if (i < n) { asm("ld.global.nc.L1::evict_last.f32 %0, [%1];" : "=f"(v) : "l"(a + i)); '
        'asm("ld.global.cg.f32 %0, [%1];" : "=f"(w) : "l"(b + i)); __stcs(c + i, v + w); }'),
    "clocks": elementwise(RIGHT + ' long long t; asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t)); '
                          "if (t + clock64() == -1) c[0] = 7;"),
    "environment registers": elementwise(
        RIGHT + ' unsigned e; asm volatile("mov.u32 %0, %%envreg3;" : "=r"(e)); if (e == 12345) c[0] = 7;'),
    "names of the machine": elementwise(
        RIGHT + ' unsigned s; asm volatile("mov.u32 %0, %%smid;" : "=r"(s)); if (s > 100000) c[0] = 7;'),
    "token pasting": elementwise("PA(if)(i < n) c[i] = a[i] + b[i];", "#define P_(x, y) x##y\n#define PA(x) P_(i, f)"),
    "macros called as the pragma's words": elementwise(
        RIGHT, "#define kernelevo 1\n#define launch 2\n#define pragma 3\n#define ceildiv(x, y) 1"),
    "a pragma in a comment": elementwise(RIGHT, "/*\n#pragma kernelevo launch other<<<1, 1>>>(c)\n*/"),
    "a pragma behind a false condition": elementwise(
        RIGHT, "#if 0\n#pragma kernelevo launch other<<<1, 1>>>(c)\n#endif"),
    "a pragma in a string": elementwise(
        RIGHT, '__constant__ char text[] = R"(\n#pragma kernelevo launch other<<<1, 1>>>(c)\n)";'),
    "a pragma by an operator": elementwise(RIGHT, '_Pragma("kernelevo launch other<<<1, 1>>>(c)")'),
    "a pragma over two lines": LAUNCH.replace(">>>(a,", ">>>\\\n(a,") + KERNEL,
    "lines that lie about their place": elementwise(RIGHT, '#line 900 "/etc/passwd"'),
    "a kernel that nobody launches": elementwise(RIGHT, 'extern "C" __global__ void other(float* c) { c[0] = 7; }'),
    "recursion that ends": elementwise(
        "if (i < n) c[i] = a[i] + deep(b, i, 3);",
        "__device__ __noinline__ float deep(const float* b, int i, int k) { return k ? deep(b, i, k - 1) : b[i]; }"),
}  # fmt: skip

CAUGHT = {
    "a host function": (elementwise(RIGHT, "int main() { return 0; }"), Status.BUILD_ERROR, "host function"),
    "a host launch": (
        elementwise(RIGHT, 'extern "C" void go(float* c) { attack<<<1, 1>>>(c, c, c, 1); }'), Status.BUILD_ERROR, ""),
    "a library": (elementwise(RIGHT, "#include <cublas_v2.h>"), Status.BUILD_ERROR, "cublas_v2.h"),
    "a header of the system": (elementwise(RIGHT, "#include <unistd.h>"), Status.BUILD_ERROR, "unistd.h"),
    "a launch from the device": (
        elementwise(RIGHT + " if (i == 0) other<<<1, 1>>>(c);", "__global__ void other(float* c) { c[0] = 7; }"),
        Status.BUILD_ERROR, ""),
    "memory of its own": (elementwise(RIGHT + " float* p; cudaMalloc(&p, 4);"), Status.BUILD_ERROR, ""),
    "a function that is nowhere": (
        elementwise("if (i < n) c[i] = gemm(a, b, i);",
                    "extern __device__ float gemm(const float*, const float*, int);"),
        Status.BUILD_ERROR, ""),
    "a file beside it": (elementwise(RIGHT, '#include "add.problem.py"'), Status.BUILD_ERROR, "add.problem.py"),
    "a loop without end": (elementwise(RIGHT + " while (n) __nanosleep(20);"), Status.TIMEOUT, "budget"),
    "writing its own code": (
        elementwise("((int*)(void*)attack_address)[i] = 0; " + RIGHT, '__device__ char code[1];\n'
                    "#define attack_address 0x1000"), Status.TRAPPED, ""),
    "a pragma that a macro makes": (
        "#define LAUNCH kernelevo launch attack<<<1, 256>>>(a, b, c, n)\n#pragma LAUNCH\n" + KERNEL,
        Status.RULE_BROKEN, "launch"),
    "a source that is too large": (
        elementwise(RIGHT) + "//" + "x" * SOURCE_BYTES_LIMIT, Status.RULE_BROKEN, f"{SOURCE_BYTES_LIMIT}"),
    "a NUL in the source": (elementwise(RIGHT) + "\0", Status.RULE_BROKEN, "NUL"),
    "an expression without end": (
        LAUNCH.replace("ceildiv(n, 256)", "(" * 500 + "n" + ")" * 500) + KERNEL,
        Status.RULE_BROKEN, ""),
    "a number that overflows": (
        LAUNCH.replace("ceildiv(n, 256)", "n * n * n * n * n * n * n") + KERNEL,
        Status.RULE_BROKEN, ""),
    "a division by nothing": (
        LAUNCH.replace("ceildiv(n, 256)", "n / (n - n)") + KERNEL, Status.RULE_BROKEN, ""),
    "no block at all": (
        LAUNCH.replace("ceildiv(n, 256)", "n / 100000") + KERNEL, Status.RULE_BROKEN, ""),
    "more shared memory than there is": (
        LAUNCH.replace("256>>>", "256, 524288>>>") + KERNEL,
        Status.RULE_BROKEN, "shared"),
    "more blocks at once than fit": (
        LAUNCH.replace("ceildiv(n, 256)", "100000").replace("\n", " cooperative\n") + KERNEL,
        Status.RULE_BROKEN, "resident"),
    "scratch beyond all memory": (
        "#pragma kernelevo temp float big[n * 1000000000]\n" + elementwise(RIGHT), Status.RULE_BROKEN, ""),
    "a buffer that is not its own": (LAUNCH.replace("(a, b, c", "(a, b, expected") + KERNEL,
                                     Status.RULE_BROKEN, "expected"),
    "a macro called as a dimension": (
        "#pragma kernelevo tune n 1 2\n#ifndef n\n#define n 1\n#endif\n" + elementwise(RIGHT), Status.BUILD_ERROR, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_a_trick_beside_a_right_kernel_changes_nothing(ground: Range, name: str) -> None:
    verdict = judged(ground, HARMLESS[name])
    assert verdict.status is Status.PASSED, verdict.feedback


@pytest.mark.parametrize("name", HARMLESS)
def test_and_does_not_help_a_wrong_one(ground: Range, name: str) -> None:
    text = HARMLESS[name].replace("c[i] = a[i] +", "c[i] = 1.001f * a[i] +").replace("v + w", "1.001f * v + w")
    assert text != HARMLESS[name]
    assert judged(ground, text).status is Status.WRONG


@pytest.mark.parametrize("name", CAUGHT)
def test_a_trick_that_is_not_allowed_is_caught(ground: Range, name: str) -> None:
    text, status, words = CAUGHT[name]
    verdict = judged(ground, text)
    assert (verdict.status, verdict.score) == (status, None), verdict.feedback
    assert words in verdict.feedback


def test_a_file_of_the_users_is_read_only_from_granted_folders(ground: Range, tmp_path: Path) -> None:
    (tmp_path / "add.cuh").write_text("#define ADDED(x, y) (x) + (y)\n")
    text = elementwise("if (i < n) c[i] = ADDED(a[i], b[i]);", f'#include "{tmp_path}/add.cuh"')
    verdict = judged(ground, text)
    assert verdict.status is Status.BUILD_ERROR and "add.cuh" in verdict.feedback
