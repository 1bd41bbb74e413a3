"""discard.L2 leaves memory without a value, so that it is against the rules, wherever in the PTX it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from evaluator.emulation import POINTER, FunctionCompiler

from kernelevo import api, run
from kernelevo.evaluators.discarding import require_kept
from kernelevo.evaluators.rejection import Rejected
from kernelevo.types import BuildRequest, Image, Status

ROOT = Path(__file__).parent.parent.parent
TEXT = """#pragma kernelevo launch vector_add<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void vector_add(const float* a, const float* b, float* c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
  if (i == 0 && n > %d) asm volatile("%s [%%0], 128;" :: "l"(c) : "memory");
}
"""


def image(ptx: str) -> Image:
    built = FunctionCompiler([POINTER]).build(BuildRequest("", "k.cu", ("k",), "sm_90"), None)
    assert isinstance(built, Image)
    return replace(built, ptx=ptx)


@pytest.mark.parametrize(
    "ptx",
    [
        "discard.global.L2 [%rd1], 128;",
        "{discard.L2 [%rd1], 128;}",
        "@%p1 discard /* where? */ .global // here\n .L2 [%rd1], 128;",
        '.file 1 "a // b"\ndiscard.L2 [%rd1], 128; // "',
        '.pragma "nounroll\\"; discard.L2 [%rd1], 128; .pragma "nounroll";',
        '.pragma "two\nlines"; discard.L2 [%rd1], 128; .pragma "nounroll";',
    ],
)
def test_the_instruction_is_found_however_it_is_written(ptx: str) -> None:
    with pytest.raises(Rejected) as found:
        require_kept(image(ptx))
    assert found.value.status is Status.RULE_BROKEN and "discard" in found.value.feedback


@pytest.mark.parametrize(
    "ptx",
    [
        "ret;",
        "// discard.L2 [%rd1], 128;\nret;",
        "/* discard.L2\n [%rd1], 128; */ ret;",
        '.file 1 "discard.cu"\nret;',
        '.pragma "two\nlines: discard.L2";\nret;',
        "discard:\nbra discard;",
        "call my_discard, ();\nmov.b64 %discard.x, 1;",
    ],
)
def test_its_name_elsewhere_is_none(ptx: str) -> None:
    require_kept(image(ptx))


@pytest.fixture(scope="module")
def judge() -> Iterator[api.Judge]:
    with api.Judge("vector_add", mode="search", cases=["n=4096"]) as opened:
        yield opened


@pytest.mark.parametrize(
    ("least", "instruction"),
    [
        (64, "discard.global.L2"),
        (1 << 30, "discard/**/.global.L2"),
        (64, r'.pragma \"nounroll\\\"; .pragma \"\"; discard.global.L2'),
    ],
)
def test_a_kernel_that_throws_its_output_away_breaks_the_rules_executed_or_not(
    judge: api.Judge, least: int, instruction: str
) -> None:
    verdict = judge.evaluate(TEXT % (least, instruction))
    assert verdict.status is Status.RULE_BROKEN and "discard.L2" in verdict.feedback
    honest = TEXT.replace(", 128", "") % (least, "prefetch.global.L2")
    assert judge.evaluate(honest).status is Status.PASSED


@pytest.mark.parametrize(
    ("kilobytes", "status", "words"),
    [
        (560, Status.RULE_BROKEN, "bytes of local memory per thread"),
        (400, Status.TIMEOUT, "budget of time"),
        (16, Status.PASSED, ""),
    ],
)
def test_much_local_memory_is_the_candidates_fault(
    judge: api.Judge, kilobytes: int, status: Status, words: str
) -> None:
    used = f"volatile float big[{250 * kilobytes}]; big[i % 250] = a[i]; c[i] = big[i % 250] + b[i];"
    text = TEXT.replace("c[i] = a[i] + b[i];", f"{{ {used} }}").split("  if (i == 0")[0] + "}\n"
    budget = replace(run.EVALUATION, seconds=2.0) if status is Status.TIMEOUT else None
    verdict = judge.evaluate(text, budget=budget)
    assert verdict.status is status and words in verdict.feedback
