"""Part 3, `noise`: the same kernel against itself. Each repeat is a median of some calls of the full discipline.

`cv` is the standard deviation of the repeats over their mean; the A/A floor is how far the medians of two interleaved
halves of the repeats are apart: what two equal kernels are told to differ by.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np

from gpu_check.bench import Bench, Limit, short
from gpu_check.outcome import Outcome
from gpu_check.subjects import BUDGET, opened
from kernelevo.defences import ALL
from kernelevo.errors import Infrastructure
from kernelevo.evaluators.trials import Trial, draw
from kernelevo.measurement import TimedCall

PART = "noise"
SECONDS = 125
WANTED = "median CV < 0.5 %"
MOST_CV = 0.005


def run(bench: Bench) -> Outcome:
    limit = Limit(SECONDS)
    rows = [_repeated(bench, file, limit) for file in limit.within(bench.extent.kernels)]
    full = [row for row in rows if len(row["repeats_us"]) >= 6]
    if not full:
        return Outcome(PART, False, "no kernel had six repeats in time", WANTED, {"kernels": rows})
    cv, floor = (statistics.median(row[name] for row in full) for name in ("cv", "aa"))
    worst = max(row["aa"] for row in full)
    left_out = len(bench.extent.kernels) - len(full)
    shown = f"median CV {cv:.2%}, A/A floor {floor:.2%} (worst {worst:.2%}) over {len(full)} kernels"
    details = {"kernels": rows, "median_cv": cv, "aa_floor": floor, "aa_worst": worst}
    ok = cv < MOST_CV and not left_out
    return Outcome(PART, ok, shown + (f"; {left_out} left out" if left_out else ""), WANTED, details)


def _repeated(bench: Bench, file: Path, limit: Limit) -> dict[str, Any]:
    """One kernel on its largest benchmark case (rehearsed: its first test)."""
    rng = np.random.default_rng()
    with opened(bench, file) as subject, bench.measuring(subject.compiler) as device:
        problem = subject.problem
        largest = max(problem.benchmarks, key=problem_size(problem))
        trial = Trial(problem.tests[0] if bench.rehearsal else largest, 0, True, False, False)
        image = subject.image(device, [trial])
        session = device.open_session(image, None, BUDGET, ALL)
        calls: list[list[TimedCall]] = []
        try:
            while len(calls) < bench.extent.repeats and not limit.reached:
                jobs = [subject.job(device, image, draw(problem, trial, rng)) for _ in range(bench.extent.calls)]
                reports = [session.call("candidate", "noise", job, frozenset(), False) for job in jobs]
                if any(report.sample is None for report in reports):
                    raise Infrastructure(f"a call of {file.name} ended by {reports[-1].ended}: {reports[-1].fault}")
                calls.append([report.sample for report in reports if report.sample])
        finally:
            session.close()
    return {"kernel": short(file), "case": trial.case.name, **figures(calls)}


def figures(calls: list[list[TimedCall]]) -> dict[str, Any]:
    """Of repeats, each a list of calls: their medians in microseconds, the CV and the A/A difference."""
    medians = [statistics.median(call.event_us for call in repeat) for repeat in calls]
    if len(medians) < 2:
        return {"repeats_us": medians, "cv": None, "aa": None}
    even, odd = statistics.median(medians[::2]), statistics.median(medians[1::2])
    return {
        "repeats_us": [round(each, 4) for each in medians],
        "cv": statistics.stdev(medians) / statistics.fmean(medians),
        "aa": abs(even / odd - 1),
    }


def problem_size(problem: Any) -> Any:
    return lambda case: problem.least_bytes(case.dims)
