"""A run is killed with SIGKILL in the middle, again and again, and comes to the answer of one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.conftest import KERNEL, SCRIPTED, Halver, ScriptedBench, Shell

import kernelevo
from kernelevo.errors import KernelevoError
from kernelevo.evaluators.scripted import ScriptedEvaluator
from kernelevo.run import REAL, Joints, Proposers
from kernelevo.stores.folders import run_folders
from kernelevo.stores.sqlite import SqliteStore

HERE = Path(__file__).parent
SLOW = f"""
import sys
sys.path[:0] = {[str(HERE), str(HERE.parent), str(Path(kernelevo.__file__).parent.parent)]!r}
import test_crash
from kernelevo.cli import main
sys.exit(main(sys.argv[2:], getattr(test_crash, sys.argv[1])))
"""


class SlowBench(ScriptedBench):
    def judge(self, candidate):
        time.sleep(0.02)
        return super().judge(candidate)


class Downhill(Halver):
    """Always one microsecond less, and a slower rival: a long way."""

    def propose(self, parent, tried, limit):
        made = super().propose(parent, tried, limit)
        return [
            type(candidate)(
                KERNEL.replace("// 100 us", f"// {time_after(parent) - step:g} us"), {}, self.name, candidate.parent
            )
            for candidate, step in zip(made, (1, 2), strict=False)
        ]


def time_after(parent) -> float:
    return parent.verdict.score.value


class StuckAnew(SlowBench):
    """Takes its time over what it has judged with full checks before, and would give it another figure."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.full = ScriptedEvaluator(self.judge_in_full)
        self.seen: set[str] = set()

    def judge_in_full(self, candidate):
        if candidate.id in self.seen:
            time.sleep(60)
        self.seen.add(candidate.id)
        return self.judge(candidate)


def joints(bench: type[ScriptedBench]) -> Joints:
    return Joints(REAL.open_task, lambda request, task, settings: bench(), lambda *_: Proposers([Downhill()], ""))


SLOW_JOINTS, STUCK_JOINTS = joints(SlowBench), joints(StuckAnew)
WORDS = ["--evaluations", "40", "--seconds", "100", "--workers", "2", "--json"]


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(shell: Shell) -> Iterator[Start]:
    """Starts the program as a process of its own; whatever is left of it is killed at the end."""
    children: list[subprocess.Popen[str]] = []

    def start(*words: str, joints: str = "SLOW_JOINTS") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SLOW, joints, *words]
        child = subprocess.Popen(command, cwd=shell.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        with child:
            """Closes its pipes and waits for its end."""


def verdicts(folder: Path) -> int:
    try:
        with SqliteStore.read(folder) as store:
            return len(store.attempts())
    except KernelevoError:
        return 0  # it has not begun: there is no schema yet


def wait_for_verdicts(runs: Path, count: int) -> Path:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for folder in run_folders(runs):
            if verdicts(folder) >= count:
                return folder
        time.sleep(0.01)
    raise AssertionError(f"no run in {runs} came to {count} verdicts")


def test_a_run_killed_three_times_comes_to_the_same_answer(shell: Shell, start: Start) -> None:
    slow = Shell(shell.folder, shell.capture, SLOW_JOINTS)
    whole = json.loads(slow("optimize", "twice.cu", *WORDS, "--runs", "whole")[1])
    child = start("optimize", "twice.cu", *WORDS)
    for count in (3, 12, 24):
        folder = wait_for_verdicts(shell.folder / "runs", count)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kept = verdicts(folder)
        child = start("resume", folder.name, "--json")
        assert kept >= count
    out, err = child.communicate(timeout=60)
    resumed = json.loads(out)
    assert child.returncode == 0, err
    assert (resumed["best_us"], resumed["evaluations"]) == (whole["best_us"], whole["evaluations"])
    assert resumed["statuses"] == whole["statuses"]


def test_a_run_killed_between_the_choice_and_the_judgement_anew_makes_up_for_that_alone(
    shell: Shell, start: Start
) -> None:
    slow = Shell(shell.folder, shell.capture, SLOW_JOINTS)
    words = ["--evaluations", "14", "--seconds", "100", "--workers", "1", "--json"]
    whole = json.loads(slow("optimize", "twice.cu", *words, "--runs", "whole")[1])
    child = start("optimize", "twice.cu", *words, joints="STUCK_JOINTS")
    folder = wait_for_verdicts(shell.folder / "runs", whole["evaluations"] - 1)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    code, out, _ = slow("runs", "show", folder.name, "--json")
    assert code == 0 and json.loads(out)["judged_anew"] is None
    resumed = json.loads(slow("resume", folder.name, "--json")[1])
    assert verdicts(folder) == whole["evaluations"]
    for name in ("best_us", "evaluations", "statuses", "judged_anew"):
        assert resumed[name] == whole[name]
    assert resumed["judged_anew"]["fallen"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_at_once_with_130_and_keeps_what_finished(
    shell: Shell, start: Start, number: signal.Signals
) -> None:
    child = start("optimize", "twice.cu", *WORDS)
    folder = wait_for_verdicts(shell.folder / "runs", 4)
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (130, "") and f"kernelevo resume {folder.name}" in err
    told = int(err.split("stopped after ")[1].split()[0])
    assert verdicts(folder) == told >= 4


def test_two_processes_do_not_write_one_run(shell: Shell, start: Start) -> None:
    child = start("optimize", "twice.cu", *WORDS)
    folder = wait_for_verdicts(shell.folder / "runs", 2)
    code, out, err = Shell(shell.folder, shell.capture, SCRIPTED)("resume", folder.name)
    assert (code, out) == (3, "") and f"pid {child.pid}" in err
