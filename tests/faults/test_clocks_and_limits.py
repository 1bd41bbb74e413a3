"""The wall clock jumps by hours, and this machine runs out of files or memory: limits hold, and nobody is blamed."""

from __future__ import annotations

import ast
import datetime
import itertools
import json
import resource
import time
from pathlib import Path

import pytest
from cli.conftest import SCRIPTED, ScriptedBench, Shell, shell
from faults.real import KERNEL, PROBLEM, folder, start, write_batch

import kernelevo
from kernelevo.errors import Infrastructure, SandboxBroken
from kernelevo.run import REAL, Joints
from kernelevo.sandbox import Sandbox

__all__ = ["folder", "shell"]

PACKAGE = Path(kernelevo.__file__).parent
TELLS_THE_DATE = {
    "stores/folders.py": "ids of runs sort by time",
    "stores/sqlite.py": "rows say when they were written",
    "run_record.py": "a record says when its run began",
    "joining_loop.py": "so does that of a loop",
    "loop/ledger.py": "an opening of sealed tasks says when",
    "harness/adopting.py": "a receipt says when",
    "devices/calibrating.py": "a calibration is not of tomorrow",
}
"""The only places that may look at a clock that can be set, and why."""


def wall_clock_calls(source: str) -> list[int]:
    names = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime"}
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
        and ast.unparse(node.func.value).split(".")[-1] in ("time", "datetime", "date")
    ]


def test_no_limit_rests_on_a_clock_that_can_be_set() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if wall_clock_calls(path.read_text(encoding="utf-8"))
    }
    assert found == set(TELLS_THE_DATE)


def test_such_a_call_is_recognised() -> None:
    assert wall_clock_calls("import time\nx = time.time()\ny = datetime.datetime.now(z)\nt = time.monotonic()") == [
        2,
        3,
    ]


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the wall clock finds it hours away from the last one, forwards or backwards."""
    real, jumps = time.time, itertools.cycle([0, 7 * 3600, -9 * 3600, 40 * 86400, -3600])
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromtimestamp(time.time(), tz)

    for module in ("kernelevo.stores.sqlite", "kernelevo.run_record"):
        monkeypatch.setattr(f"{module}.datetime", Jumping)


def search(shell: Shell, runs: str) -> dict:
    words = ("--evaluations", "14", "--seconds", "50", "--workers", "1", "--json", "--runs", runs)
    code, out, err = shell("optimize", "twice.cu", *words)
    assert code == 0, err
    return {name: value for name, value in json.loads(out).items() if name != "run_id"}


def test_a_search_under_a_jumping_clock_is_the_same_search(shell: Shell, request: pytest.FixtureRequest) -> None:
    undisturbed = search(shell, "whole")
    request.getfixturevalue("jumping")
    assert search(shell, "runs") == undisturbed
    (run,) = (shell.folder / "runs").iterdir()
    code, out, err = shell("resume", run.name, "--json")
    assert code == 0 and json.loads(out)["evaluations"] == undisturbed["evaluations"], err


def test_a_judge_under_a_jumping_clock_gives_the_same_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "grow.problem.py").write_text(PROBLEM)
    monkeypatch.setenv("KERNELEVO_CACHE", str(tmp_path / "cache"))
    asked = {"mode": "search", "seed": 3}
    undisturbed = kernelevo.evaluate(tmp_path / "grow.problem.py", KERNEL, **asked)
    request.getfixturevalue("jumping")
    verdict = kernelevo.evaluate(tmp_path / "grow.problem.py", KERNEL, **asked)
    assert (verdict.status, verdict.score, verdict.checks) == (
        undisturbed.status,
        undisturbed.score,
        undisturbed.checks,
    )
    assert verdict.status == "passed"


def test_an_address_space_too_small_for_a_child_is_this_machines_limit_and_no_timeout(folder: Path) -> None:
    """As `ulimit -v` sets it, on clusters."""
    write_batch(folder, 2)
    words = ["eval", "grow.cu", "--jsonl", "batch.jsonl", "--level", "search", "--trust"]
    with start(folder, *words) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err  # one of the two is wrong
    limit = 3 << 30
    with start(folder, *words, limit=limit) as process:
        out, err = process.communicate(timeout=120)
    given = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 3 and [each["status"] for each in given] == ["infra", "infra"], err
    assert all("address space" in each["feedback"] and each["reward"]["mask"] is False for each in given)


def test_no_open_file_left_is_said_to_be_this_machines_lack() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    try:
        with pytest.raises(SandboxBroken, match="open file left"):
            Sandbox()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    Sandbox().close()


def test_a_wall_that_cannot_be_fed_is_our_fault_and_works_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grow.problem.py").write_text(PROBLEM)
    monkeypatch.setenv("KERNELEVO_CACHE", str(tmp_path / "cache"))

    def no_memory(name: str, flags: int) -> int:
        raise OSError(12, "Cannot allocate memory")

    with kernelevo.Judge(tmp_path / "grow.problem.py", mode="search", seed=3) as judge:
        expected = judge.evaluate(KERNEL)
        with monkeypatch.context() as patched:
            patched.setattr("kernelevo.sandbox.os.memfd_create", no_memory)
            with pytest.raises(Infrastructure, match=r"no memory.*Cannot allocate memory"):
                judge.evaluate(KERNEL)
        again = judge.evaluate(KERNEL)
    assert (again.status, again.score) == (expected.status, expected.score)


def test_a_start_that_could_not_be_judged_is_tried_again_by_resume(shell: Shell) -> None:
    class Broken(ScriptedBench):
        def judge(self, candidate):
            raise SandboxBroken("the wall's worker died")

    broken = Shell(shell.folder, shell.capture, Joints(REAL.open_task, lambda *_: Broken(), SCRIPTED.proposers))
    code, _, err = broken("optimize", "twice.cu", "--json")
    assert code == 3 and "for no fault of its own" in err and "kernelevo resume" in err
    (run,) = (shell.folder / "runs").iterdir()
    code, out, err = shell("resume", run.name, "--json")
    assert code == 0 and json.loads(out)["improved"], err
