"""The vector code of matrix products has the bits of its scalar definition, at every level of the instruction set."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "matrix_twins.cpp"
# As the interpreter is compiled (sandbox/vgpu/CMakeLists.txt).
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-trapping-math", "-fno-math-errno"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
X86 = platform.machine() in ("x86_64", "AMD64")
LEVELS = {"base": [], "v3": ["-march=x86-64-v3"], "v4": ["-march=x86-64-v4", "-mprefer-vector-width=256"]}
if not X86:
    LEVELS = {"base": []}
NEEDED = {"v3": {"avx2", "fma", "f16c", "bmi2"}, "v4": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
SHAPES = 13

Twins = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    compiler = shutil.which("c++")
    if not compiler:
        pytest.skip("no C++ compiler to build the comparison with")
    folder = tmp_path_factory.mktemp("twins")

    def run(level: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = folder / level
        if not program.exists():
            flags = [*FLAGS, *WARNINGS, *LEVELS[level], f"-I{ROOT / 'sandbox' / 'vgpu'}"]
            subprocess.run([compiler, *flags, SOURCE, "-o", program], check=True)
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False)

    return run


def runnable(level: str) -> bool:
    info = Path("/proc/cpuinfo")
    return level == "base" or (info.exists() and NEEDED[level] <= set(info.read_text().split()))


@pytest.mark.parametrize("level", LEVELS)
def test_vector_code_agrees_with_the_scalar_definition_on_random_operands(twins: Twins, level: str) -> None:
    if not runnable(level):
        pytest.skip(f"this processor does not run {level}")
    done = twins(level, "300")
    assert done.returncode == 0, done.stdout
    assert [line.split()[-2] for line in done.stdout.splitlines()] == ["0"] * SHAPES
    assert done.stdout == twins("base", "300").stdout


def test_one_wrong_bit_is_noticed(twins: Twins) -> None:
    done = twins("base", "30", "spoil")
    assert done.returncode == 1
    assert [line.split()[-2] for line in done.stdout.splitlines()] == ["1"] * SHAPES
