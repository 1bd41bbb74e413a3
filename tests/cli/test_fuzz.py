"""`check --fuzz` on the real path: planted kernels fail at their smallest sizes, and the command that it prints shows
the failure again; clean ones survive.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cli.conftest import Shell

from kernelevo import native
from kernelevo.errors import NotInstalled
from kernelevo.run import REAL

ROOT = Path(__file__).parents[2]
PROBLEM = """from kernelevo import Input, Output, Problem, normal, wide

problem = Problem(
    [Input("x", "f32[rows, cols]"), Output("y", "f32[rows, cols]")],
    lambda x: x * 2, ["rows=64, cols=64"], inputs={"x": [normal(), wide()]}, constraints=[%s],
)
"""
ROW = """
#pragma kernelevo launch twice<<<rows, 32>>>(x, y, rows, cols)
extern "C" __global__ void twice(const float* x, float* y, int rows, int cols) {
  size_t row = %s;
  for (int i = threadIdx.x; i < cols; i += 32) y[row * cols + i] = %s;
}
"""
RIGHT = ROW % ("blockIdx.x", "2 * x[row * cols + i]")
MULTIPLES = ROW % ("blockIdx.x", "(cols % 33 ? 2 : 3) * x[row * cols + i]")
MANY_BLOCKS = ROW % ("(unsigned short)blockIdx.x", "2 * x[row * cols + i]")
GRID_Y = RIGHT.replace("<<<rows, 32>>>", "<<<dim3(1, rows), 32>>>").replace("blockIdx.x", "blockIdx.y")
VECTORS = """
#pragma kernelevo launch twice<<<ceildiv(rows * cols, 1024), 256>>>(x, y, rows * cols)
extern "C" __global__ void twice(const float* x, float* y, int n) {
  int i = 4 * (blockIdx.x * 256 + threadIdx.x);
  if (i + 3 < n && %s) {
    float4 v = *(const float4*)(x + i);
    *(float4*)(y + i) = make_float4(2 * v.x, 2 * v.y, 2 * v.z, 2 * v.w);
  } else for (int j = i; j < n && j < i + 4; j++) y[j] = 2 * x[j];
}
"""
ONE_LOOKED_AT = VECTORS % "(size_t)x % 16 == 0"
BOTH_LOOKED_AT = VECTORS % "((size_t)x | (size_t)y) % 16 == 0"
WIDE_ONLY = ROW % ("blockIdx.x", "fabsf(x[row * cols + i]) > 1000 ? 0 : 2 * x[row * cols + i]")


@pytest.fixture
def real(shell: Shell) -> Shell:
    try:
        native.path("kernelevo-worker")
    except NotInstalled as missing:
        pytest.skip(f"the native part is missing: {missing}")
    shell.write("twice.problem.py", PROBLEM % "")
    return replace(shell, joints=REAL)


def fuzzed(shell: Shell, text: str, *words: str) -> tuple[int, dict]:
    shell.write("twice.cu", text)
    code, out, err = shell("check", "twice.cu", "--fuzz", "--json", "--seed", "5", *words)
    assert out, err
    return code, json.loads(out)


def again(shell: Shell, told: dict) -> tuple[int, str]:
    """What the printed command gives."""
    assert told["reproduced"] is True
    words = shlex.split(told["command"])
    assert words[:2] == ["kernelevo", "check"]
    code, out, _ = shell(*words[1:])
    return code, out


@pytest.mark.parametrize(
    ("text", "smallest", "offsets", "status"),
    [
        (MULTIPLES, {"rows": 1, "cols": 33}, {}, "wrong"),
        (MANY_BLOCKS, {"rows": 65537, "cols": 1}, {}, "wrong"),
        (GRID_Y, {"rows": 65536, "cols": 1}, {}, "rule_broken"),
        (VECTORS % "true", {"rows": 1, "cols": 4}, {"x": 4}, "trapped"),
        (ONE_LOOKED_AT, {"rows": 1, "cols": 4}, {"y": 4}, "trapped"),
    ],
    ids=["multiples of 33", "more than 65536 rows", "grid.y", "vectors anywhere", "vectors if x is aligned"],
)
def test_a_planted_mistake_is_found_at_its_smallest(
    real: Shell, text: str, smallest: dict[str, int], offsets: dict[str, int], status: str
) -> None:
    code, told = fuzzed(real, text, "--fuzz-examples", "400")
    failing = told["failing"]
    assert code == 1 and told["passed"] is False and told["status"] == failing["verdict"]["status"] == status
    assert failing["dims"] == smallest
    if offsets:
        assert failing["offsets"] == offsets or failing["offsets"] == {"y": 4}
    else:
        assert failing["offsets"] == {} and failing["seed"] == 0 and failing["inputs"] == 0
    code, out = again(real, failing)
    assert code == 1 and status in out


def test_a_mistake_on_some_inputs_only_names_them(real: Shell) -> None:
    code, told = fuzzed(real, WIDE_ONLY)
    assert code == 1 and told["failing"]["inputs"] == 1 and told["failing"]["drawn_from"] == "x from wide"
    assert told["failing"]["dims"]["rows"] == 1
    assert again(real, told["failing"])[0] == 1


@pytest.mark.parametrize("text", [RIGHT, BOTH_LOOKED_AT], ids=["plain", "vectors if aligned"])
def test_a_clean_kernel_survives(real: Shell, text: str) -> None:
    code, told = fuzzed(real, text)
    assert code == 0 and told["passed"] is True and told["failing"] is None, told
    assert told["examples"] == 200 and told["moved"] > 10 and told["distributions"] == 2
    assert told["sizes"]["rows"][1] > 65536 or told["sizes"]["cols"][1] > 65536


def test_sizes_keep_to_the_problems_constraints(real: Shell) -> None:
    real.write("twice.problem.py", PROBLEM % "'cols % 16 == 0 && cols <= 128', 'rows != 3'")
    text = ROW % ("blockIdx.x", "(cols % 16 || cols > 128 || rows == 3 ? 3 : 2) * x[row * cols + i]")
    code, told = fuzzed(real, text, "--fuzz-examples", "60")
    assert code == 0, told["failing"]
    assert told["sizes"]["cols"][0] == 16 and told["sizes"]["cols"][1] <= 128 and told["examples"] == 60


def test_a_person_is_shown_the_case_and_the_command(real: Shell) -> None:
    real.write("twice.cu", MULTIPLES)
    code, out, _ = real("check", "twice.cu", "--fuzz", "--seed", "5")
    assert code == 1
    assert "fails on rows=1,cols=33; x from normal(0,1)" in out
    assert "Every wrong value is 1.5 times what is expected" in out or "elements are wrong" in out
    command = next(
        line for line in out.splitlines() if line.startswith("again (it was tried, and fails the same way): ")
    )
    assert command.endswith("--case rows=1,cols=33 --inputs 0 --seed 0")
    real.write("twice.cu", RIGHT)
    code, out, _ = real("check", "twice.cu", "--fuzz", "--fuzz-examples", "20")
    assert code == 0 and "no example failed: 20 examples" in out


@pytest.mark.parametrize("text", [RIGHT, WIDE_ONLY], ids=["clean", "failing"])
def test_the_same_seed_draws_the_same_examples(real: Shell, text: str) -> None:
    words = [sys.executable, "-m", "kernelevo", "check", "twice.cu", "--fuzz", "--json", "--seed", "9",
             "--fuzz-examples", "40"]  # fmt: skip
    real.write("twice.cu", text)
    told = [
        json.loads(subprocess.run(words, capture_output=True, text=True, check=False, timeout=120).stdout)
        for _ in range(2)
    ]
    for each in told:
        del each["seconds"]
        assert (each["failing"] is None) is (text == RIGHT)
        if each["failing"]:
            del each["failing"]["verdict"]["seconds"]
    assert told[0] == told[1]
    assert not (real.folder / ".hypothesis").exists()


def test_one_trial_first_of_a_usual_check(real: Shell) -> None:
    real.write("twice.cu", VECTORS % "true")
    usual = ("check", "twice.cu", "--case", "rows=3,cols=8", "--seed", "1", "--inputs", "1")
    code, out, _ = real(*usual, "--offset", "y=4")
    assert code == 1 and "misaligned" in out
    real.write("twice.cu", BOTH_LOOKED_AT)
    code, out, _ = real(*usual, "--offset", "y=4", "--offset", "x=8")
    assert code == 0, out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--fuzz-examples", "5"), "give --fuzz, too"),
        (("--fuzz", "--fuzz-examples", "0"), "leaves nothing to try"),
        (("--fuzz", "--case", "rows=1,cols=1"), "leave out --case"),
        (("--fuzz", "--sanitize"), "leave out --sanitize"),
        (("--offset", "x=4"), "give --inputs N, too"),
        (("--inputs", "1"), "give its sizes with one --case, and its --seed"),
        (("--inputs", "-1", "--case", "rows=1,cols=1", "--seed", "1"), "--inputs -1 is negative"),
        (("--inputs", "999", "--case", "rows=1,cols=1", "--seed", "1"), "give a number from 0 to 1"),
        (("--inputs", "0", "--case", "rows=1,cols=1", "--seed", "1", "--offset", "z=4"), "there is no tensor z"),
        (("--inputs", "0", "--case", "rows=1,cols=1", "--seed", "1", "--offset", "x=2"), "aligned to 4 bytes"),
        (("--inputs", "0", "--case", "rows=1,cols=1", "--seed", "1", "--offset", "x"), "write the name of a tensor"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(real: Shell, words: tuple[str, ...], what: str) -> None:
    real.write("twice.cu", RIGHT)
    code, _, err = real("check", "twice.cu", *words)
    assert code == 2 and what in err and "Traceback" not in err


def test_without_hypothesis_it_says_what_to_install(real: Shell) -> None:
    real.write("twice.cu", RIGHT)
    real.write("hypothesis.py", "raise ImportError('not here')\n")
    environment = {**os.environ, "PYTHONPATH": f"{real.folder}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run([sys.executable, "-m", "kernelevo", "check", "twice.cu", "--fuzz"], env=environment,
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    assert done.returncode == 2 and 'pip install "kernelevo[fuzz]"' in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kernel", sorted(path.name for path in (ROOT / "kernels").glob("*.cu")))
def test_a_shipped_kernel_survives(real: Shell, kernel: str) -> None:
    code, out, _ = real("check", str(ROOT / "kernels" / kernel), "--fuzz", "--json", "--seed", "1")
    told = json.loads(out)
    assert code == 0 and told["examples"] == 200, told["failing"]
