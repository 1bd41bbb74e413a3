"""The pass for devices that time single calls: tests and timed calls are one random sequence, and all are checked.

A candidate cannot tell what a call is for. Every call goes the same way (devices/measuring/calls.py): tests of odd
sizes, benchmark sizes on other distributions, timed ones, some whose content is that of the one before but for a few
elements, and now and then one whose content was there before, under another poison. The content of a timed call is
drawn anew (`contents.py`), and its outputs are compared in full with a reference of their own; a result that was
remembered is wrong. What is timed is a case's first distribution, so that times can be compared. Once the least number
of calls is made, those cases go on whose interval is still wide, mixed with further tests, until all are narrow, or the
most calls are made.

    a call fails                                         TRAPPED, TIMEOUT, UNSUPPORTED, RULE_BROKEN
    an input changed, something written beside           WRONG
    an output wrong, or not the same when read again     WRONG
    events and our clock disagree, twice                 CLOCKS_DISAGREE
    too noisy to hold one against the other, twice       INCONCLUSIVE
    a median below the physics floor                     IMPOSSIBLE
    throttled, shared, drifting or noisy                 INCONCLUSIVE

With a start, each timed pair of calls has two of the start's around or between it, in its own process on the same
contents; the ratio rests on these blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from kernelevo.defences import Defences
from kernelevo.evaluators.contents import Content, Contents
from kernelevo.evaluators.figures import Figures, Judgement, trouble
from kernelevo.evaluators.jobs import build_job, draw_poisons
from kernelevo.evaluators.outcome import require_done
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.running import Runner, TrialResult
from kernelevo.evaluators.schedule import Schedule
from kernelevo.evaluators.trials import Mode, Trial
from kernelevo.interfaces import CallReport, MeasuringDevice, MeasuringSession
from kernelevo.kernel.problem import Problem
from kernelevo.measurement import Measurements, Side, TimedCall
from kernelevo.statistics import StopRule
from kernelevo.types import Budget, Check, Image, Job, RunReport, Status

SEARCH_RULE = StopRule(least=6, most=12, width=0.03)
FINAL_RULE = StopRule(least=8, most=60, width=0.01)
PAIRED_RULE = StopRule(least=12, most=60, width=0.01)
"""Two calls of a block: six blocks are the least that an interval can be made of."""
SEEN_SHARE = 0.15
MOVE_SHARE = 0.5
KEPT_SHARE = 0.25
"""Of the budget, below which no further turn begins."""
CHANGED_SHARE = 1 / 3
"""For so many of the timed errands there is one on a changed content, at least LEAST_CHANGED of each case."""
LEAST_CHANGED = 2
EXTRA_SHARE = 0.25
"""Of calls after the least number, those that are tests."""


@dataclass(frozen=True)
class Program:
    """What one side runs: its image, and its steps on every case."""

    image: Image
    schedules: Mapping[str, Schedule]


@dataclass(frozen=True)
class Errand:
    """One entry of the sequence: a trial, on a content that is drawn anew, the latest one with a few elements changed,
    or one that was there before. Only of the first kind are figures made.
    """

    trial: Trial
    content: Literal["new", "changed", "seen"] = "new"


@dataclass
class Course:
    """What one session has come to so far."""

    results: list[TrialResult] = field(default_factory=list)
    timed: dict[str, list[TimedCall]] = field(default_factory=lambda: defaultdict(list))
    """By case: the candidate's calls that a figure may rest on."""
    blocks: dict[str, list[tuple[TimedCall, TimedCall, TimedCall, TimedCall]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    samples: list[TimedCall] = field(default_factory=list)
    seen: int = 0


class ClocksDisagree(Exception):
    """Caught where the pass begins again in a fresh process. Not `told`: nobody can say whether they do."""

    def __init__(self, words: str, told: bool) -> None:
        super().__init__(words)
        self.words = words
        self.told = told


@dataclass
class Measurer:
    """Measures one candidate. `runner` compares outputs; `start` is timed beside it, if there is one."""

    problem: Problem
    device: MeasuringDevice
    runner: Runner
    candidate: Program
    start: Program | None
    trials: Sequence[Trial]
    rule: StopRule
    rng: np.random.Generator
    defences: Defences
    budget: Budget

    def run(self) -> tuple[list[TrialResult], Judgement]:
        """Results of all calls, and figures with their checks; raises Rejected."""
        try:
            return self._session()
        except ClocksDisagree:
            # Once more, in fresh processes, with fresh contents: a machine may hiccup, a forged clock stays forged.
            pass
        try:
            return self._session()
        except ClocksDisagree as again:
            status = Status.CLOCKS_DISAGREE if again.told else Status.INCONCLUSIVE
            raise Rejected(status, "clocks", f"twice, in fresh processes: {again.words}") from None

    def _session(self) -> tuple[list[TrialResult], Judgement]:
        start = self.start.image if self.start else None
        session = self.device.open_session(self.candidate.image, start, self.budget, self.defences)
        try:
            course = self._follow(session)
            clocks = self._clocks(session)
            measured = Measurements((), tuple(course.samples), session.card, session.watch)
        finally:
            session.close()
        figures = Figures(self.problem, self.device, self.defences, self.rule)
        judgement = figures.judge(course.timed, course.blocks, measured, course.seen)
        return course.results, Judgement(judgement.measurements, (*clocks, *judgement.checks))

    def _follow(self, session: MeasuringSession) -> Course:
        """The whole sequence of calls."""
        course = Course()
        contents = Contents(self.problem, self.rng, self.runner.expect, self.defences.fresh_inputs)
        seen: list[tuple[Trial, Content]] = []
        for errand in self._sequence(course):
            if errand.content == "seen":
                trial, content = seen[int(self.rng.integers(len(seen)))]
                self._check_call(session, course, trial, content, contents)
                course.seen += 1
                continue
            changed = contents.changed(errand.trial) if errand.content == "changed" else None
            if changed is not None:
                self._check_call(session, course, errand.trial, changed, contents)
            elif errand.content == "new":
                seen = [*seen[-7:], (errand.trial, self._errand(session, course, errand.trial, contents))]
        return course

    def _sequence(self, course: Course) -> Iterator[Errand]:
        """Checks and timed calls in random order (without the defence: checks first); then what is still wanted."""
        checks = [Errand(trial) for trial in self.trials if not trial.timed]
        benchmarks = [trial for trial in self.trials if trial.timed]
        turns = -(-self.rule.least // self._calls_of_errand)
        timed = [Errand(trial) for trial in benchmarks for _ in range(turns)]
        changes = max(LEAST_CHANGED, round(CHANGED_SHARE * turns))
        timed += [Errand(trial, "changed") for trial in benchmarks for _ in range(changes)]
        if self.defences.mixed_calls:
            yield from self._with_seen(self._shuffled([*checks, *timed]))
        else:
            yield from [*checks, *timed]
        while wanted := [trial for trial in benchmarks if not self._enough(course, trial)]:
            extra = [each for each in checks if self.rng.random() < EXTRA_SHARE * len(wanted) / len(checks)]
            extra += [Errand(trial, "changed") for trial in wanted if self.rng.random() < CHANGED_SHARE]
            yield from self._with_seen(self._shuffled([*(Errand(trial) for trial in wanted), *extra]))

    @property
    def _calls_of_errand(self) -> int:
        return 2 if self.start else 1

    def _enough(self, course: Course, trial: Trial) -> bool:
        calls = course.timed[trial.case.name]
        fit = [call.event_us for call in calls if not trouble(call, course.samples[0])]
        return self.rule.satisfied(fit) or len(calls) >= self.rule.most or not self._time_left()

    def _time_left(self) -> bool:
        """Whether the budget allows another turn. With the least number of calls made, its end is no fault."""
        return self.runner.purse.remaining > KEPT_SHARE * self.budget.seconds

    def _shuffled(self, errands: list[Errand]) -> list[Errand]:
        """In random order, but that the first of a trial is on a new content, for others to be changed from."""
        errands = [errands[place] for place in self.rng.permutation(len(errands))]
        for trial in {id(errand.trial): errand.trial for errand in errands}.values():
            own = [place for place, errand in enumerate(errands) if errand.trial is trial]
            first = next((place for place in own if errands[place].content == "new"), own[0])
            errands[own[0]], errands[first] = errands[first], errands[own[0]]
        return errands

    def _with_seen(self, errands: Sequence[Errand]) -> Iterator[Errand]:
        for errand in errands:
            yield errand
            if self.defences.second_poison and self.rng.random() < SEEN_SHARE:
                yield Errand(errand.trial, "seen")

    def _errand(self, session: MeasuringSession, course: Course, trial: Trial, contents: Contents) -> Content:
        """One call, or of a timed trial with a start a block of four; gives the last content."""
        content = contents.next(trial)
        if not (trial.timed and self.start):
            sample = self._check_call(session, course, trial, content, contents, fresh=trial.timed)
            if trial.timed:
                course.timed[trial.case.name].append(sample)
            return content
        other = contents.next(trial)
        first, second = (content, other) if self.rng.random() < 0.5 else (other, content)
        outer, inner = ("candidate", "start") if self.rng.random() < 0.5 else ("start", "candidate")
        turns: list[tuple[Side, Content]] = [(outer, first), (inner, first), (inner, second), (outer, second)]
        self._block(session, course, trial, turns, contents)
        return second

    def _block(
        self, session: MeasuringSession, course: Course, trial: Trial, turns: list[tuple[Side, Content]],
        contents: Contents,
    ) -> None:  # fmt: skip
        by_side: dict[Side, list[TimedCall]] = {"candidate": [], "start": []}
        for side, content in turns:
            if side == "start":
                by_side[side].append(self._start_call(session, course, trial, content))
            else:
                by_side[side].append(self._check_call(session, course, trial, content, contents, fresh=True))
        (a, c), (b, d) = by_side["candidate"], by_side["start"]
        course.timed[trial.case.name] += [a, c]
        course.blocks[trial.case.name].append((a, b, d, c))

    def _check_call(
        self, session: MeasuringSession, course: Course, trial: Trial, content: Content, contents: Contents,
        fresh: bool = False,
    ) -> TimedCall:  # fmt: skip
        """A call of the candidate, and everything that is held against it."""
        poison = self.runner.poisons[0]
        if self.defences.second_poison:
            poison = int(self.rng.choice(draw_poisons(self.rng)))
        report = self._call(session, "candidate", trial, self._job(self.candidate, content, poison))
        self._require_sound(report, trial)
        ratio = 0.0
        if self.defences.timed_calls_checked or not trial.timed:
            ratio = self._ratio(content, report, poison, contents)
        if report.unsettled:
            words = f"{', '.join(report.unsettled)} changed after the call had ended"
            raise Rejected(Status.WRONG, "read again", f"case {trial.case.name}: {words}")
        assert report.sample is not None
        sample = replace(report.sample, fresh=fresh)
        course.samples.append(sample)
        tolerances = {} if trial.timed else self.runner.tolerances(contents.expected(content))
        course.results.append(TrialResult(trial, RunReport("done", {}, ()), ratio, tolerances))
        return sample

    def _start_call(self, session: MeasuringSession, course: Course, trial: Trial, content: Content) -> TimedCall:
        assert self.start is not None
        job = self._job(self.start, content, self.runner.poisons[0])
        report = self._call(session, "start", trial, job)
        if report.ended != "done" or report.sample is None:
            said = report.fault.message if report.fault else report.reason
            raise Rejected(Status.INFRA, "start", f"the start itself failed on case {trial.case.name}: {said}")
        sample = replace(report.sample, fresh=True)
        course.samples.append(sample)
        return sample

    def _job(self, side: Program, content: Content, poison: int) -> Job:
        return build_job(self.problem, content.drawn, side.schedules[content.drawn.name], side.image, poison, False)

    def _call(self, session: MeasuringSession, side: Side, trial: Trial, job: Job) -> CallReport:
        constant = frozenset(tensor.name for tensor in self.problem.tensors if not tensor.is_output)
        self.runner.purse.left(trial.case.name)
        report = session.call(side, trial.case.name, job, constant, bool(self.rng.random() < MOVE_SHARE))
        # Preparing memory and reading it is our time, and the start's calls are not the candidate's.
        if report.sample and side == "candidate":
            self.runner.purse.take(report.sample.outer_us / 1e6)
        return report

    def _require_sound(self, report: CallReport, trial: Trial) -> None:
        """It came to its end, and left everything but outputs as it was."""
        name = trial.case.name
        ran = RunReport(report.ended, {}, (), report.fault, report.reason)
        require_done(ran, name, self.runner.text, self.runner.file_name)
        if report.changed and self.defences.inputs_compared:
            message = f"the kernel changed its input {report.changed[0]}; write to outputs and temps only"
            raise Rejected(Status.WRONG, "inputs unchanged", f"case {name}: {message}")
        if report.outside and self.defences.bounds:
            message = f"it wrote beside {', '.join(report.outside)}, where nothing is its own"
            raise Rejected(Status.WRONG, "memory", f"case {name}: {message}")

    def _ratio(self, content: Content, report: CallReport, poison: int, contents: Contents) -> float:
        """The largest error in units of the tolerance; raises Rejected if an output is wrong."""
        expected = contents.expected(content)
        try:
            return self.runner.require_outputs(content.drawn, report.outputs, poison, expected)
        except Rejected:
            if content.derived:
                raise
        return self.runner.require_outputs(content.drawn, report.outputs, poison, contents.derive(content))

    def _clocks(self, session: MeasuringSession) -> tuple[Check, ...]:
        if not self.defences.clocks_agree:
            return ()
        told = session.agreement()
        if not told.agree:
            raise ClocksDisagree(told.words, told.told)
        return (Check("clocks", True, told.words),)


def rule_of(mode: Mode, paired: bool) -> StopRule:
    """How many calls of each case, and how narrow an interval."""
    if mode == "search":
        return SEARCH_RULE
    return PAIRED_RULE if paired else FINAL_RULE
