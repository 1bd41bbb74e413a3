"""A bundle of made-up verdicts that agree with themselves, and ways to spoil it with all hashes put right again."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kernelevo.evidence import bundle, canonical, making
from kernelevo.evidence.bundle import Bundle
from kernelevo.evidence.documents import Asked, Origin
from kernelevo.evidence.making import Exhibit, Matter
from kernelevo.kernel.arguments import Input, Output, Scalar
from kernelevo.kernel.languages import CUDA
from kernelevo.kernel.problem import Problem
from kernelevo.provenance import Provenance, TrialRecord
from kernelevo.run_evidence import plan_of
from kernelevo.types import (
    Attempt,
    Candidate,
    CaseResult,
    Check,
    Figure,
    Image,
    Sanitizing,
    Status,
    StepReport,
    Verdict,
)

DEVICE = "virtual:h100"
PROPERTIES = {"sms": 132, "warp": 32, "threads_per_block": 1024, "shared_bytes_per_block": 232448, "launch_ns": 2500}
TEXT = """#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 64 128 256
#pragma kernelevo zero y
#pragma kernelevo launch twice<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n, factor)
extern "C" __global__ void twice(const float* x, float* y, int n, float factor) { /* ... */ }
"""
PTX = ".version 8.8\n.target sm_90\n.visible .entry twice(\n.param .u64 a)\n{ ret; }\n"
PROBLEM_TEXT = b"problem = ...  # never executed here\n"


def problem() -> Problem:
    arguments = [Input("x", "f32[n]"), Output("y", "f32[n]"), Scalar("factor", "f32", 2.0)]
    cases = ["n=1000", ("n=4096", 2.0)]
    return Problem(arguments, lambda x, factor: x * factor, cases, tests=["n=1", "n=33"]).located(
        Path("twice.problem.py")
    )


def trials(made: Problem, seed: int) -> tuple[TrialRecord, ...]:
    def record(case: str, timed: bool) -> TrialRecord:
        inputs, outputs = {"x": f"{seed:064x}"}, {"y": f"{seed + 1:064x}"}
        return TrialRecord(case, 0, timed, False, True, 0.25, inputs, outputs)

    return tuple(
        [record(case.name, False) for case in made.tests] + [record(case.name, True) for case in made.benchmarks]
    )


def passed(text: str, times: tuple[float, float], seed: int, defines: dict[str, int] | None = None) -> Attempt:
    made, candidate = problem(), Candidate(text, defines or {}, "rules", None, ("a move",))
    cases = []
    for case, us in zip(made.benchmarks, times, strict=True):
        shares = [StepReport("zero y", {"l2": 4}, time=Figure(us / 4, "us", DEVICE, "modelled"), limiter="DRAM")]
        shares += [StepReport("twice", {"l2": 7}, time=Figure(us * 3 / 4, "us", DEVICE, "modelled"), limiter="DRAM")]
        time = Figure(sum(step.time.value for step in shares), "us", DEVICE, "modelled")
        cases.append(CaseResult(case.name, case.dims, time, {"l2": 11}, "DRAM", 0.25, tuple(shares)))
    weights = [case.weight for case in made.benchmarks]
    logs = [weight * math.log(case.time.value) for weight, case in zip(weights, cases, strict=True)]
    score = math.exp(sum(logs) / sum(weights))
    kernel = {
        "name": "twice", "symbol": "twice", "registers": 16, "spill_bytes": 0, "static_shared_bytes": 0,
        "dynamic_shared_bytes": 0, "local_bytes": 0,
    }  # fmt: skip
    image = {
        "key": "ab" * 32, "arch": "sm_90", "compiler": "nvrtc 13.5", "kernels": [kernel],
        "ptx_sha256": making.sha256(PTX.encode()), "cubin_sha256": "cd" * 32,
    }  # fmt: skip
    verdict = Verdict(
        candidate.id, DEVICE, Status.PASSED, "fine", Figure(score, "us", DEVICE, "modelled"), tuple(cases),
        (Check("outputs", True, "4 trials"), Check("rules", True, "fits")), image=image, seconds=1.5,
        sanitizing=Sanitizing(("n=1",), 2, 2, ("races",), ("other sizes",), 0, 0.5),
        provenance=Provenance(f"{seed:x}", "final", trials(made, seed)),
    )  # fmt: skip
    return Attempt(candidate, verdict)


def exhibit(attempt: Attempt) -> Exhibit:
    declared = making.declare(problem(), PROBLEM_TEXT, CUDA, None)
    launches, macros = plan_of(attempt.candidate.text, attempt.candidate.defines, declared, PROPERTIES)
    return Exhibit(attempt, launches, macros, Image("ab" * 32, "sm_90", PTX, b"", (), "nvrtc 13.5"))


def origin() -> Origin:
    asked = Asked(
        kernel="twice.cu", compiler="nvrtc", driver="cupy", cases=[], include_folders=[], defines={}, standard=None
    )
    return Origin(
        run="0abc", command="optimize twice.cu", started="2026-01-01", kernelevo="0.1.0", versions={"nvrtc": "13.5"},
        device=DEVICE, how="modelled", calibration="not calibrated", properties=PROPERTIES, harness="ef" * 32,
        adapter=None, notes=["a note"], asked=asked,
    )  # fmt: skip


def matter() -> Matter:
    faster = TEXT.replace("BLOCK 128", "BLOCK 256", 1)
    return Matter(
        origin(), problem(), PROBLEM_TEXT, CUDA, 0.25, exhibit(passed(faster, (4.0, 10.0), 30)),
        start=exhibit(passed(TEXT, (8.0, 40.0), 10)), chosen=passed(faster, (3.8, 9.0), 20),
    )  # fmt: skip


def sealed() -> Bundle:
    return making.make(matter())


def resealed(members: dict[str, bytes]) -> bytes:
    """As whoever spoils it would write it: every hash put right."""
    return bundle.seal(members).encode()


def spoiled(name: str, change: Callable[[Any], None]) -> bytes:
    """The bundle with one JSON member changed, every hash put right."""
    members = dict(sealed().members)
    value = json.loads(members[name])
    change(value)
    return resealed({**members, name: canonical.written(value)})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in JSON data that is no list and no object."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def with_other(value: Any, path: tuple[Any, ...]) -> Any:
    """The data with another value of the same kind at the path."""
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = _other(inner[path[-1]])
    return made


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value and re.fullmatch(r"[0-9a-f]+", value):
        return value[:-1] + ("1" if value[-1] == "0" else "0")  # another hash or seed, not a text that is none
    return "x" if value is None else f"{value}x"
