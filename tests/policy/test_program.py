"""What is found in a model's reply: every kind of reply has its outcome."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable

import pytest

from kernelevo.kernel.languages import CUDA, TRITON
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.proposers.policy.program import MOST_BYTES, NO_SUMMARY, Outcome, read_program
from kernelevo.proposers.policy.reply_blocks import LONGEST_SUMMARY

LONGER, TRIES, BETWEEN = 16, 12, 90.0

FILE = """#pragma kernelevo launch f<<<1, 32>>>(x, y)
extern "C" __global__ void f(const float* x, float* y)
{
    y[threadIdx.x] = 2 * x[threadIdx.x];
}
"""
OTHER = FILE.replace("2 *", "3 *")
HELPER = "__device__ float twice(float x) { return 2 * x; }\n"
TRITON_FILE = """import triton
import triton.language as tl

# kernelevo: launch f[1](x, y, BLOCK=32)


@triton.jit
def f(x, y, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    tl.store(y + at, 2 * tl.load(x + at))
"""


def read(text: str, stop: Stop = Stop.COMPLETE, language=CUDA):
    return read_program(Reply(text, stop, Usage()), language)


@pytest.mark.parametrize(
    "text",
    [
        f"```cuda\n{FILE}```",
        f"Change: it\n\n```cpp\n{FILE}```\nThat is all.",
        f"~~~\n{FILE}~~~",
        f"````\n{FILE}````",
        f"  ```cu\n{FILE}  ```",
        f"```cuda\r\n{FILE}```".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"<think>maybe\n```cuda\n{OTHER}```\nno</think>\n```cuda\n{FILE}```",
        f"First this:\n```cuda\n{HELPER}```\nand whole:\n```cuda\n{FILE}```",
        f"A draft:\n```cuda\n{OTHER}```\nbetter:\n```cuda\n{FILE}```",
        f"```cuda\n{FILE}```\nRun it:\n```sh\nnvcc f.cu\n```",
        f"```diff\n-a\n+b\n```\n```cuda\n{FILE}```",
        f"```cuda\n{FILE}",
    ],
)
def test_the_last_whole_file_in_a_block_is_taken(text: str) -> None:
    reading = read(text)
    assert reading.outcome is Outcome.PROGRAM and reading.text == FILE


@pytest.mark.parametrize("text", [FILE, f"Here it is:\n\n{FILE}\nI hope it helps.", f"\n{FILE}\n"])
def test_a_file_without_fences_is_taken(text: str) -> None:
    reading = read(text)
    assert reading.outcome is Outcome.PROGRAM and reading.text == FILE


def test_a_triton_file_is_taken() -> None:
    for text in (f"```python\n{TRITON_FILE}```", f"Here:\n\n{TRITON_FILE}"):
        reading = read(text, language=TRITON)
        assert reading.outcome is Outcome.PROGRAM and reading.text.strip() == TRITON_FILE.strip()
    assert read(f"```python\n{TRITON_FILE}```").outcome is Outcome.NO_KERNEL


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", Outcome.NOTHING),
        (" \n", Outcome.NOTHING),
        ("<think>all of it", Outcome.NOTHING),
        ("I would use shared memory.", Outcome.NO_CODE),
        (f"```cuda\n{HELPER}```", Outcome.NO_KERNEL),
        ("```sh\nnvcc f.cu\n```", Outcome.NO_KERNEL),
        (f"```cuda\n{FILE.partition(chr(10))[2]}```", Outcome.NO_PLAN),
        ("```diff\n-    y[i] = 2 * x[i];\n+    y[i] = x[i] + x[i];\n```", Outcome.DIFF),
        ("```\n--- a\n+++ b\n@@ -1,2 +1,2 @@\n-__global__ a\n+__global__ b\n```", Outcome.DIFF),
        ("@@ -1,2 +1,2 @@\n-a\n+b\n", Outcome.DIFF),
        (f"```cuda\n{FILE.replace('    y[', '    // ... as it was' + chr(10) + '    y[')}```", Outcome.ELIDED),
        (f"```cuda\n{FILE}// the rest of the kernel stays\n```", Outcome.ELIDED),
        (f"```cuda\n{FILE}//{'x' * MOST_BYTES}\n```", Outcome.TOO_LARGE),
        (f"{'words ' * 180_000}\n```cuda\n{FILE}```", Outcome.TOO_LARGE),
        (f"```cuda\n{FILE[:-3]}", Outcome.TRUNCATED),
        (FILE[:-3], Outcome.TRUNCATED),
    ],
)  # fmt: skip
def test_every_other_reply_has_its_outcome(text: str, outcome: Outcome) -> None:
    reading = read(text)
    assert (reading.outcome, reading.text) == (outcome, "")
    assert outcome.sentence


@pytest.mark.parametrize("stop", [Stop.LENGTH, Stop.CUT_OFF])
def test_a_reply_that_broke_off_is_taken_only_if_its_file_was_closed(stop: Stop) -> None:
    assert read(f"```cuda\n{FILE}```\nAnd then", stop).outcome is Outcome.PROGRAM
    for text in (f"```cuda\n{FILE}", FILE, f"```cuda\n{FILE[:60]}", "", "<think>hm"):
        assert read(text, stop).outcome is (Outcome.TRUNCATED)


def test_a_reply_that_broke_off_in_prose_held_no_code() -> None:
    assert read("I would use", Stop.LENGTH).outcome is Outcome.NO_CODE


def test_a_withheld_reply_is_not_read() -> None:
    assert read(f"```cuda\n{FILE}```", Stop.FILTERED).outcome is Outcome.WITHHELD


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        ("Change: wider loads", "wider loads"),
        ("**Change:** wider  loads", "wider loads"),
        ("change: \x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("Change: " + "x" * 500, "x" * (LONGEST_SUMMARY - 3) + "..."),
        ("I changed it", NO_SUMMARY),
        ("Change:", NO_SUMMARY),
        ("Change: \u202eevil", "\\u202eevil"),
    ],
)
def test_the_summary_is_one_short_visible_line(line: str, summary: str) -> None:
    assert read(f"{line}\n```cuda\n{FILE}```").summary == summary


def test_a_summary_inside_of_code_is_none() -> None:
    assert read(f"```cuda\n{FILE}/*\nChange: me\n*/\n```").summary == NO_SUMMARY


def growth(work: Callable[[str], object], unit: str, count: int) -> float:
    """How many times as long sixteen times the text takes; of whatever else runs here, the least disturbed of some
    tries. Where time follows length it is 16 (a loaded machine has made three times as much of it), where it follows
    its square 256.
    """
    short = count // LONGER
    least = {short: math.inf, count: math.inf}
    # A collection looks at everything that all tests before have left, whatever the text; threads of others, which
    # torch may have, spin.
    gc.disable()
    try:
        for _ in range(TRIES):
            for size in least:
                began = time.thread_time()
                work(unit * size)
                least[size] = min(least[size], time.thread_time() - began)
            if least[count] < BETWEEN * least[short]:
                break
    finally:
        gc.enable()
    return least[count] / least[short]


@pytest.mark.parametrize(
    ("unit", "count"),
    [("`", 200_000), ("```\n", 50_000), ("//", 200_000), ("// " + "rest of " * 40 + "\n", 2000), ("{", 200_000),
     ("Change: ", 50_000), ("@@ \n", 50_000), ("<think>", 30_000), ("#pragma kernelevo " * 10 + "\n", 5000)],
)  # fmt: skip
def test_hostile_replies_are_read_in_time_that_follows_their_length(unit: str, count: int) -> None:
    def read_both(text: str) -> None:
        for language in (CUDA, TRITON):
            assert read(text, language=language).outcome is not Outcome.PROGRAM

    assert growth(read_both, unit, count) < BETWEEN


def test_time_that_follows_the_square_of_a_length_is_noticed() -> None:
    assert growth(lambda text: [text.count("}", place) for place in range(len(text))], "{", 32_000) > BETWEEN
