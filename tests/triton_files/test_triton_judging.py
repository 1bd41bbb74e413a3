"""Triton files on the real parts: the command line, the jailed compiler, the virtual GPU. Nothing here is scripted."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from kernelevo import Input, Output, Problem
from kernelevo.api import evaluate
from kernelevo.cli import main
from kernelevo.types import Status

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="the extra `triton` is not there")

PROBLEM = """\
from kernelevo import Input, Output, Problem

problem = Problem(
    [Input("x", "f32[rows, cols]", aligned=16), Output("y", "f32[rows]", aligned=16)],
    lambda x: x.sum(axis=1),
    ["rows=64, cols=4096"],
    tests=["rows=1, cols=1", "rows=5, cols=16", "rows=16, cols=33", "rows=2, cols=1000"],
)
"""
# Two launches with scratch between them; a function that is not inlined, so that each module defines it.
KERNEL = """\
import triton
import triton.language as tl

# kernelevo: tune BLOCK 32 1024 = 32
# kernelevo: tune num_warps 1 4
# kernelevo: temp float partial[rows * 4]
# kernelevo: launch part[rows, 4](x, partial, cols, BLOCK=BLOCK)
# kernelevo: launch join[rows](partial, y, PARTS=4, num_warps=1)


@triton.jit(noinline=True)
def first_column(part, cols, PARTS: tl.constexpr):
    return part * tl.cdiv(cols, PARTS)


@triton.jit
def part(x, partial, cols, BLOCK: tl.constexpr):
    row, piece = tl.program_id(0), tl.program_id(1)
    begin = first_column(piece, cols, 4)
    end = tl.minimum(cols, first_column(piece + 1, cols, 4))
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(begin, end, BLOCK):
        column = start + tl.arange(0, BLOCK)
        total += tl.load(x + row * cols + column, mask=column < end, other=0.0)
    tl.store(partial + row * 4 + piece, tl.sum(total, 0))


@triton.jit
def join(partial, y, PARTS: tl.constexpr):
    row = tl.program_id(0)
    tl.store(y + row, tl.sum(tl.load(partial + row * PARTS + tl.arange(0, PARTS)), 0))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERNELEVO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "row_sum.problem.py").write_text(PROBLEM)
    (tmp_path / "row_sum.triton.py").write_text(KERNEL)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(words)
    captured = capsys.readouterr()
    assert captured.out, f"exit code {code}: {captured.err}"
    return code, json.loads(captured.out)


@needs_triton
def test_a_right_kernel_of_two_launches_passes_every_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, verdict = run(capsys, "check", "row_sum.triton.py", "--json")
    assert code == 0 and verdict["passed"] and all(check["passed"] for check in verdict["checks"])
    assert [step["kernel"].split("__")[0] for step in verdict["cases"][0]["steps"]] == ["part", "join"]


@needs_triton
def test_it_says_which_architecture_the_code_is_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for device in ("virtual:h100", "virtual:a100"):
        main(["check", "row_sum.triton.py", "--device", device])
        said[device] = "triton compiles for sm_80, not for the device's own sm_90" in capsys.readouterr().out
    assert said == {"virtual:h100": True, "virtual:a100": False}


@needs_triton
@pytest.mark.parametrize(
    ("old", "new", "status", "said"),
    [
        ("total += tl.load", "total -= tl.load", "wrong", "y"),
        ("mask=column < end, other=0.0", "other=0.0", "build_error", "bad.triton.py:24"),
        (
            "row * cols + column, mask",
            "(row + rows_off) * cols + column, mask",
            "build_error",
            "rows_off is not defined",
        ),
        ("x + row * cols + column", "x + (row + 4096) * cols + column", "trapped", "bad.triton.py:24"),
        ("y + row, tl", "y + 2 * row, tl", "trapped", "bad.triton.py:31"),
        ("partial[rows * 4]", "partial[rows]", "trapped", "partial"),
        ("launch join[rows]", "launch join[rows - 1]", "rule_broken", "grid.x of join is 0"),
        ("launch join[rows](partial, y,", "launch join[rows](partial,", "rule_broken", "its parameter y has no value"),
        ("num_warps=1)", "num_warps=5)", "rule_broken", "join has 5 warps"),
        ("BLOCK 32 1024 = 32", "BLOCK 32 1024 = 33", "build_error", "power of 2"),
        ("import triton\n", "import triton, os\nos._exit(0)\n", "build_error", "no answer"),
        ("import triton\n", "import triton\nwhile True: pass\n", "build_error", "did not end"),
    ],
)
def test_a_broken_kernel_fails_with_its_status(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    old: str, new: str, status: str, said: str,
) -> None:  # fmt: skip
    from kernelevo import run as joined
    from kernelevo.types import Budget

    monkeypatch.setattr(joined, "EVALUATION", Budget(10.0, 4 << 30, 10**9))
    assert old in KERNEL
    (folder / "bad.triton.py").write_text(KERNEL.replace(old, new))
    code = main(["check", "bad.triton.py", "--problem", "row_sum.problem.py", "--json"])
    captured = capsys.readouterr()
    if not captured.out:
        # The user's own file: a plan that cannot be read is bad input.
        assert (code, status) == (2, "rule_broken") and said in captured.err
        return
    verdict = json.loads(captured.out)
    assert (code, verdict["status"], verdict["score_us"]) == (1, status, None)
    assert said in verdict["feedback"]


@needs_triton
def test_a_search_changes_tuned_values_and_the_best_file_stands_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result = run(capsys, "optimize", "row_sum.triton.py", "--evaluations", "12", "--seconds", "90", "--json")
    assert code == 0 and result["passed"] and result["improved"], result
    best = Path(result["best_path"])
    assert best.name == "row_sum.triton.py"
    text = best.read_text()
    assert text.startswith("# row_sum: ") and "# kernelevo: tune BLOCK 32 1024 = 1024" in text
    compile(text, str(best), "exec")
    code, verdict = run(capsys, "check", str(best), "--problem", "row_sum.problem.py", "--json")
    assert code == 0 and verdict["score_us"] == pytest.approx(result["best_us"], rel=0.01)


@needs_triton
def test_a_profile_names_the_users_lines_where_the_traffic_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, verdict = run(capsys, "profile", "row_sum.triton.py", "--json")
    step = verdict["cases"][0]["steps"][0]
    hot = max(step["lines"], key=lambda line: line["sectors"])
    assert code == 0 and "tl.load(x + row * cols" in KERNEL.splitlines()[hot["line"] - 1]


@needs_triton
def test_what_only_cuda_takes_is_bad_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["-D", "A=1"], ["-I", "."], ["--std", "c++17"], ["--compiler", "nvcc"]):
        assert main(["check", "row_sum.triton.py", *words]) == 2
        assert re.search("for CUDA files.*; .*leave (it|them) out", capsys.readouterr().err)


def test_without_the_extra_the_message_holds_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["check", "row_sum.triton.py"]) == 2
    assert 'pip install "kernelevo[triton]"' in capsys.readouterr().err


def test_a_new_problem_in_triton_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "gelu", "--triton", "--folder", "k"]) == 0
    assert "kernelevo check k/gelu.triton.py" in capsys.readouterr().out
    assert sorted(path.name for path in (folder / "k").iterdir()) == ["gelu.problem.py", "gelu.triton.py"]
    assert main(["new", "gelu", "--triton", "--from", "x.cu", "--folder", "j"]) == 2
    if importlib.util.find_spec("triton") is not None:
        assert main(["check", "k/gelu.triton.py", "--case", "n=5000"]) == 0


ELSEWHERE = """\
import triton
import triton.language as tl

# kernelevo: launch vector_add[ceildiv(n, 256)](a, b, c, n, N=n)


@triton.jit
def vector_add(a, b, c, n, N: tl.constexpr):
    at = tl.program_id(0) * 256 + tl.arange(0, 256)
    tl.store(c + at, tl.load(a + at, at < n) + tl.load(b + at, at < n), at < n)
    if LISTED:
        tl.inline_asm_elementwise(
            "INSTRUCTION.global.L2 [$1]SIZE; mov.u32 $0, 0;", "=r,l", [(c + tl.program_id(0) * 256).to(tl.uint64)],
            dtype=tl.int32, is_pure=False, pack=1)
"""


@needs_triton
@pytest.mark.parametrize(
    ("instruction", "size", "status"),
    [("discard", ", 128", Status.RULE_BROKEN), ("prefetch", "", Status.PASSED)],
)
def test_a_specialisation_of_unlisted_sizes_may_not_throw_its_output_away(
    tmp_path: Path, instruction: str, size: str, status: Status
) -> None:
    problem = Problem(
        [Input("a", "f32[n]", aligned=16), Input("b", "f32[n]", aligned=16), Output("c", "f32[n]", aligned=16)],
        lambda a, b: a + b, ["n=4096"], flops="n",
    )  # fmt: skip
    listed = " and ".join(f"N != {case.dims['n']}" for case in (*problem.tests, *problem.benchmarks))
    text = ELSEWHERE.replace("LISTED", listed).replace("INSTRUCTION", instruction).replace("SIZE", size)
    (tmp_path / "k.triton.py").write_text(text)
    verdict = evaluate(problem, tmp_path / "k.triton.py", seed=1)
    assert verdict.status is status, verdict.feedback
