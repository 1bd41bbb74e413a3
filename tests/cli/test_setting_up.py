"""`kernelevo init`, `new`, `import`, `doctor`, and the program's own options."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import Shell

from kernelevo import __version__
from kernelevo.commands.app import app
from kernelevo.errors import NotInstalled
from kernelevo.initialise import initialise

HOST = """#include <cstdio>
__global__ void twice(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * 2.0f;
}
void launch(const float* x, float* y, int n) { twice<<<(n + 127) / 128, 128>>>(x, y, n); }
"""


def test_init_puts_the_samples_there_and_overwrites_nothing(shell: Shell) -> None:
    shell.write("work/kernels/softmax.cu", "mine")
    code, out, _ = shell("init", "work")
    assert code == 0 and "kept 1" in out
    assert Path("work/kernels/softmax.cu").read_text() == "mine"
    assert Path("work/kernels/softmax.problem.py").is_file() and Path("work/kernels/transpose.cu").is_file()


def test_init_into_a_file_is_bad_input(shell: Shell) -> None:
    code, _, err = shell("init", "twice.cu")
    assert code == 2 and "twice.cu" in err


def test_init_without_samples_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelevo.initialise.__file__", str(tmp_path / "kernelevo" / "initialise.py"))
    with pytest.raises(NotInstalled, match="pip install"):
        initialise(tmp_path)


def test_a_new_problem_can_be_checked_at_once(shell: Shell) -> None:
    code, _out, _ = shell("new", "gelu")
    assert code == 0 and Path("kernels/gelu.problem.py").is_file()
    shell.write("kernels/gelu.cu", "// 5 us\n" + Path("kernels/gelu.cu").read_text())
    assert shell("check", "kernels/gelu.cu")[0] == 0
    code, _, err = shell("new", "gelu")
    assert code == 2 and "gelu" in err


def test_a_new_problem_from_a_kernel_has_it_as_oracle(shell: Shell) -> None:
    shell.write("mine.cu", HOST)
    code, out, _ = shell("new", "mine", "--from", "mine.cu")
    assert code == 0 and "oracle" in out and Path("kernels/mine.oracle.cu").is_file()


def test_import_writes_the_derived_plan_and_says_so(shell: Shell) -> None:
    shell.write("mine.cu", HOST)
    code, out, _ = shell("import", "mine.cu")
    text = Path("mine.kernelevo.cu").read_text()
    assert code == 0 and "mine.kernelevo.cu" in out and "launch" in out
    assert "#pragma kernelevo launch twice<<<" in text and "void launch(" not in text
    assert shell("import", "mine.cu")[0] == 2


def test_import_refuses_what_a_plan_cannot_say_naming_the_line(shell: Shell) -> None:
    shell.write("mine.cu", HOST.replace("{ twice<<<", "{ if (n) twice<<<"))
    code, _, err = shell("import", "mine.cu")
    assert code == 2 and "mine.cu:6" in err


def test_optimize_takes_a_host_launcher_and_says_what_it_did(shell: Shell) -> None:
    shell.write("twice.cu", "// 100 us\n" + HOST)
    code, out, _ = shell("optimize", "twice.cu")
    assert code == 0 and "twice.cu:" in out.splitlines()[1]


def test_the_version_and_the_module_are_the_program() -> None:
    command = [sys.executable, "-m", "kernelevo", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"kernelevo {__version__}\n"


def commands() -> list[list[str]]:
    groups = [
        [group.name, item.name] for group in app.registered_groups for item in group.typer_instance.registered_commands
    ]
    return [[item.name] for item in app.registered_commands] + groups


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_teaches_with_an_example(shell: Shell, words: list[str]) -> None:
    code, out, _ = shell(*words, "--help")
    assert code == 0 and f"Example: kernelevo {' '.join(words)}" in " ".join(out.split())


def test_every_command_is_there() -> None:
    names = {words[0] for words in commands()}
    judging = {"optimize", "check", "profile", "eval", "redteam", "verify", "sign"}
    loop = {"run", "study", "harness", "adapter", "sealed"}
    assert judging | loop | {"resume", "runs", "new", "import", "init", "doctor"} == names


def test_an_std_as_compilers_spell_it_is_understood(shell: Shell) -> None:
    assert shell("check", "twice.cu", "-std=c++17", "-DFAST=1", "-D", "QUICK")[0] == 0


def test_doctor_says_what_is_here(shell: Shell) -> None:
    code, out, _ = shell("doctor", "--json")
    findings = json.loads(out)
    assert code == (2 if any(finding["state"] == "missing" for finding in findings) else 0)
    assert any(finding["name"].startswith("wall") for finding in findings)
