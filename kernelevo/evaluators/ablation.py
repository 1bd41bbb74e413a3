"""Ablation: each launch of the plan is left out once, and an output must change; a kernel that makes no difference is a
decoy.

The rest of the plan runs as it is, on the same inputs under the same poison. The smallest case in which the launch
happens comes first; larger ones, and other inputs, only where it made no difference yet. A run that faults, hangs or is
killed without the launch needs it, too. A launch that is alone in some case is needed there: outputs start poisoned, so
that nothing else could have written them.

Not told by this: a kernel whose result another one reads, but would not need (it makes a difference); and a kernel that
does a trivial share of the work. The profile shows how much of the time each kernel takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kernelevo.counting import counted
from kernelevo.evaluators.compare import compare
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.running import Runner
from kernelevo.evaluators.schedule import LaunchStep, Schedule
from kernelevo.evaluators.trials import Drawn, Trial, elements
from kernelevo.kernel.plan import LaunchLine, Plan
from kernelevo.types import Check, RunReport, Status

CHECK = "ablation"
MORE = 8
"""Further runs of a whole plan that tell whether its outputs are always the same."""
SECONDS = 10.0
"""What the runs on one trial may take together: what a search for faults may take at a benchmark's sizes."""


@dataclass(frozen=True)
class _Tried:
    """What leaving a launch out came to: on how many trials it was tried, and whether some output changed."""

    trials: int
    changed: bool


def check_launches_matter(runner: Runner, plan: Plan, trials: Sequence[Trial]) -> Check:
    """The check that every launch line that is ever taken changes an output; raises Rejected (DECOY) for one that does
    not. `trials` are those of the evaluation.
    """
    lines = [step for step in plan.steps if isinstance(step, LaunchLine)]
    taken = [line for line in lines if any(_launches(each, line.line) for each in runner.schedules.values())]
    beside_others = [line for line in taken if not _is_alone_somewhere(line, runner.schedules)]
    results = {line.line: _left_out(line, runner, trials) for line in beside_others}
    for line in beside_others:
        if results[line.line].trials and not results[line.line].changed:
            raise _decoy(line, results[line.line].trials)
    untold = [line for line in beside_others if not results[line.line].trials]
    return Check(CHECK, True, _words(lines, taken, beside_others, untold))


def _launches(schedule: Schedule, line: int) -> bool:
    return any(isinstance(step, LaunchStep) and step.line == line for step in schedule.steps)


def _is_alone_somewhere(line: LaunchLine, schedules: Mapping[str, Schedule]) -> bool:
    for schedule in schedules.values():
        launches = [step for step in schedule.steps if isinstance(step, LaunchStep)]
        if len(launches) == 1 and launches[0].line == line.line:
            return True
    return False


def _left_out(line: LaunchLine, runner: Runner, trials: Sequence[Trial]) -> _Tried:
    tried = 0
    for trial in _smallest_first(line, runner, trials):
        changed = _changes(line, runner, runner.draw(trial))
        tried += changed is not None
        if changed:
            return _Tried(tried, True)
    return _Tried(tried, False)


def _smallest_first(line: LaunchLine, runner: Runner, trials: Sequence[Trial]) -> Iterator[Trial]:
    """Each case in which the launch happens, on each of the distributions that it was met with."""
    unobserved = {replace(trial, timed=False, repeat=False) for trial in trials}
    happens = [trial for trial in unobserved if _launches(runner.schedules[trial.case.name], line.line)]
    yield from sorted(happens, key=lambda each: _turn(runner, each))


def _turn(runner: Runner, trial: Trial) -> tuple[int, str, int, bool]:
    return elements(runner.problem, trial.case), trial.case.name, trial.index, trial.offset


def _changes(line: LaunchLine, runner: Runner, drawn: Drawn) -> bool | None:
    """Whether some output is another without the launch; None if that cannot be told here."""
    whole = runner.schedules[drawn.name]
    steps = tuple(step for step in whole.steps if not (isinstance(step, LaunchStep) and step.line == line.line))
    without = replace(runner, schedules={drawn.name: replace(whole, steps=steps)})
    jobs = [runner.job(drawn, 0), runner.job(drawn, 0), without.job(drawn, 0)]
    if runner.device.how == "modelled":
        del jobs[0]  # It does the same each time.
    reports = runner.ask(jobs, [drawn.name] * len(jobs), SECONDS)
    if len(reports) < len(jobs):
        return None
    *complete, ablated = reports
    if ablated.ended != "done":
        return True
    steady = all(_same_outputs(runner, complete[0], each) for each in complete)
    if steady and (runner.device.how == "modelled" or _same_outputs(runner, complete[0], ablated)):
        return not _same_outputs(runner, complete[0], ablated)
    if steady and _is_right(runner, drawn, ablated):
        return _stays(runner, drawn, complete[0])
    return not _is_right(runner, drawn, ablated)


def _stays(runner: Runner, drawn: Drawn, complete: RunReport) -> bool:
    """Whether the whole plan gives these outputs again and again: two runs may agree by luck where few roundings
    differ, and then a third that differs shows nothing.
    """
    jobs = [runner.job(drawn, 0)] * MORE
    reports = runner.ask(jobs, [drawn.name] * len(jobs), SECONDS)
    return len(reports) == MORE and all(
        each.ended == "done" and _same_outputs(runner, complete, each) for each in reports
    )


def _same_outputs(runner: Runner, one: RunReport, other: RunReport) -> bool:
    return all(one.outputs[each.name] == other.outputs[each.name] for each in runner.problem.outputs)


def _is_right(runner: Runner, drawn: Drawn, report: RunReport) -> bool:
    """Whether the outputs are within the tolerance: all that can be asked where runs differ by rounding."""
    expected = runner.expect(drawn)
    expected = expected.in_full() if expected.in_full else expected
    return all(
        compare(
            each.name, runner.output(drawn, each, report), expected.values[each.name], expected.bounds[each.name]
        ).passed
        for each in runner.problem.outputs
    )


def _decoy(line: LaunchLine, trials: int) -> Rejected:
    same = f"with it left out, every output has the same bytes in all {counted(trials, 'trial')} in which it happens"
    advice = "take it out, or guard it with when(...) so that it is launched only where it is needed"
    return Rejected(
        Status.DECOY, CHECK, f"line {line.line}: the launch of {line.kernel} makes no difference: {same}; {advice}"
    )


def _words(
    lines: Sequence[LaunchLine],
    taken: Sequence[LaunchLine],
    beside_others: Sequence[LaunchLine],
    untold: Sequence[LaunchLine],
) -> str:
    alone, told = len(taken) - len(beside_others), len(beside_others) - len(untold)
    parts = []
    if told:
        parts.append(f"{told} launches were left out one at a time, and each changed an output")
    if alone:
        which = "the launch is" if alone == len(taken) == 1 else f"{alone} launches are"
        parts.append(f"{which} alone in a case, where nothing else could have written the poisoned outputs")
    parts += [f"line {line.line} ({line.kernel}) took too long to be told" for line in untold]
    parts += [f"line {line.line} ({line.kernel}) is taken in no case" for line in lines if line not in taken]
    return "; ".join(parts)
