"""`check --problem FILE` judges the problem itself; and a problem file that is new is asked about."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import PROBLEM, Shell

COPY = PROBLEM.replace("x * 2", "x + 0").replace('["n=1000"]', '["n=1000"], compute_dtype="f32"')


@pytest.mark.parametrize("spelled", ["twice.problem.py", "twice.py"])
def test_a_problem_is_judged_by_its_mutants(shell: Shell, spelled: str) -> None:
    code, out, _ = shell("check", "--problem", spelled)
    assert code == 0, out
    for name in ("zero", "mean", "identity", "stale", "permuted", "half-written", "one-percent-wrong",
                 "one-element-wrong", "f16-precision"):  # fmt: skip
        row = next(line for line in out.splitlines() if line.split()[:1] == [name])
        assert " of 8   refused" in row
    assert "pairwise" in out and "block" in out
    assert "8 times the largest error of 7 honest styles of the reference in f32 against float64" in out
    assert out.rstrip().endswith("an honest one is accepted")


def test_a_mutant_that_survives_is_told_with_the_reason(shell: Shell) -> None:
    shell.write("copy.problem.py", PROBLEM.replace("x * 2", "x + 0"))
    code, out, _ = shell("check", "--problem", "copy.problem.py")
    row = next(line for line in out.splitlines() if line.split()[:1] == ["identity"])
    assert code == 1
    assert "0 of 8   SURVIVED" in row and "the same as what is right" in row and "case n=" in row and "x from" in row
    assert "not separable: identity would pass" in out


def test_the_json_holds_what_the_tables_show(shell: Shell) -> None:
    shell.write("wide.problem.py", PROBLEM.replace('["n=1000"]', '["n=1000"], tolerance=Tolerance(1e9, 0.0, "a try")')
                .replace("import Input", "import Tolerance, Input"))  # fmt: skip
    code, out, _ = shell("check", "--problem", "wide.problem.py", "--json", "--seed", "3")
    told = json.loads(out)
    assert code == 1 and told["separable"] is False and told["file"] == "wide.problem.py"
    survivors = {each["name"] for each in told["mutants"] if each["survived"]}
    assert survivors and all(f"{name}" in told["sentence"] for name in survivors)
    for each in told["mutants"]:
        assert (each["refused"] == 0) is each["survived"] and each["trials"] == 8
        assert (each["closest"] is None) is (each["refused"] == each["trials"])
    assert told["tolerances"][0]["source"] == "declared" and told["tolerances"][0]["reason"] == "a try"
    assert told["tolerances"][0]["bound"] == [1e9, 1e9]
    assert {each["style"] for each in told["honest"]} >= {"sequential", "lanes", "block"}
    again = json.loads(shell("check", "--problem", "wide.problem.py", "--json", "--seed", "3")[1])
    assert again == told


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "give a KERNEL"),
        (("--problem", "twice.cu"), "is no problem file"),
        (("--problem", "gone.py"), "is no problem file"),
        (("--problem", "gone.problem.py"), "there is no problem file"),
        (("--problem", "twice.py", "--sanitize"), "--sanitize says how a kernel is judged"),
        (("--problem", "twice.py", "--device", "virtual:l4"), "--device says how a kernel is judged"),
        (("--problem", "oracle.py"), "has no reference"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(shell: Shell, words: tuple[str, ...], what: str) -> None:
    shell.write("oracle.problem.py", PROBLEM.replace("lambda x: x * 2", "None").replace(")\n", ', oracle="twice.cu")\n')
                .replace("Problem, oracle", "Problem"))  # fmt: skip
    code, out, err = shell("check", *words)
    assert code == 2 and out == "" and what in err and "Traceback" not in err


COMMANDS = (
    ("check", "twice.cu"), ("check", "--problem", "twice.py"), ("optimize", "twice.cu"), ("profile", "twice.cu"),
    ("eval", "twice.cu", "--jsonl", "batch.jsonl"),
)  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_refuses_a_new_problem_that_nobody_vouches_for(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.delenv("KERNELEVO_TRUST")
    monkeypatch.setenv("KERNELEVO_CACHE", str(shell.folder / "cache"))
    shell.write("batch.jsonl", '{"text": "// 1 us"}\n')
    shell.write("twice.problem.py", f"open('ran', 'w').close()\n{PROBLEM}")
    code, out, err = shell(*words)
    assert code == 2 and "was not run" in err and "sha256" in err
    assert not (shell.folder / "ran").exists() and "passed" not in out
    code, _, err = shell(*words, "--trust")
    assert code in (0, 1) and "--trust says so" in err and (shell.folder / "ran").exists()
    assert "is a program" not in shell(*words)[2]


def test_resume_asks_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("optimize", "twice.cu", "--evaluations", "4")[0] == 0
    monkeypatch.delenv("KERNELEVO_TRUST")
    monkeypatch.setenv("KERNELEVO_CACHE", str(shell.folder / "cache"))
    shell.write("twice.problem.py", "open('ran', 'w').close()\nraise SystemExit")
    code, _, err = shell("resume", "last")
    assert code == 2 and "was not run" in err and not (shell.folder / "ran").exists()


def test_what_new_and_init_write_is_known(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERNELEVO_TRUST")
    monkeypatch.setenv("KERNELEVO_CACHE", str(shell.folder / "cache"))
    assert shell("new", "gelu")[0] == 0 and shell("init", "work")[0] == 0
    for file in ("kernels/gelu.py", "work/kernels/transpose.py"):
        code, _, err = shell("check", "--problem", file)
        assert (code, err) == (0, "")


def test_at_a_terminal_a_person_is_asked(tmp_path: Path) -> None:
    (tmp_path / "twice.problem.py").write_text(PROBLEM)
    environment = {**os.environ, "KERNELEVO_CACHE": str(tmp_path / "cache"), "KERNELEVO_TRUST": ""}
    words = [sys.executable, "-m", "kernelevo", "check", "--problem", "twice.py"]
    for answer, expected in (("\n", 2), ("y\n", 0)):
        ours, theirs = pty.openpty()
        child = subprocess.Popen(words, cwd=tmp_path, env=environment, stdin=theirs, stderr=theirs,
                                 stdout=subprocess.PIPE)  # fmt: skip
        os.close(theirs)
        os.write(ours, answer.encode())
        out, _ = child.communicate(timeout=60)
        shown = os.read(ours, 1 << 16).decode()
        os.close(ours)
        assert child.returncode == expected, shown
        assert "is a program, and new to this machine" in shown and "Run it? [y/N]" in shown
        assert (b"mutants" in out) is (expected == 0)
