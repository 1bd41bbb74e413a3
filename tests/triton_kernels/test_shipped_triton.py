"""The shipped Triton starts as a user meets them: `check` passes them and refuses broken ones, and tuning gains."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from kernelevo.cli import main

KERNELS = Path(__file__).parents[2] / "kernels"
NAMES = ("attention", "layernorm", "matmul_f16", "softmax")
SMALL = {
    "attention": "heads=2,length=100,width=64",
    "layernorm": "rows=64,cols=1000",
    "matmul_f16": "m=100,n=130,k=70",
    "softmax": "rows=64,cols=1000",
}
FEWER_ROWS = {
    "layernorm": ["--case", "rows=256,cols=1024", "--case", "rows=128,cols=1000"],
    "softmax": ["--case", "rows=256,cols=1024", "--case", "rows=128,cols=1000"],
}
"""Than they are measured at: each program has a row of its own, and the columns are the same."""
TUNE = re.compile(r"# kernelevo: tune (\w+)([ \d]+?)(?: = \d+)?\n")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the shipped kernels in it."""
    shutil.copytree(KERNELS, tmp_path / "kernels")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "kernels"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main([*words, "--json"])
    captured = capsys.readouterr()
    assert captured.out, f"exit code {code}: {captured.err}"
    return code, json.loads(captured.out)


def tuned_values() -> list[tuple[str, str, str]]:
    """Kernel, tuned name and value: everything that the starts say may be changed."""
    return [
        (name, tuned, value)
        for name in NAMES
        for tuned, values in TUNE.findall((KERNELS / f"{name}.triton.py").read_text())
        for value in values.split()
    ]


def test_four_triton_starts_are_shipped() -> None:
    assert tuple(sorted(path.name.removesuffix(".triton.py") for path in KERNELS.glob("*.triton.py"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_triton_start_passes_all_checks(
    kernels: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, verdict = run(capsys, "check", f"kernels/{name}.triton.py", *FEWER_ROWS.get(name, []))
    assert code == 0 and verdict["passed"] and all(check["passed"] for check in verdict["checks"])


@pytest.mark.parametrize(
    ("name", "old", "new", "status"),
    [
        ("layernorm", "normal * weight + bias", "normal * weight - bias", "wrong"),
        ("attention", "* shrink + tl.sum(weight, 1)", "+ tl.sum(weight, 1)", "wrong"),
        ("matmul_f16", "tl.dot(left, right, sums)", "tl.dot(left, right)", "wrong"),
        ("softmax", "/ total, at < cols)", "/ total)", "trapped"),
        ("softmax", "tl.max(largest, 0)", "tl.max(nothing, 0)", "build_error"),
    ],
)
def test_a_broken_triton_kernel_fails_with_its_status(
    kernels: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, status: str
) -> None:
    file = kernels / f"{name}.triton.py"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    code, verdict = run(capsys, "check", str(file), "--case", SMALL[name])
    assert (code, verdict["status"], verdict["score_us"]) == (1, status, None)
    assert verdict["feedback"]


def test_a_profile_counts_what_a_triton_kernel_does(kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, verdict = run(capsys, "profile", "kernels/matmul_f16.triton.py", "--case", "m=64,n=64,k=64")
    step = verdict["cases"][0]["steps"][0]
    lines = (kernels / "matmul_f16.triton.py").read_text().splitlines()
    hot = max(step["lines"], key=lambda line: line["sectors"])
    assert code == 0 and "tl.load" in lines[hot["line"] - 1]


def test_tuning_makes_the_softmax_start_faster(kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = ["--case", "rows=512,cols=512", "--evaluations", "6", "--seconds", "60"]
    code, result = run(capsys, "optimize", "kernels/softmax.triton.py", *case)
    assert code == 0 and result["passed"] and result["improved"]
    assert result["speedup"] > 1.3
    assert all(move.startswith("tune") for move in result["moves"])


def test_something_is_tuned_in_every_start() -> None:
    assert {name for name, tuned, _ in tuned_values() if tuned == "num_warps"} == set(NAMES)
    assert len(tuned_values()) > 4 * len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tuned", "value"), tuned_values())
def test_every_tuned_value_is_right(
    kernels: Path, capsys: pytest.CaptureFixture[str], name: str, tuned: str, value: str
) -> None:
    file = kernels / f"{name}.triton.py"
    file.write_text(re.sub(rf"(# kernelevo: tune {tuned} [ \d]+?)(?: = \d+)?\n", rf"\1 = {value}\n", file.read_text()))
    code, verdict = run(capsys, "check", str(file), "--case", SMALL[name])
    assert code == 0 and verdict["passed"]
