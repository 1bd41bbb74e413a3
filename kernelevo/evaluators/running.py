"""Running the trials of an image and checking what comes out: the pass between build and profile.

Each trial is a job or two: the same inputs under two poisons, so that an output that depends on memory nobody wrote
differs, and the second time with blocks and warps in another order, so that one that depends on the order differs, too.
Jobs go to the device in batches, the first a small one, and the first failure ends it. What is checked of every run,
timed ones too: it ended, its inputs are as they were, its outputs are right. Of two runs of one trial: their outputs
agree. Where they do not, a third run, under the second poison in the usual order, tells which of the two it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kernelevo.defences import ALL, Defences
from kernelevo.errors import Infrastructure
from kernelevo.evaluators import careless, stopped
from kernelevo.evaluators.compare import Comparison, compare
from kernelevo.evaluators.expected import Expected
from kernelevo.evaluators.jobs import build_job, raw_bytes
from kernelevo.evaluators.outcome import require_done
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.schedule import Schedule
from kernelevo.evaluators.tolerance_words import Derivation, derivation, describe
from kernelevo.evaluators.trials import Drawn, Trial
from kernelevo.interfaces import Device
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.problem import Problem
from kernelevo.provenance import TrialRecord
from kernelevo.types import Budget, Image, Job, Launch, RunReport, Sample, Status

Array = np.ndarray
FIRST_BATCH = 3
SMALL_BYTES = 1 << 20
"""Up to so many, all trials are one batch: another child costs more than the last runs of a kernel that is wrong."""
BATCH_BYTES = 1 << 26
FEW_BYTES = 1 << 16
"""Up to so many, NumPy takes longer to begin than to compare."""
ORDER = "order of threads"
"""The check that results are the same in any order."""


class Purse:
    """One evaluation's budget of seconds, of which only the time that the candidate takes is spent."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._left = budget.seconds

    @property
    def remaining(self) -> float:
        """Seconds; negative where more was spent than there were."""
        return self._left

    def left(self, next_case: str = "") -> Budget:
        """What remains, for a run of this case; raises Rejected (TIMEOUT) when that is nothing."""
        if self._left <= 0:
            words = f"all runs together took more than {self._budget.seconds:g} s"
            told = f"{words}; next was case {next_case}" if next_case else words
            raise Rejected(Status.TIMEOUT, "run", told, cases=(next_case,) if next_case else ())
        return replace(self._budget, seconds=self._left)

    def beside(self, seconds: float) -> Budget:
        """For what is not held against the candidate: the same limits, and this time."""
        return replace(self._budget, seconds=seconds)

    def spend(self, started: float) -> None:
        self.take(time.monotonic() - started)

    def take(self, seconds: float) -> None:
        self._left -= seconds


@dataclass(frozen=True)
class Runner:
    """Runs trials of one image. `expect` gives a trial's expected outputs, and is called only after the trial ran."""

    problem: Problem
    device: Device
    image: Image
    text: str
    """The candidate's, only to be quoted where a fault happened."""
    schedules: Mapping[str, Schedule]
    poisons: tuple[int, int]
    order: int
    """Seed of the second runs' order of blocks and warps."""
    expect: Callable[[Drawn], Expected]
    draw: Callable[[Trial], Drawn]
    purse: Purse
    file_name: str
    """What the image calls the candidate's text."""
    sample: Sample | None
    """Of the blocks that profiled runs are watched on, if not all."""
    defences: Defences = ALL
    recorded: bool = False
    """Whether results hold hashes of inputs and outputs."""

    def run(self, trials: Sequence[Trial], first: int = FIRST_BATCH) -> list[TrialResult]:
        """Every trial, in order; raises Rejected at the first that is not right."""
        return [result for batch in self.batches(trials, first) for result in self._run_batch(batch)]

    def batches(self, trials: Sequence[Trial], first: int = FIRST_BATCH) -> Iterator[list[Trial]]:
        """The trials, in order, in portions whose inputs fit into memory together, the first of at most `first` unless
        all are small.
        """
        sizes = [sum(tensor.nbytes(trial.case.dims) for tensor in self.problem.tensors) for trial in trials]
        if sum(sizes) <= SMALL_BYTES:
            first = len(trials)
        batch: list[Trial] = []
        size = 0
        for number, (trial, needed) in enumerate(zip(trials, sizes, strict=True)):
            if batch and (number == first or size + needed > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(trial)
            size += needed
        if batch:
            yield batch

    def _run_batch(self, trials: Sequence[Trial]) -> Iterator[TrialResult]:
        drawn = [self.draw(trial) for trial in trials]
        runs = [(each, poison) for each in drawn for poison in range(1 + each.trial.repeat)]
        answers = self.ask([self.job(each, poison) for each, poison in runs], [each.name for each, _ in runs])
        usual = {}
        if len(answers) == len(runs) and all(answer.ended == "done" for answer in answers):
            rest = iter(answers)
            usual = self.in_usual_order([(each, [next(rest) for _ in range(1 + each.trial.repeat)]) for each in drawn])
        reports = self._in_turn(runs, answers)
        for place, each in enumerate(drawn):
            of_trial = [next(reports) for _ in range(1 + each.trial.repeat)]
            yield self.check(each, of_trial, usual.get(place))

    def _in_turn(self, runs: Sequence[tuple[Drawn, int]], reports: Sequence[RunReport]) -> Iterator[RunReport]:
        """One report for each run, in order; a run that did not end well raises Rejected when its turn comes."""
        for (each, poison), report in zip(runs, reports, strict=False):
            if not (poison and _stopped_by_program(report)):
                require_done(report, each.name, self.text, self.file_name)
            yield report
        self._require_answers(reports, len(runs))

    def ask(self, jobs: Sequence[Job], cases: Sequence[str], seconds: float | None = None) -> list[RunReport]:
        """What the device answers (`cases` are those of the jobs), out of this evaluation's purse, or in at most so
        many `seconds` beside it; raises Infrastructure if it leaves out a job without a reason.
        """
        budget = self.purse.left(cases[0]) if seconds is None else self.purse.beside(seconds)
        started = time.monotonic()
        reports = self.device.run(self.image, jobs, budget)
        if seconds is None:
            self.purse.spend(started)
            reports = self._located(reports, jobs, cases)
        if len(reports) < len(jobs) and (not reports or reports[-1].ended == "done"):
            self._require_answers(reports, len(jobs))
        return reports

    def _located(self, reports: list[RunReport], jobs: Sequence[Job], cases: Sequence[str]) -> list[RunReport]:
        """The reports; one of a run that was killed says where it stood."""
        if not reports or reports[-1].ended != "killed":
            return reports
        kernels = [step.kernel for job in jobs for step in job.steps if isinstance(step, Launch)]
        budget = self.purse.beside(stopped.SECONDS)
        stood = stopped.look_again(self.device, self.image, jobs, cases, kernels, budget)
        return [*reports[:-1], replace(reports[-1], faults=(stood,))]

    def _require_answers(self, reports: Sequence[RunReport], jobs: int) -> None:
        if len(reports) != jobs:
            raise Infrastructure(
                f"device {self.device.name} answered {len(reports)} of {jobs} jobs; report this defect"
            )

    def job(self, drawn: Drawn, poison: int) -> Job:
        """The trial's first run (`poison` 0) or its second (1)."""
        profile, schedule = drawn.trial.timed and poison == 0, self.schedules[drawn.name]
        order = self.order if poison else 0
        job = build_job(self.problem, drawn, schedule, self.image, self.poisons[poison], profile, order, self.sample)
        if self.defences == ALL:
            return job
        return careless.weakened(job, self.defences, self.problem, lambda: self.expect(drawn))

    def in_usual_order(self, of_trials: Sequence[tuple[Drawn, Sequence[RunReport]]]) -> dict[int, RunReport]:
        """Third runs, under the poison of the second, of those trials (by place) whose two runs differ: in one go,
        where more than one needs it. A device that stops early leaves some out.
        """
        wanted = [
            place
            for place, (_, (first, *others)) in enumerate(of_trials)
            if first.ended == "done" and any(not self._agree(first, other) for other in others)
        ]
        if self.device.how == "measured" or len(wanted) < 2:
            return {}
        drawn = [of_trials[place][0] for place in wanted]
        reports = self.ask([self._usual_job(each) for each in drawn], [each.name for each in drawn])
        return dict(zip(wanted, reports, strict=False))

    def check(self, drawn: Drawn, reports: Sequence[RunReport], usual: RunReport | None = None) -> TrialResult:
        """The trial's result, if its first run came to its end and all is right; raises Rejected where it is not.
        `usual` is its third run, if that was made already.
        """
        for report in reports:
            if report.ended == "done" and self.defences.inputs_compared:
                self._require_inputs(drawn, report)
        if not (drawn.trial.is_test or self.defences.timed_calls_checked):
            return TrialResult(drawn.trial, reports[0], 0.0)
        expected = self._expected(drawn, reports[0])
        comparisons = self._compare(drawn, reports[0], self.poisons[0], expected)
        for other in reports[1:]:
            self._require_same(drawn, reports[0], other, expected, usual)
        ratio = max(each.ratio for each in comparisons)
        record = self._record(drawn, reports[0], ratio)
        return TrialResult(drawn.trial, reports[0], ratio, self.tolerances(expected), record)

    def _record(self, drawn: Drawn, report: RunReport, ratio: float) -> TrialRecord | None:
        """What lets somebody else find out whether the same was drawn, and came out."""
        if not self.recorded:
            return None
        trial = drawn.trial
        inputs = {name: _sha256(raw_bytes(array)) for name, array in drawn.inputs.items()}
        outputs = {output.name: _sha256(report.outputs[output.name]) for output in self.problem.outputs}
        return TrialRecord(
            drawn.name, trial.index, trial.timed, trial.offset, trial.repeat, float(ratio), inputs, outputs
        )

    def tolerances(self, expected: Expected) -> dict[str, Derivation]:
        """How far outputs may be off, and how that came about."""
        return {output.name: derivation(self.problem, output, expected) for output in self.problem.outputs}

    def _expected(self, drawn: Drawn, report: RunReport) -> Expected:
        if not self.defences.inputs_compared:
            drawn = careless.as_read_back(self.problem, drawn, report)
        expected = self.expect(drawn)
        return expected if self.defences.expected_apart else careless.found_beside(self.problem, report, expected)

    def _require_inputs(self, drawn: Drawn, report: RunReport) -> None:
        for tensor in self.problem.tensors:
            if not tensor.is_output and not _same_bytes(
                report.outputs[tensor.name], raw_bytes(drawn.inputs[tensor.name])
            ):
                message = (
                    f"case {drawn.name}: the kernel changed its input {tensor.name}; write to outputs and temps only"
                )
                raise Rejected(Status.WRONG, "inputs unchanged", message)

    def _compare(self, drawn: Drawn, report: RunReport, poison: int, expected: Expected) -> list[Comparison]:
        """How each output compares; raises Rejected for one that is not right."""
        comparisons = []
        for output in self.problem.outputs:
            got = self.output(drawn, output, report)
            unwritten = None if output.is_input else poison_values(output, poison)
            wanted, bound = expected.values[output.name], expected.bounds[output.name]
            comparison = compare(output.name, got, wanted, bound, unwritten)
            if not comparison.passed and expected.in_full:
                return self._compare(drawn, report, poison, expected.in_full())
            if not self.defences.every_element:
                comparison = careless.nearly_all(comparison, got, wanted, bound)
            if not comparison.passed:
                raise self._wrong(drawn, output, expected, comparison)
            comparisons.append(comparison)
        return comparisons

    def _wrong(self, drawn: Drawn, output: Tensor, expected: Expected, comparison: Comparison) -> Rejected:
        tolerance = f"tolerance of {describe([derivation(self.problem, output, expected)])}"
        words = f"case {drawn.name}: {comparison.text}"
        first = words.splitlines()[0].rstrip(".")
        return Rejected(Status.WRONG, "outputs", f"{words}\n{tolerance}", detail=f"{first}; {tolerance}")

    def require_outputs(self, drawn: Drawn, outputs: Mapping[str, bytes], poison: int, expected: Expected) -> float:
        """The largest error in units of the tolerance; raises Rejected if an output is wrong."""
        report = RunReport("done", outputs, ())
        return max(each.ratio for each in self._compare(drawn, report, poison, expected))

    def output(self, drawn: Drawn, output: Tensor, report: RunReport) -> Array:
        """An output of a run, as numbers in its shape."""
        stored = np.frombuffer(report.outputs[output.name], output.dtype.storage)
        return as_numbers(stored.reshape(output.sizes(drawn.trial.case.dims)), output)

    def _agree(self, first: RunReport, other: RunReport) -> bool:
        return other.ended == "done" and self._differing(first, other) is None

    def _require_same(
        self, drawn: Drawn, first: RunReport, other: RunReport, expected: Expected, usual: RunReport | None
    ) -> None:
        """Both runs agree: in every byte where the device is deterministic, else within the tolerance."""
        if self._agree(first, other):
            return
        if self.device.how == "measured":
            self._compare(drawn, other, self.poisons[1], expected)
            return
        usual = usual or self._run_in_usual_order(drawn)
        require_done(usual, drawn.name, self.text, self.file_name)
        if (output := self._differing(first, usual)) is not None:
            raise Rejected(Status.WRONG, "uninitialised memory", self._unwritten(drawn, output, first, usual))
        self._require_same_in_any_order(drawn, first, other, expected)

    def _run_in_usual_order(self, drawn: Drawn) -> RunReport:
        reports = self.ask([self._usual_job(drawn)], [drawn.name])
        self._require_answers(reports, 1)
        return reports[0]

    def _usual_job(self, drawn: Drawn) -> Job:
        """A third run, under the poison of the second."""
        return replace(self.job(drawn, 1), order=0)

    def _require_same_in_any_order(self, drawn: Drawn, first: RunReport, other: RunReport, expected: Expected) -> None:
        """The order decided something. Sums by atomics may differ by rounding; nothing else may."""
        try:
            require_done(other, drawn.name, self.text, self.file_name)
            self._compare(drawn, other, self.poisons[1], expected)
        except Rejected as found:
            message = (
                f"case {drawn.name}: what the kernel does depends on the order in which its threads run; look for a "
                f"missing barrier, or for blocks that use what others write. In another order: {found.feedback}"
            )
            raise Rejected(Status.RACE, ORDER, message, found.fault) from None

    def _differing(self, first: RunReport, other: RunReport) -> Tensor | None:
        """The first output of which the runs have different bytes."""
        for output in self.problem.outputs:
            if not _same_bytes(first.outputs[output.name], other.outputs[output.name]):
                return output
        return None

    def _unwritten(self, drawn: Drawn, output: Tensor, first: RunReport, other: RunReport) -> str:
        one, two = (np.frombuffer(report.outputs[output.name], np.uint8) for report in (first, other))
        place = int((one != two).argmax()) // output.dtype.bytes
        return (
            f"case {drawn.name}: {output.name} depends on uninitialised memory: two runs on the same inputs differ "
            f"from element {place} (in memory order) on; write every element of outputs, temps and shared memory "
            f"before reading it"
        )


@dataclass(frozen=True)
class TrialResult:
    """A trial that was right: the report of its first run, its largest error in units of the tolerance, and how that
    came about, by output (empty where it is told of other trials). `record` is there where the runner keeps records.
    """

    trial: Trial
    report: RunReport
    ratio: float
    tolerances: Mapping[str, Derivation] = field(default_factory=dict)
    record: TrialRecord | None = None


def _stopped_by_program(report: RunReport) -> bool:
    """It ended in a fault that another order of threads may not have."""
    return report.fault is not None and report.fault.kind not in {"unsupported", "invalid_launch", "budget"}


def _sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def as_numbers(stored: Array, tensor: Tensor) -> Array:
    """Stored elements as numbers that can be compared: bf16 widened, everything else as it is."""
    return dtypes.from_storage(stored, tensor.dtype) if tensor.dtype.name == "bf16" else stored


def poison_values(tensor: Tensor, poison: int) -> Array:
    """What elements of this tensor hold if nobody wrote them, as numbers: one for each place in the 32-bit pattern."""
    stored = np.frombuffer(poison.to_bytes(4, "little") * 2, tensor.dtype.storage)
    return as_numbers(stored, tensor)


def _same_bytes(one: bytes | memoryview, two: bytes | memoryview) -> bool:
    if len(one) <= FEW_BYTES:
        return bytes(one) == bytes(two)  # of bytes, this copies nothing
    left, right = np.frombuffer(one, np.uint8), np.frombuffer(two, np.uint8)
    if left.size != right.size:
        return False
    whole = left.size // 8 * 8
    return np.array_equal(left[:whole].view(np.uint64), right[:whole].view(np.uint64)) and np.array_equal(
        left[whole:], right[whole:]
    )
