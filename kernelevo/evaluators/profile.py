"""The timed runs of a passed candidate as figures: time, counters and limiter per case, and one score.

The reports are those whose outputs were checked: the calls that are timed are the calls that are checked. The score
is the geometric mean of the case times, weighted by the cases, in microseconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from kernelevo.counting import counted
from kernelevo.diagnosis.bounds import limiter_of
from kernelevo.errors import Infrastructure
from kernelevo.evaluators.running import TrialResult
from kernelevo.interfaces import Device
from kernelevo.types import CaseResult, Check, Figure

UNIT = "us"


def case_results(results: Sequence[TrialResult], device: Device, in_full: bool) -> tuple[CaseResult, ...]:
    """One CaseResult per timed trial; raises Infrastructure if the device gave no usable time, or one that rests on a
    sample of blocks where all were to be watched (`in_full`).
    """
    timed = [result for result in results if result.trial.timed]
    if in_full and sample_checks(timed):
        raise Infrastructure(f"device {device.name} watched a sample of blocks where all were asked for; report this")
    return tuple(_case_result(result, device) for result in timed)


def score(results: Sequence[TrialResult], cases: Sequence[CaseResult]) -> Figure:
    """The weighted geometric mean of the case times."""
    weights = [result.trial.case.weight for result in results if result.trial.timed]
    mean = sum(weight * math.log(case.time.value) for weight, case in zip(weights, cases, strict=True)) / sum(weights)
    return Figure(math.exp(mean), UNIT, cases[0].time.device, cases[0].time.how)


def sample_checks(results: Sequence[TrialResult]) -> list[Check]:
    """What is to be said where times rest on a sample of blocks; nothing where they do not."""
    sampled = [
        step.details["sampled"] for result in results for step in result.report.steps if "sampled" in step.details
    ]
    if not sampled:
        return []
    seen, of = sum(each["blocks"] for each in sampled), sum(each["of"] for each in sampled)
    blocks = f"{seen:,} of {of:,} blocks in {counted(len(sampled), 'launch')}"
    words = f"provisional: L1 and latency are those of {blocks}; all ran"
    return [Check("sampled blocks", True, words)]


def _case_result(result: TrialResult, device: Device) -> CaseResult:
    steps = result.report.steps
    counters: Counter[str] = Counter()
    for step in steps:
        counters.update(step.counts)
    case, time = result.trial.case, _time(result, device)
    return CaseResult(case.name, case.dims, time, dict(counters), limiter_of(steps), result.ratio, steps)


def _time(result: TrialResult, device: Device) -> Figure:
    time = result.report.time
    if (
        time is not None
        and (time.unit, time.device, time.how) == (UNIT, device.name, device.how)
        and 0 < time.value < math.inf
    ):
        return time
    wanted = f"a positive time in {UNIT}, {device.how} on {device.name}"
    raise Infrastructure(
        f"device {device.name} reported {time} for case {result.trial.case.name}, not {wanted}; report this"
    )
