"""The main job on the real parts: compiler, wall, virtual GPU, rules. Small budgets; nothing here is scripted.

That every shipped kernel passes all checks is held by sanitizer/test_shipped_races.py, in one run with their races.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kernelevo.cli import main

KERNELS = Path(__file__).parent.parent / "kernels"
SMALL = ["--evaluations", "12", "--seconds", "60", "--json"]


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the shipped kernels in it."""
    shutil.copytree(KERNELS, tmp_path / "kernels")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "kernels"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(words)
    captured = capsys.readouterr()
    assert captured.out, f"exit code {code}: {captured.err}"
    return code, json.loads(captured.out)


def test_a_naive_softmax_becomes_clearly_faster_and_is_right(kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run(capsys, "optimize", "kernels/softmax.cu", "--case", "rows=256,cols=512", *SMALL)
    assert code == 0 and result["passed"] and result["improved"]
    assert (result["device"], result["how"]) == ("virtual:h100", "modelled")
    assert result["speedup"] > 2
    counters = result["cases"][0]["counters"]
    assert counters["best"]["global sectors"] < counters["start"]["global sectors"]
    problem = ["--problem", "kernels/softmax.problem.py"]
    code, verdict = run(capsys, "check", result["best_path"], *problem, "--case", "rows=256,cols=512", "--json")
    assert code == 0 and verdict["passed"]
    assert verdict["score_us"] == pytest.approx(result["best_us"], rel=0.01)


@pytest.mark.parametrize(
    ("name", "old", "new", "status"),
    [
        ("vector_add", "a[i] + b[i]", "a[i] - b[i]", "wrong"),
        ("vector_add", "a[i] + b[i]", "a[i + n] + b[i]", "trapped"),
        ("vector_add", "a[i] + b[i]", "a[i] + nothing[i]", "build_error"),
    ],
)
def test_a_broken_kernel_fails_with_its_status(
    kernels: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, status: str
) -> None:
    file = kernels / f"{name}.cu"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    code, verdict = run(capsys, "check", str(file), "--json")
    assert (code, verdict["status"], verdict["score_us"]) == (1, status, None)
    assert f"{name}.cu:" in verdict["feedback"] or status == "wrong"


def test_a_profile_names_the_source_lines_where_the_traffic_is(
    kernels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, verdict = run(capsys, "profile", "kernels/transpose.cu", "--case", "rows=256,cols=256", "--json")
    step = verdict["cases"][0]["steps"][0]
    lines = (kernels / "transpose.cu").read_text().splitlines()
    hot = max(step["lines"], key=lambda line: line["sectors"])
    assert code == 0 and "[" in lines[hot["line"] - 1] and hot["sectors"] > hot["requests"]


STRIDED = """#pragma kernelevo launch gather<<<ceildiv(n, 128), 128>>>(x, y, n, width)
extern "C" __global__ void gather(const float* x, float* y, int n, int width)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i * width];
    }
}
"""
STRIDED_PROBLEM = """from kernelevo import Input, Output, Problem

problem = Problem([Input("x", "f32[n, width]"), Output("y", "f32[n]")], lambda x: x[:, 0], ["n=4096, width=32"])
"""


def test_a_profile_has_the_counts_that_can_be_done_on_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """4096 threads are 128 warps. Lanes read 32 words of 4 bytes apart, a sector each; they write 4 dense sectors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gather.cu").write_text(STRIDED)
    (tmp_path / "gather.problem.py").write_text(STRIDED_PROBLEM)
    code, verdict = run(capsys, "profile", "gather.cu", "--json", "--html", "gather.html")
    assert code == 0 and verdict["passed"]
    (step,) = verdict["cases"][0]["steps"]
    (line,) = [each for each in step["source_lines"] if each["line"] == 6]
    assert (line["requests"], line["sectors"], line["least_sectors"]) == (2 * 128, 128 * (32 + 4), 128 * (4 + 4))
    moves = [each for each in step["lines"] if each["instruction"].startswith(("ld.global", "st.global"))]
    assert [(each["line"], each["requests"], each["sectors"]) for each in moves] == [
        (6, 128, 128 * 32), (6, 128, 128 * 4),
    ]  # fmt: skip
    found = {finding["rule"]: finding for finding in step["diagnosis"]}
    assert found["uncoalesced"]["what"] == (
        "line 6: 32 sectors per load request where 4 would do: neighbouring lanes read addresses 128 bytes apart "
        "(width x 4 bytes)"
    )
    assert "misaligned" not in found and "bank_conflicts" not in found
    page = (tmp_path / "gather.html").read_text()
    assert "Line 6: 32 sectors per load request" in page and 'id="p1-1-6"' in page
