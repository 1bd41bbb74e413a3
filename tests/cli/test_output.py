"""Standard output: JSON and nothing else where it was asked for, and one sentence where it cannot be written."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.conftest import PROBLEM, ScriptedBench, Shell

from kernelevo import run
from kernelevo.types import Candidate, Check, Verdict

TALKING = "print('loaded')\n" + PROBLEM.replace("lambda x: x * 2", "lambda x: print('called') or x * 2")


def kernelevo(*words: str, folder: Path, output: int) -> subprocess.CompletedProcess:
    """The program itself, in a process of its own."""
    command = [sys.executable, "-m", "kernelevo", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(run.__file__).parent.parent)}
    return subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.PIPE, timeout=60)


@pytest.mark.parametrize("words", [("check", "twice.cu", "--json"), ("optimize", "twice.cu", "--json")])
def test_what_a_problem_file_prints_does_not_get_into_the_json(shell: Shell, words: tuple[str, ...]) -> None:
    shell.write("twice.problem.py", TALKING)
    code, out, err = shell(*words)
    assert code == 0 and isinstance(json.loads(out), dict)
    assert "loaded" in err and "called" in err


def test_without_json_what_a_problem_file_prints_is_left_where_it_was_printed(shell: Shell) -> None:
    shell.write("twice.problem.py", TALKING)
    assert "loaded" in shell("check", "twice.cu")[1]


def test_lines_of_eval_are_json_whatever_a_problem_file_prints(shell: Shell) -> None:
    shell.write("twice.problem.py", TALKING)
    shell.write("batch.jsonl", json.dumps({"text": Path("twice.cu").read_text()}))
    out = shell("eval", "twice.cu", "--jsonl", "batch.jsonl")[1]
    assert [json.loads(line)["passed"] for line in out.splitlines()] == [True]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_cannot_be_written_is_our_fault_in_a_sentence(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = kernelevo("runs", "list", folder=tmp_path, output=full.fileno())
    assert done.returncode == 3
    assert b"no space left" in done.stderr and b"Traceback" not in done.stderr and b"ignored" not in done.stderr


@pytest.mark.parametrize("words", [("runs", "list", "--json"), ("check", "no.cu", "--json"), ("eval", "no.cu")])
def test_a_closed_output_is_bad_input_before_any_work(tmp_path: Path, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "kernelevo", *words]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 2 and b"standard output is closed" in done.stderr, done.stderr


def test_a_reader_that_goes_away_is_no_failed_kernel(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = kernelevo("runs", "list", folder=tmp_path, output=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
    assert kernelevo("runs", "list", folder=tmp_path, output=subprocess.DEVNULL).returncode == 0


LOADING = """
import sys
import kernelevo.cli
class Told:
    def find_spec(name, path, target=None):
        if name == "kernelevo.commands.app":
            print(1, flush=True)
sys.meta_path.insert(0, Told)
raise SystemExit(kernelevo.cli.main())
"""
"""Says when the program begins to load."""
FORGOTTEN = """
import signal, sys
import kernelevo.cli
def profile(frame, event, argument):
    if (frame.f_code.co_name, event, frame.f_code.co_filename) == ("cb", "call", "<frozen importlib._bootstrap>"):
        sys.setprofile(None)
        signal.raise_signal(signal.Signals[sys.argv.pop()])
words = sys.argv[1:-1]
sys.setprofile(profile)
raise SystemExit(kernelevo.cli.main(words))
"""
"""Stopped at the end of an import, in a callback whose exceptions Python prints and forgets."""


def started(text: str, *words: str, folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(run.__file__).parent.parent)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", text, "eval", "twice.cu", *words]
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)


def require_stopped(child: subprocess.Popen) -> None:
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and b"kernelevo: stopped" in err and b"Traceback" not in err, err


@pytest.mark.parametrize("seconds", [0, 0.05, 0.3])
def test_ctrl_c_while_the_program_starts_is_130_and_no_traceback(tmp_path: Path, seconds: float) -> None:
    with started(LOADING, folder=tmp_path) as child:
        assert child.stdout is not None and child.stdout.readline() == b"1\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGINT)
        require_stopped(child)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_at_the_end_of_an_import_is_not_forgotten(tmp_path: Path, name: str) -> None:
    with started(FORGOTTEN, name, folder=tmp_path) as child:
        require_stopped(child)


class Oracled(ScriptedBench):
    """Says that expected outputs come from a kernel."""

    def judge(self, candidate: Candidate) -> Verdict:
        verdict = super().judge(candidate)
        return dataclasses.replace(verdict, checks=(*verdict.checks, Check("oracle", True, "right is twice.oracle.cu")))


def test_an_oracle_is_named_in_every_report(shell: Shell) -> None:
    judged = shell.with_bench(Oracled)
    code, out, _ = judged("optimize", "twice.cu")
    assert code == 0 and "mind: right is twice.oracle.cu" in out
    assert "// Mind: right is twice.oracle.cu" in Path("best/twice.cu").read_text()
    assert "mind: right is twice.oracle.cu" in judged("profile", "twice.cu")[1]
    assert "right is twice.oracle.cu" in judged("check", "twice.cu")[1]
    assert "mind:" not in shell("optimize", "twice.cu")[1]
