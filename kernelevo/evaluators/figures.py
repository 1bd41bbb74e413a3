"""From the timed calls of a session to figures, and what stands against believing them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kernelevo.counting import counted
from kernelevo.defences import Defences
from kernelevo.evaluators.floor import physics_floor
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.running import TrialResult
from kernelevo.interfaces import Device, MeasuringDevice
from kernelevo.kernel.cases import Case
from kernelevo.kernel.problem import Problem
from kernelevo.measurement import CaseMeasurement, Estimate, Measurements, PhysicsFloor, TimedCall
from kernelevo.statistics import LEAST_SAMPLES, StopRule, drift, median_interval, ratio_interval
from kernelevo.types import CaseResult, Check, Figure, Status

Block = tuple[TimedCall, TimedCall, TimedCall, TimedCall]
NOISY = 0.2
"""An interval wider than this share of its median says too little."""
SPLIT = 0.02
"""The ratio of blocks lies between those that the medians of both sides allow, or beside them by this share: who is
fast in fewer than half of the calls moves no median of times, but a call in most of the blocks.
"""
DRIFTED = 0.1
"""A trend over the calls of more than this share of the median: the card was not in one state."""


@dataclass(frozen=True)
class Judgement:
    """Figures with everything they rest on, and the checks that were made of them."""

    measurements: Measurements
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Figures:
    """Makes and doubts the figures of one candidate; raises Rejected where they are not to be believed."""

    problem: Problem
    device: MeasuringDevice
    defences: Defences
    rule: StopRule

    def judge(
        self, timed: Mapping[str, Sequence[TimedCall]], blocks: Mapping[str, Sequence[Block]], measured: Measurements,
        seen: int,
    ) -> Judgement:  # fmt: skip
        """`timed` and `blocks` by benchmark case."""
        first = measured.samples[0]
        cases = tuple(
            self._case(case, timed[case.name], blocks.get(case.name, ()), first) for case in self.problem.benchmarks
        )
        return Judgement(replace(measured, cases=cases), (*self._checks(cases, measured, seen),))

    def _case(
        self, case: Case, calls: Sequence[TimedCall], blocks: Sequence[Block], first: TimedCall
    ) -> CaseMeasurement:
        fit = [call for call in calls if not trouble(call, first)]
        times = [call.event_us for call in fit]
        floor = physics_floor(self.problem, case, self.device.ceilings)
        if times and self.defences.physics_floor:
            self._require_possible(case.name, median_interval(times), floor)
        if len(fit) < LEAST_SAMPLES or 2 * len(fit) < len(calls):
            said = f"only {len(fit)} of {len(calls)} calls can be used: {_reasons(calls, first)}"
            raise _inconclusive(case.name, said)
        estimate, trend = median_interval(times), drift(times)
        if trend.is_real and abs(trend.change) > DRIFTED:
            raise _inconclusive(case.name, f"times drifted by {trend.change:+.0%} over {len(times)} calls")
        if estimate.relative_width > NOISY:
            raise _inconclusive(case.name, f"the noise is too great: {estimate} us")
        used = _fit_blocks(blocks, first)
        ratio = _ratio(used)
        if ratio is not None and (split := _split(ratio, used)):
            raise _inconclusive(case.name, split)
        return CaseMeasurement(
            case.name, estimate, ratio, floor, len(calls) - len(fit), tuple(call.order for call in fit),
            tuple((a.order, b.order, c.order, d.order) for a, b, c, d in used),
        )  # fmt: skip

    def _require_possible(self, case: str, us: Estimate, floor: PhysicsFloor | None) -> None:
        if floor is not None and us.value < floor.us:
            words = f"case {case}: {us} us is less than {floor.us:.4g} us: {floor.reason}"
            raise Rejected(Status.IMPOSSIBLE, "physics", words)

    def _checks(self, cases: Sequence[CaseMeasurement], measured: Measurements, seen: int) -> list[Check]:
        own = [call for call in measured.samples if call.side == "candidate"]
        least = min(case.us.samples for case in cases)
        widest = max(case.us.relative_width for case in cases)
        words = f"{len(own)} calls in random order, tests and timed ones alike, {seen} on content seen before"
        wanted = f"(wanted {self.rule.width:.0%})"
        noise = f"{least} or more calls a case, widest interval {widest:.2%} of its median {wanted}"
        known = f"{sum(case.floor is not None for case in cases)} of {counted(len(cases), 'case')} have one"
        ceilings = f"no time is below its floor ({known}; {self.device.ceilings.source})"
        checks = [Check("timed calls", True, f"the outputs of all of them were checked: {words}")]
        checks += [Check("physics", True, ceilings)] if self.defences.physics_floor else []
        out = sum(case.left_out for case in cases)
        state = f"told by {measured.watch}; {counted(out, 'call')} left out"
        state += f": {_reasons(own, measured.samples[0])}" if out else ""
        return [*checks, Check("noise", True, noise), Check("card", True, state)]


def _fit_blocks(blocks: Sequence[Block], first: TimedCall) -> list[Block]:
    """Blocks in which no call is unfit."""
    return [block for block in blocks if not any(trouble(call, first) for call in block)]


def _ratio(blocks: Sequence[Block]) -> Estimate | None:
    """How many times as fast as the start, if one was timed beside it."""
    if not blocks:
        return None
    return ratio_interval([(a.event_us, b.event_us, c.event_us, d.event_us) for a, b, c, d in blocks])


def _split(ratio: Estimate, blocks: Sequence[Block]) -> str:
    """How far the ratio is from those of the medians, in words, or ""."""
    candidate = median_interval([call.event_us for a, _, _, c in blocks for call in (a, c)])
    start = median_interval([call.event_us for _, b, d, _ in blocks for call in (b, d)])
    low, high = start.low / candidate.high, start.high / candidate.low
    if low * (1 - SPLIT) <= ratio.value <= high * (1 + SPLIT):
        return ""
    return f"blocks say {ratio.value:.3f} times as fast as the start, medians of both {low:.3f} to {high:.3f}"


def trouble(call: TimedCall, first: TimedCall) -> str:
    """Why a call is not to be used, in words, or ""; `first` is the first one of its session."""
    return call.state.trouble(first.state) if call.state else ""


def _reasons(calls: Sequence[TimedCall], first: TimedCall) -> str:
    counted = Counter(filter(None, (trouble(call, first) for call in calls)))
    return "; ".join(f"{reason} in {count} of them" for reason, count in counted.most_common()) or "there were no more"


def _inconclusive(case: str, words: str) -> Rejected:
    return Rejected(Status.INCONCLUSIVE, "card", f"case {case}: {words}; try again on a quiet card")


def measured_cases(
    problem: Problem, device: Device, results: Sequence[TrialResult], measured: Measurements
) -> tuple[CaseResult, ...]:
    """The cases of a verdict: medians, and the largest error of their calls. What bounds them nobody said."""
    worst = {case.name: 0.0 for case in problem.benchmarks}
    for result in results:
        name = result.trial.case.name
        worst[name] = max(worst.get(name, 0.0), result.ratio)
    figures = {case.case: Figure(case.us.value, "us", device.name, device.how) for case in measured.cases}
    return tuple(
        CaseResult(case.name, case.dims, figures[case.name], {}, "", worst[case.name]) for case in problem.benchmarks
    )


def measured_score(problem: Problem, cases: Sequence[CaseResult]) -> Figure:
    """The geometric mean of the cases' medians, weighted as the problem says."""
    weights = [case.weight for case in problem.benchmarks]
    logs = [weight * math.log(case.time.value) for weight, case in zip(weights, cases, strict=True)]
    return replace(cases[0].time, value=math.exp(sum(logs) / sum(weights)))
