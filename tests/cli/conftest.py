"""The command line with scripted parts: `#pragma` texts are judged by a table of words, in this process."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelevo.cli import main
from kernelevo.devices.null import PROPERTIES
from kernelevo.evaluators.scripted import ScriptedEvaluator
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.problem import Problem
from kernelevo.provenance import Provenance, TrialRecord
from kernelevo.run import REAL, Joints, Proposers, Task
from kernelevo.types import (
    Attempt,
    Candidate,
    CaseResult,
    Check,
    Fault,
    Figure,
    LineCounts,
    Sanitizing,
    SourceLine,
    Status,
    StepReport,
    Verdict,
)

KERNEL = """// 100 us
#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 64 128 256
#pragma kernelevo launch twice<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * 2.0f;
}
"""
PROBLEM = """from kernelevo import Input, Output, Problem

problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 2, ["n=1000"])
"""


TWICE = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 2, ["n=1000"])
SEEDS = itertools.count(1)


def drawn(mode: str) -> Provenance:
    """What a judgement of TWICE rests on, under a seed that no other has."""

    def record(case: str, timed: bool) -> TrialRecord:
        return TrialRecord(case, 0, timed, False, not timed, 0.1, {"x": "a" * 64}, {"y": "b" * 64})

    trials = [record(case.name, False) for case in TWICE.tests] + [record("n=1000", True)]
    return Provenance(f"{next(SEEDS):x}", mode, tuple(trials))


def time_of(text: str) -> float:
    """The number of microseconds that a text asks for, in a comment `// 12.5 us`."""
    return float(next(line for line in text.splitlines() if line.endswith(" us")).split()[-2])


@dataclass
class ScriptedBench:
    """Judges a text by its comments: `// 12.5 us`, and `// status wrong`."""

    device: str = "virtual:h100"
    how: str = "modelled"
    band: float = 0.05
    note: str = "checker self-test: scripted"
    calibration: str = "not calibrated"

    def __post_init__(self) -> None:
        self.properties = dict(PROPERTIES)
        self.versions = {"scripted": "1"}
        self.light = self.full = ScriptedEvaluator(self.judge)

    def judge(self, candidate: Candidate) -> Verdict:
        for status in Status:
            if f"// status {status}\n" in candidate.text:
                return self.failed(candidate, status)
        time = Figure(time_of(candidate.text) - candidate.defines.get("BLOCK", 0) / 100, "us", self.device, self.how)
        return Verdict(
            candidate.id,
            self.device,
            Status.PASSED,
            "fine",
            time,
            (self.case(time),),
            (Check("outputs", True, "3 trials"),),
            provenance=drawn("final"),
        )

    def case(self, time: Figure) -> CaseResult:
        counts = {"warp_instructions": int(time.value * 10), "global_load_requests": 4, "global_store_requests": 4}
        counts |= {"global_atomic_requests": 0, "global_load_sectors": 32, "global_store_sectors": 32}
        counts |= {"global_atomic_sectors": 0}
        line = LineCounts(SourceLine("twice.cu", 9), 20, "ld.global.f32", 4, 128, 4, 32, 0, 0)
        step = StepReport("twice", counts, (line,), time=time, limiter="DRAM bandwidth", occupancy=0.5)
        return CaseResult("n=1000", {"n": 1000}, time, counts, "DRAM bandwidth", 0.1, (step,))

    def failed(self, candidate: Candidate, status: Status) -> Verdict:
        fault = Fault("out_of_bounds", "past the end", "twice", source=SourceLine("twice.cu", 9))
        return Verdict(
            candidate.id, self.device, status, "twice.cu:9: past the end",
            checks=(Check("run", False, "past the end"),), fault=fault if status is Status.TRAPPED else None,
        )  # fmt: skip

    def at_level(self, level, *, seed=None, cases=(), most_findings=20) -> ScriptedEvaluator:
        sanitized = ScriptedEvaluator(lambda candidate: self.sanitized(candidate, most_findings))
        return sanitized if level == "sanitize" else self.full

    def sanitized(self, candidate: Candidate, most_findings: int) -> Verdict:
        """The verdict of before, with what a search for faults covered."""
        covered = Sanitizing(("n=1000",), 2, 2, ("faults", "races"), ("other sizes",), 0, 0.5)
        verdict = dataclasses.replace(self.judge(candidate), sanitizing=covered)
        return verdict if verdict.score is None else dataclasses.replace(verdict, provenance=drawn("sanitize"))

    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class Halver:
    """Proposes a text with half the time, down to 10 us, and a block size set from outside."""

    name: str = "halver"

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        text, time = parent.candidate.text, time_of(parent.candidate.text)
        if time <= 10:
            return []
        faster = text.replace(f"// {time:g} us", f"// {time / 2:g} us")
        changes = [({}, "halve"), ({"BLOCK": 256}, "halve, BLOCK 256")]
        made = [Candidate(faster, defines, self.name, parent.candidate.id, (move,)) for defines, move in changes]
        return [candidate for candidate in made if candidate.id not in tried][:limit]


SCRIPTED = Joints(
    REAL.open_task,
    lambda request, task, settings: ScriptedBench(),
    lambda task, bench, settings: Proposers([Halver()], "scripted rules"),
)


@dataclass
class Shell:
    """A folder with one kernel in it, and the command line."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    joints: Joints = SCRIPTED

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)"""
        code = main(words, self.joints)
        captured = self.capture.readouterr()
        return code, captured.out, captured.err

    def with_bench(self, make: Callable[[], ScriptedBench], proposers: Sequence = (Halver(),)) -> Shell:
        def open_bench(request: object, task: Task, settings: object) -> ScriptedBench:
            return make()

        return Shell(
            self.folder,
            self.capture,
            Joints(REAL.open_task, open_bench, lambda *_: Proposers(proposers, "scripted rules")),
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("KERNELEVO_RUNS", "KERNELEVO_DEVICE", "KERNELEVO_CACHE"):
        monkeypatch.delenv(name, raising=False)
    shell = Shell(tmp_path, capsys)
    shell.write("twice.cu", KERNEL)
    shell.write("twice.problem.py", PROBLEM)
    return shell
