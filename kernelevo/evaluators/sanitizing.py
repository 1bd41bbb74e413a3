"""The search for faults: every test runs three times with all checks on, and all that is found in any of them is told.

    first run    the usual order of threads, one poison    faults, and what becomes of values that nobody wrote
    second run   another order, another poison             faults, and accesses that nothing orders
    third run    as the first                              accesses that nothing orders

A kernel can tell the second run by its order, and so could race in the others only. The third it cannot tell from a
timed run; timed sizes have such a run, too. (Without a device that looks for races, there are the first two.)

Where the device can, a launch goes on after a fault. The outputs of all runs are compared with the reference and with
each other, as everywhere (`running.py`). An uninitialised value that reaches an output is an error, elsewhere a remark.

What is found becomes the verdict: the first finding decides the status, and where there is none, the first output that
is not right.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from kernelevo.counting import counted
from kernelevo.evaluators.findings import UNINITIALISED, Findings
from kernelevo.evaluators.outcome import describe, quote, require_done, status_of
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.running import ORDER, Runner, TrialResult
from kernelevo.evaluators.schedule import LaunchStep
from kernelevo.evaluators.trials import Drawn, Trial
from kernelevo.types import Fault, Job, RunReport, Sanitizing, SourceLine, Status

BENCHMARK_SECONDS = 10.0
"""What both runs at one benchmark's sizes may take: about three times what the shipped kernels need."""
BEGINNINGS = (4_000_000, 200_000)
"""Warp instructions of a search at a benchmark's size whose whole takes too long, which is about a second of it; the
other where that takes too much memory.
"""
TOLD = 3
"""Findings that a verdict's words describe in full; the others are named by kind and line."""
_ENDS_THE_SEARCH = frozenset(["unsupported", "invalid_launch", "budget"])
"""Faults that no other case would be without."""
_STOPPED = ("killed", "budget")
"""Ends of a run that used up what it may."""


@dataclass
class Sanitizer:
    """Searches the runs of one candidate; `findings` grow from call to call, `large` are cases that `run_large` has yet
    to come to.
    """

    runner: Runner
    findings: Findings
    large: list[str] = field(default_factory=list)
    _cases: list[str] = field(default_factory=list)
    _runs: int = 0
    _seconds: float = 0.0
    _capped: bool = False
    _unaffordable: list[str] = field(default_factory=list)
    _timed: list[str] = field(default_factory=list)
    _in_part: list[str] = field(default_factory=list)

    def run(self, trials: Sequence[Trial]) -> list[TrialResult]:
        """The results of all trials, in order; raises Rejected if anything was found, or any output is not right."""
        started = time.monotonic()
        rejections: list[Rejected] = []
        results: list[TrialResult] = []
        try:
            for drawn, reports, usual in self._searched(trials):
                try:
                    results.append(self._checked(drawn, reports, usual))
                except Rejected as found:
                    rejections.append(found)
                if stop := _why_no_further(reports):
                    require_done(stop, drawn.name, self.runner.text, self.runner.file_name)
        except Rejected as stop:
            rejections.append(stop)
        self._seconds += time.monotonic() - started
        self._require_clean(rejections)
        return results

    def run_large(self, trials: Sequence[Trial]) -> None:
        """Searches trials whose outputs were checked before, as far as the time suffices; raises Rejected if anything
        was found.
        """
        started = time.monotonic()
        for trial in trials:
            drawn = self.runner.draw(replace(trial, timed=False, repeat=True))
            jobs = self._jobs(drawn)
            reports = list(self._answers(jobs, [drawn.name] * len(jobs), BENCHMARK_SECONDS))
            self.large.remove(drawn.name)
            if any(report.ended in _STOPPED for report in reports) or len(reports) < len(jobs):
                reports += self._beginnings(drawn) if self._looks_for_races() else []
                self._unaffordable.append(drawn.name)
            self._note(drawn, reports)
        self._seconds += time.monotonic() - started
        self._require_clean([])

    def run_timed(self, trials: Sequence[Trial]) -> None:
        """Looks for races at the sizes of timed trials, as `_as_timed` says; raises Rejected if anything was found."""
        if not self._looks_for_races():
            return
        started = time.monotonic()
        for trial in trials:
            drawn = self.runner.draw(trial)
            reports = list(self._answers([self._as_timed(self.runner.job(drawn, 0))], [drawn.name], BENCHMARK_SECONDS))
            if not reports or reports[0].ended in _STOPPED:
                reports = self._beginnings(drawn)
                self._in_part.append(drawn.name)
            self._note(drawn, reports, self._timed)
        self._seconds += time.monotonic() - started
        self._require_clean([])

    def _beginnings(self, drawn: Drawn) -> list[RunReport]:
        """What a search finds that takes too long, in its first instructions: in a run that the kernel cannot tell from
        a timed one, and in another order, where other blocks come first. So a kernel gains nothing by being slow to
        search, unless few of its blocks race.
        """
        if not self.runner.defences.searched_in_part:
            return []
        runner, first = self.runner, self._as_timed(self.runner.job(drawn, 0))
        budget = runner.purse.beside(BENCHMARK_SECONDS)
        found = []
        for job in (first, replace(first, order=runner.order)):
            for instructions in BEGINNINGS:
                reports = runner.device.run(runner.image, [job], replace(budget, warp_instructions=instructions))
                found += reports
                if reports and reports[0].ended != "killed":
                    break
        return found

    @property
    def words(self) -> str:
        """What was looked for, and where."""
        covered = self.covered()
        ran = f"{counted(len(covered.cases), 'case')} in {counted(covered.runs, 'run')}"
        looked = f"{', '.join(covered.looked_for)}: {ran}"
        in_part = f" ({len(self._in_part)} in part only, being too slow)" if self._in_part else ""
        timed = len(set(self._timed))
        return f"{looked}, of which {timed} looked for races at benchmark sizes{in_part}" if timed else looked

    def covered(self) -> Sanitizing:
        """What the search covered so far, and what it did not."""
        can = self.runner.device.capabilities
        looked_for = ["memory and barrier faults"]
        looked_for += ["uninitialised values"] if "uninitialised" in can else []
        looked_for += ["races"] if "races" in can else []
        orders = 2 if "order" in can else 1
        return Sanitizing(
            tuple(dict.fromkeys(self._cases)), self._runs, orders, tuple(looked_for), tuple(self._not_checked(orders)),
            self.findings.left_out, self._seconds,
        )  # fmt: skip

    def _not_checked(self, orders: int) -> Iterator[str]:
        can, name = self.runner.device.capabilities, self.runner.device.name
        yield f"sizes and inputs other than those of the {counted(len(set(self._cases)), 'case')} that ran"
        yield "other orders of threads than the " + ("two that ran" if orders == 2 else "usual one")
        if self.large:
            yield f"{', '.join(self.large)}: the search ended before"
        if self._unaffordable:
            yield f"{', '.join(self._unaffordable)}: too large for {BENCHMARK_SECONDS:g} s"
        if self._in_part:
            rest = f"what comes after the first {BEGINNINGS[0]:,} warp instructions"
            yield f"{', '.join(self._in_part)}: {rest}, since the whole takes more than {BENCHMARK_SECONDS:g} s"
        if "uninitialised" not in can:
            yield f"uninitialised values: {name} does not track them"
        if "races" not in can:
            yield f"races: {name} does not look for them"
        if "many faults" not in can:
            yield f"what follows the first fault of a run: {name} stops there"
        if self._capped:
            yield f"what follows the first {counted(self.findings.most, 'finding')} of a launch: it was stopped there"

    def _searched(self, trials: Sequence[Trial]) -> Iterator[tuple[Drawn, list[RunReport], RunReport | None]]:
        """Each trial with its reports, after all that they found was noted, and a further one where it was made."""
        for batch in self.runner.batches(trials):
            drawn = [self.runner.draw(trial) for trial in batch]
            asked = [self._jobs(each) for each in drawn]
            runs = [(job, each.name) for each, jobs in zip(drawn, asked, strict=True) for job in jobs]
            jobs, cases = [job for job, _ in runs], [case for _, case in runs]
            known = self.runner.ask(jobs, cases)
            usual = self._in_usual_order(drawn, asked, known)
            rest = slice(len(known) if known[-1].ended not in _STOPPED else len(jobs), None)
            answers = itertools.chain(known, self._answers(jobs[rest], cases[rest]))
            for place, (each, of_trial) in enumerate(zip(drawn, asked, strict=True)):
                reports = [report for _, report in zip(of_trial, answers, strict=False)]
                self._note(each, reports)
                yield each, reports, usual.get(place)

    def _in_usual_order(
        self, drawn: Sequence[Drawn], asked: Sequence[Sequence[Job]], known: Sequence[RunReport]
    ) -> dict[int, RunReport]:
        """Further runs, in the usual order, of a batch that came to its end, in one go; else each is made when its turn
        comes.
        """
        if len(known) < sum(map(len, asked)):
            return {}
        rest = iter(known)
        of_trials = [(each, [next(rest) for _ in jobs]) for each, jobs in zip(drawn, asked, strict=True)]
        return self.runner.in_usual_order(
            [
                (each, [first, *(other for other in others if not _found_only_races(other))])
                for each, (first, *others) in of_trials
            ]
        )

    def _jobs(self, drawn: Drawn) -> list[Job]:
        """The trial's runs. Searching two of them for everything would cost twice as much and find the same."""
        can, most = self.runner.device.capabilities, self.findings.most
        first, second = (replace(self.runner.job(drawn, poison), max_faults=most) for poison in (0, 1))
        if not self._looks_for_races():
            return [first, replace(second, track_uninitialised=second.track_uninitialised and "races" not in can)]
        return [first, replace(second, check_races=True, track_uninitialised=False), self._as_timed(first)]

    def _as_timed(self, job: Job) -> Job:
        """A search for races in what a kernel cannot tell from a timed run: a race may not hide behind another order of
        threads, or behind other memory that nobody wrote.
        """
        watched = {"profile": False, "sample": None, "track_uninitialised": False, "check_races": True}
        return replace(job, max_faults=self.findings.most, **watched)

    def _looks_for_races(self) -> bool:
        return "races" in self.runner.device.capabilities and self.runner.defences.races

    def _answers(self, jobs: Sequence[Job], cases: Sequence[str], seconds: float | None = None) -> Iterator[RunReport]:
        """A report for every job: a device stops at the first that does not end well, and is asked again for the rest,
        unless it is one after which the rest would end alike. With `seconds`, fewer when these are over.
        """
        asked_until = None if seconds is None else time.monotonic() + seconds
        answered = 0
        while answered < len(jobs):
            left = None if asked_until is None else asked_until - time.monotonic()
            if left is not None and left <= 0:
                return
            reports = self.runner.ask(jobs[answered:], cases[answered:], left)
            answered += len(reports)
            yield from reports
            if reports[-1].ended in _STOPPED:
                return

    def _note(self, drawn: Drawn, reports: Sequence[RunReport], cases: list[str] | None = None) -> None:
        (self._cases if cases is None else cases).append(drawn.name)
        for report in reports:
            self._runs += 1
            found = report.faults or ((report.fault,) if report.fault else ())
            of_a_launch = Counter(fault.launch for fault in found).values()
            self._capped = self._capped or 1 < self.findings.most <= max(of_a_launch, default=0)
            for fault in found:
                if fault.kind not in _ENDS_THE_SEARCH:
                    self.findings.add_error(self._located(fault, drawn))
            for remark in report.remarks:
                self.findings.add_remark(self._located(remark, drawn))

    def _located(self, fault: Fault, drawn: Drawn) -> Fault:
        """The fault with its source text, its case, and the launch that it belongs to."""
        runner = self.runner
        found = replace(quote(fault, runner.text, runner.file_name), cases=(drawn.name,))
        launches = [step for step in runner.schedules[drawn.name].steps if isinstance(step, LaunchStep)]
        for step in launches[fault.launch : fault.launch + 1]:
            return replace(found, launched=SourceLine(runner.file_name, step.line), block_dim=step.block)
        return found

    def _checked(self, drawn: Drawn, reports: Sequence[RunReport], usual: RunReport | None) -> TrialResult:
        """Inputs and outputs of the runs that ended, as of every trial; raises Rejected."""
        first, *others = reports
        for report in reports:
            if report is first or report.ended in _STOPPED:
                require_done(report, drawn.name, self.runner.text, self.runner.file_name)
        comparable = [other for other in others if not _found_only_races(other)]
        try:
            return self.runner.check(drawn, [first, *comparable], usual)
        except Rejected as wrong:
            if wrong.status is Status.WRONG:
                self._blame(first.remarks, drawn, wrong)
            raise

    def _blame(self, remarks: Sequence[Fault], drawn: Drawn, wrong: Rejected) -> None:
        """Values that nobody wrote are errors where they reached an output."""
        outputs = {output.name for output in self.runner.problem.outputs}
        found = [remark for remark in remarks if remark.kind == UNINITIALISED]
        reached = [remark for remark in found if remark.allocation in outputs]
        if not reached and wrong.check.name == "uninitialised memory":
            reached = found
        for remark in reached:
            self.findings.add_error(self._located(remark, drawn))

    def _require_clean(self, rejections: Sequence[Rejected]) -> None:
        """Raises Rejected by the first finding that decides, or the first rejection."""
        errors = self.findings.errors
        faults = [error for error in errors if error.kind != UNINITIALISED]
        if not faults and not rejections:
            return
        wrong = [found for found in rejections if found.status is Status.WRONG or found.check.name == ORDER]
        if not faults:
            first = rejections[0]
            evidence = errors[0] if errors and first.status is Status.WRONG else first.fault
            raise Rejected(first.status, first.check.name, "\n".join([first.feedback, *_told(errors)]), evidence)
        words = [*_told([*faults, *(error for error in errors if error not in faults)])]
        words += [found.feedback for found in wrong[:1]]
        in_some_order_only = rejections and rejections[0].check.name == ORDER
        status = Status.RACE if in_some_order_only else status_of(faults[0])
        raise Rejected(status, "sanitizer", "\n".join(words), faults[0])


def _told(errors: Sequence[Fault]) -> Iterator[str]:
    for error in errors[:TOLD]:
        yield describe(error, ", ".join(error.cases[:1]))
    if more := errors[TOLD:]:
        places = Counter(f"{each.kind} at line {each.source.line}" for each in more)
        told = (f"{place} ({count} times)" if count > 1 else place for place, count in places.items())
        yield f"and {len(more)} more: {', '.join(told)}"


def _found_only_races(report: RunReport) -> bool:
    """Races stop nothing, so they are no reason to compare how the two runs ended."""
    return report.fault is not None and all(status_of(fault) is Status.RACE for fault in report.faults)


def _why_no_further(reports: Sequence[RunReport]) -> RunReport | None:
    """The report after which further cases would end in the same way, and cost as much as they may."""
    for report in reports:
        fatal = any(fault.kind in _ENDS_THE_SEARCH for fault in report.faults or (report.fault,) if fault)
        if fatal or report.ended in _STOPPED:
            return report
    return None
