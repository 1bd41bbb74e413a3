"""The evaluator of kernels, in CUDA or Triton: a list of passes, each of which the candidate must survive.

    rules    its plan is read and fits the device on every case         RULE_BROKEN
    build    it compiles, and its launches fit its kernels              BUILD_ERROR, RULE_BROKEN
    run      every trial ends, nothing is found, outputs are right      TRAPPED, RACE, TIMEOUT, WRONG, UNSUPPORTED
             each launch of the plan changes an output                  DECOY (not in mode "search")
    profile  the timed runs among these become figures                  PASSED

On a device that times single calls the last two are one pass (`measuring.py`).

Seeds come from the operating system after the build. Expected values are computed in this process, after the run, and
never leave it. Mode "search" runs every test case once under two poisons and each benchmark case once; "final" runs
tests on more distributions, looking for all that the device can find (`sanitizing.py`), and benchmarks under two
poisons as well; "sanitize" looks for the same at the benchmarks' sizes, too. The verdict's checks say which. In mode
"search" the profile of a large grid rests on a sample of its blocks, drawn after the build like everything else; all
blocks run and are checked. Such a verdict is provisional.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kernelevo.counting import counted
from kernelevo.defences import ALL, Defences
from kernelevo.evaluators import careless, chosen_sizes, feedback, profile
from kernelevo.evaluators.ablation import check_launches_matter
from kernelevo.evaluators.discarding import require_kept
from kernelevo.evaluators.example import Example
from kernelevo.evaluators.expected import Expected, expect_first
from kernelevo.evaluators.figures import Judgement, measured_cases, measured_score
from kernelevo.evaluators.findings import Findings
from kernelevo.evaluators.image_summary import image_summary
from kernelevo.evaluators.jobs import draw_poisons
from kernelevo.evaluators.measuring import Measurer, Program, rule_of
from kernelevo.evaluators.oracle import Oracle, build_oracle
from kernelevo.evaluators.parameters import check_launches
from kernelevo.evaluators.rejection import Rejected, broken_rule
from kernelevo.evaluators.running import ORDER, Purse, Runner, TrialResult
from kernelevo.evaluators.sanitizing import Sanitizer
from kernelevo.evaluators.schedule import LaunchStep, Schedule, schedule
from kernelevo.evaluators.selftest import SelfTest, self_test
from kernelevo.evaluators.tolerance_words import describe_all
from kernelevo.evaluators.trials import Drawn, Mode, Trial, distributions, draw, plan_trials
from kernelevo.evaluators.unlisted import CHECK, Unlisted, explained, in_words
from kernelevo.interfaces import Compiler, Device, MeasuringDevice
from kernelevo.kernel.directives import PlanError
from kernelevo.kernel.languages import CUDA, Language
from kernelevo.kernel.plan import LaunchLine, Plan
from kernelevo.kernel.problem import Problem
from kernelevo.provenance import Provenance
from kernelevo.settings import DEFAULT_FINDINGS
from kernelevo.types import Budget, BuildFailure, BuildRequest, Candidate, Check, Image, Sample, Status, Verdict

SOURCE_BYTES_LIMIT = 256 << 10
SHOWN_DIAGNOSTICS = 10
EMULATION_FACTOR = 20
"""How much longer calls may take on a device that executes PTX and times single calls."""
SAMPLE_BLOCKS = 64
"""Blocks that a search's profile rests on where a grid has several times as many (vgpu::kLeastShare)."""


def secret_generator() -> np.random.Generator:
    """A generator whose seed nobody has seen."""
    return np.random.Generator(np.random.SFC64(secrets.randbits(128)))


def seeded_generator(seed: int) -> Callable[[], np.random.Generator]:
    """For runs that must be repeatable: every evaluation draws the same inputs, which are then no secret to whoever
    knows the seed.
    """
    return lambda: np.random.Generator(np.random.SFC64(seed))


def seed_of(rng: np.random.Generator) -> str:
    """The seed that a generator was made with, in hexadecimal digits: what `seeded_generator` takes, as an int."""
    entropy = rng.bit_generator.seed_seq.entropy
    if not isinstance(entropy, int):
        raise ValueError(f"a generator whose seed is {entropy!r} cannot be made again")
    return f"{entropy:x}"


@dataclass
class Dossier:
    """What is known of one candidate so far; the passes fill it from top to bottom."""

    candidate: Candidate
    purse: Purse
    checks: list[Check] = field(default_factory=list)
    image: Image | None = None
    sanitizer: Sanitizer | None = None
    provenance: Provenance | None = None

    def passed(self, check: str, detail: str) -> None:
        self.checks.append(Check(check, True, detail))


class KernelEvaluator:
    """Judges candidates for one problem on one device; see the module. `generator` makes the random generator of one
    evaluation; `file_name` is what messages and counts call the candidates' text (none: the problem's name). `defences`
    has something switched off in controls of the red team only. On a device that times single calls a `start` is timed
    beside each other candidate. `first` is an example, on a benchmark's sizes, that runs before all trials.
    """

    def __init__(
        self,
        problem: Problem,
        compiler: Compiler,
        device: Device,
        *,
        mode: Mode,
        options: tuple[str, ...] = (),
        include_folders: tuple[str, ...] = (),
        generator: Callable[[], np.random.Generator] = secret_generator,
        language: Language = CUDA,
        oracle_compiler: Compiler | None = None,
        most_findings: int = DEFAULT_FINDINGS,
        sample_blocks: int = SAMPLE_BLOCKS,
        file_name: str = "",
        defences: Defences = ALL,
        start: Candidate | None = None,
        first: Example | None = None,
    ) -> None:
        self.problem = problem if defences.derived_tolerance else careless.loosened(problem)
        self.defences = defences
        self.compiler = compiler
        self.device = device
        self.mode: Mode = mode
        self.options = options
        self.include_folders = include_folders
        self.sample_blocks = sample_blocks
        self._file_name = file_name or f"{problem.name}{language.suffix}"
        self._generator = generator if defences.secret_seeds else seeded_generator(careless.KNOWN_SEED)
        self._start = start
        self._start_program: Program | None = None
        self._language = language
        self._most_findings = most_findings
        self._oracle_compiler = oracle_compiler or compiler
        self._oracle: Oracle | None = None
        self._first = first
        self._unlisted = Unlisted(problem)
        self._kept: tuple[tuple[str, ...], Image] | None = None

    def evaluate(self, candidate: Candidate, budget: Budget) -> Verdict:
        """The verdict; raises Infrastructure for our faults, BadInput if the problem's reference or oracle fails."""
        started = time.monotonic()
        dossier = Dossier(candidate, Purse(budget))
        try:
            # What is written: the plan, on every case.
            plan = self._read_rules(dossier)
            schedules = self._schedule(plan, dossier)
            # What is built. From here the candidate is an image; its text is not read again.
            image = self._build(plan, schedules, dossier)
            self._check_launches(plan, schedules, image, dossier)
            # What it does. Seeds are drawn here, where the candidate can no longer change.
            if self._first is not None:
                self._run_example(self._first, schedules, image, budget, dossier)
            if isinstance(self.device, MeasuringDevice):
                results, judgement = self._measure(self.device, plan, Program(image, schedules), budget, dossier)
                return self._measured(dossier, image, results, judgement, time.monotonic() - started)
            results = self._run_trials(plan, schedules, image, budget, dossier)
        except Rejected as fault:
            return self._rejected(dossier, fault, time.monotonic() - started)
        # What it costs: the figures of the very runs that were checked.
        return self._passed(dossier, image, results, time.monotonic() - started)

    def probe(self, candidate: Candidate, example: Example, budget: Budget) -> Verdict | None:
        """What is wrong with the candidate on this one example; None if nothing is. Raises as `evaluate`."""
        started, dossier = time.monotonic(), Dossier(candidate, Purse(budget))
        trial = example.trial(self.problem)
        try:
            plan = self._read_rules(dossier)
            steps = {trial.case.name: schedule(plan, self.problem, trial.case, self.device.properties)}
            image = self._built_once(plan, steps, dossier)
            self._check_launches(plan, steps, image, dossier)
            self._run_example(example, steps, image, budget, dossier)
        except Rejected as fault:
            return self._rejected(dossier, fault, time.monotonic() - started)
        return None

    def self_test(self) -> SelfTest:
        """Whether this problem's check tells right from wrong outputs; to be reported once in a run."""
        return self_test(self.problem, self._generator())

    def _read_rules(self, dossier: Dossier) -> Plan:
        text, defines = dossier.candidate.text, dossier.candidate.defines
        size = len(text.encode())
        if size > SOURCE_BYTES_LIMIT:
            raise broken_rule(f"the source has {size} bytes, and at most {SOURCE_BYTES_LIMIT} are allowed")
        if "\0" in text:
            raise broken_rule("the source holds a NUL character; remove it")
        try:
            plan = self._language.read_plan(text, self._file_name, defines)
        except PlanError as fault:
            raise broken_rule(str(fault)) from None
        untuned = sorted(set(defines) - {tune.macro for tune in plan.tunes})
        if untuned:
            line = f"{self._language.tune} {untuned[0]} ..."
            raise broken_rule(f"{self._language.tuned} {untuned[0]} is set but not tuned; add `{line}`")
        return plan

    def _schedule(self, plan: Plan, dossier: Dossier) -> dict[str, Schedule]:
        cases = {case.name: case for case in (*self.problem.tests, *self.problem.benchmarks)}
        schedules = {name: schedule(plan, self.problem, case, self.device.properties) for name, case in cases.items()}
        within = f"the plan is within the limits of {self.device.name} on {counted(len(cases), 'case')}"
        dossier.passed("rules", within)
        return schedules

    def _build(self, plan: Plan, schedules: dict[str, Schedule], dossier: Dossier) -> Image:
        candidate = dossier.candidate
        names = _kernel_names(plan, schedules)
        request = BuildRequest(
            candidate.text,
            self._file_name,
            names,
            self.device.arch,
            candidate.defines,
            self.options,
            self.include_folders,
        )
        budget, started = dossier.purse.left(), time.monotonic()
        image = self.compiler.build(request, budget)
        dossier.purse.spend(started)
        if isinstance(image, BuildFailure):
            raise Rejected(Status.BUILD_ERROR, "build", _diagnosis(image), diagnostics=image.diagnostics)
        dossier.image = image
        require_kept(image)
        return image

    def _built_once(self, plan: Plan, schedules: dict[str, Schedule], dossier: Dossier) -> Image:
        """As `_build`; the last image is kept, because most examples of a fuzzer need the same."""
        wanted = (dossier.candidate.id, *_kernel_names(plan, schedules))
        if self._kept is None or self._kept[0] != wanted:
            self._kept = (wanted, self._build(plan, schedules, dossier))
        dossier.image = self._kept[1]
        return self._kept[1]

    def _run_example(
        self, example: Example, schedules: dict[str, Schedule], image: Image, budget: Budget, dossier: Dossier
    ) -> None:
        """As one trial, drawn from the example's own seed."""
        rng = seeded_generator(example.seed)()
        self._runner(rng, schedules, image, budget, dossier).run([example.trial(self.problem)])

    def _check_launches(self, plan: Plan, schedules: dict[str, Schedule], image: Image, dossier: Dossier) -> None:
        for name, steps in schedules.items():
            check_launches(plan, steps, image, name, self.device.properties)
        dossier.passed("build", f"{image.compiler} for {image.arch}; every launch fits its kernel's parameters")

    def _run_trials(
        self, plan: Plan, schedules: dict[str, Schedule], image: Image, budget: Budget, dossier: Dossier
    ) -> list[TrialResult]:
        rng = self._generator()
        dossier.provenance = Provenance(seed_of(rng), self.mode)
        trials = plan_trials(self.problem, self.mode, rng, self.defences)
        runner = self._runner(rng, schedules, image, budget, dossier)
        results = runner.run(trials) if self.mode == "search" else self._sanitized(runner, trials, dossier)
        dossier.checks += self._run_checks(results)
        dossier.checks += self._sanitizer_check(dossier.sanitizer)
        dossier.checks += self._ablation_check(runner, plan, trials)
        self._run_unlisted(plan, image, budget, dossier)
        return results

    def _run_unlisted(self, plan: Plan, image: Image, budget: Budget, dossier: Dossier) -> None:
        """A few sizes more, which no candidate can have read, beside the time of all others; see `unlisted.py`."""
        wanted = self._unlisted.wanted and self.defences.unlisted_sizes
        if self.mode == "search" or not wanted or dossier.provenance is None:
            return
        ran, beside = [], Dossier(dossier.candidate, Purse(budget))
        for example in self._unlisted.draw(dossier.provenance.seed):
            case = example.trial(self.problem).case
            try:
                steps = {case.name: schedule(plan, self.problem, case, self.device.properties)}
                built = self._built_for(plan, steps, image, beside)
                check_launches(plan, steps[case.name], built, case.name, self.device.properties)
                self._run_example(example, steps, built, budget, beside)
            except Rejected as fault:
                # Also what the device cannot execute: it would be a way past these sizes.
                raise explained(fault, example) from None
            ran.append(case.name)
        dossier.passed(CHECK, in_words(ran))

    def _built_for(self, plan: Plan, schedules: dict[str, Schedule], image: Image, dossier: Dossier) -> Image:
        """The image, if it has every kernel that these schedules name; else one more of the same text."""
        known = {kernel.spelled for kernel in image.kernels}
        return image if known.issuperset(_kernel_names(plan, schedules)) else self._build(plan, schedules, dossier)

    def _ablation_check(self, runner: Runner, plan: Plan, trials: list[Trial]) -> list[Check]:
        if self.mode == "search" or not (self.defences.ablation and self.defences.poison):
            return []
        return [check_launches_matter(runner, plan, trials)]

    def _runner(
        self, rng: np.random.Generator, schedules: dict[str, Schedule], image: Image, budget: Budget, dossier: Dossier
    ) -> Runner:
        return Runner(
            self.problem, self.device, image, dossier.candidate.text, schedules, self._poisons(rng), self._order(rng),
            self._expectation(budget), self._drawing(rng),
            dossier.purse, self._file_name, self._sample(rng), self.defences, self.mode != "search",
        )  # fmt: skip

    def _measure(
        self, device: MeasuringDevice, plan: Plan, program: Program, budget: Budget, dossier: Dossier
    ) -> tuple[list[TrialResult], Judgement]:
        """Where each call is timed by itself, checks and figures come from the same calls."""
        if device.how == "modelled":
            # Executing PTX on a CPU is no fault of the candidate's, and takes long.
            budget = replace(budget, seconds=EMULATION_FACTOR * budget.seconds)
            dossier.purse = Purse(budget)
        rng = self._generator()
        dossier.provenance = Provenance(seed_of(rng), self.mode)
        trials = plan_trials(self.problem, self.mode, rng, self.defences)
        runner = self._runner(rng, program.schedules, program.image, budget, dossier)
        start = self._start_beside(dossier)
        rule = rule_of(self.mode, start is not None)
        measurer = Measurer(
            self.problem, device, runner, program, start, trials, rule, rng, self.defences, budget
        )  # fmt: skip
        results, judgement = measurer.run()
        dossier.checks += self._measured_checks(results)
        dossier.checks += judgement.checks
        dossier.checks += self._ablation_check(runner, plan, trials)
        self._run_unlisted(plan, program.image, budget, dossier)
        return results, judgement

    def _start_beside(self, dossier: Dossier) -> Program | None:
        """The start, built, where it is to be timed beside this candidate."""
        if self.mode == "search" or self._start is None or self._start.id == dossier.candidate.id:
            return None
        if self._start_program is None:
            own = Dossier(self._start, dossier.purse)
            plan = self._read_rules(own)
            schedules = self._schedule(plan, own)
            self._start_program = Program(self._build(plan, schedules, own), schedules)
        return self._start_program

    def _sanitized(self, runner: Runner, trials: list[Trial], dossier: Dossier) -> list[TrialResult]:
        """The tests with all checks on, then the benchmarks as they are timed, and where asked for again for faults."""
        large = [case.name for case in self.problem.benchmarks] if self.mode == "sanitize" else []
        sanitizer = dossier.sanitizer = Sanitizer(runner, Findings(self._most_findings), large)
        tests = [trial for trial in trials if trial.is_test]
        rest = [trial for trial in trials if not trial.is_test]
        # What passed all tests seldom fails afterwards: no small batch first.
        results = sanitizer.run(tests) + runner.run(rest, first=len(rest))
        timed = [trial for trial in rest if trial.timed]
        if self.mode == "sanitize":
            sanitizer.run_large(timed)
        else:
            sanitizer.run_timed(timed)
        return results

    def _expectation(self, budget: Budget) -> Callable[[Drawn], Expected]:
        if self.problem.oracle is None:
            return lambda drawn: expect_first(self.problem, drawn)
        oracle = self._oracle or build_oracle(self.problem, self._oracle_compiler, self.device, budget)
        self._oracle = oracle
        return lambda drawn: oracle.expect(drawn, budget)

    def _drawing(self, rng: np.random.Generator) -> Callable[[Trial], Drawn]:
        if not self.defences.fresh_inputs:
            return careless.always_the_same(lambda trial: draw(self.problem, trial, rng))
        return lambda trial: draw(self.problem, trial, rng)

    def _poisons(self, rng: np.random.Generator) -> tuple[int, int]:
        first, second = draw_poisons(rng)
        return first, second if self.defences.second_poison else first

    def _order(self, rng: np.random.Generator) -> int:
        """The seed of the other order of threads."""
        seed = int(rng.integers(1, 2**63))
        return seed if self.defences.other_order else 0

    def _sample(self, rng: np.random.Generator) -> Sample | None:
        """What profiled runs are watched on; a verdict of full checks rests on all blocks."""
        return Sample(self.sample_blocks, int(rng.integers(1, 2**63))) if self.mode == "search" else None

    def _run_checks(self, results: list[TrialResult]) -> list[Check]:
        timed = [result for result in results if result.trial.timed]
        sizes = {result.trial.case.name for result in timed}
        tests = [result for result in results if result.trial.case.name not in sizes]
        kinds = len({result.trial.index % distributions(self.problem) for result in tests})
        worst = max(result.ratio for result in results)
        untimed = len(results) - len(tests) - len(timed)
        trials = f"{counted(len(tests), 'test')} of {counted(kinds, 'distribution')} and "
        trials += counted(len(timed), "benchmark case")
        trials += f" with {counted(untimed, 'untimed run')} on other distributions" if untimed else ""
        repeated = (
            "tests; benchmark cases ran under one (search)" if self.mode == "search" else "tests and benchmark cases"
        )
        checks = [
            Check("outputs", True, f"{trials}; {_within(worst, results)}"),
            Check("inputs unchanged", True, f"byte for byte after each of {counted(len(results), 'trial')}"),
            Check("uninitialised memory", True, f"outputs agree under two poisons: {repeated}"),
            *self._order_check(repeated),
            Check("timed calls", True, f"the outputs of all {len(timed)} timed calls were checked"),
        ]
        checks += profile.sample_checks(timed)
        if self.problem.oracle is not None:
            source = f"expected outputs come from the kernel {self.problem.oracle.name}, not from a reference"
            checks.append(Check("oracle", True, source))
        return checks

    def _measured_checks(self, results: list[TrialResult]) -> list[Check]:
        tests = [result for result in results if not result.trial.timed]
        kinds = len({result.trial.index % distributions(self.problem) for result in tests})
        worst = max(result.ratio for result in results)
        words = f"{counted(len(tests), 'test')} of {kinds} distributions and {len(results) - len(tests)} timed calls"
        return [
            Check("outputs", True, f"{words}; {_within(worst, results)}"),
            Check("inputs unchanged", True, f"by fingerprint, after each of {counted(len(results), 'call')}"),
            Check("uninitialised memory", True, "every call under another poison, guards beside each buffer untouched"),
        ]

    def _order_check(self, repeated: str) -> list[Check]:
        if "order" not in self.device.capabilities:
            return []
        return [Check(ORDER, True, f"outputs stay right with blocks and warps in another order: {repeated}")]

    def _sanitizer_check(self, sanitizer: Sanitizer | None) -> list[Check]:
        if sanitizer is None:
            return []
        remarks = len(sanitizer.findings.remarks)
        left = f"; {counted(remarks, 'remark')}" if remarks else ""
        return [Check("sanitizer", True, f"{sanitizer.words}, none found{left}")]

    def _rejected(self, dossier: Dossier, fault: Rejected, seconds: float) -> Verdict:
        fault = chosen_sizes.explained(fault, self.problem)
        diagnostics = fault.diagnostics or (dossier.image.diagnostics if dossier.image else ())
        return Verdict(
            dossier.candidate.id, self.device.name, fault.status, fault.feedback, checks=(*dossier.checks, fault.check),
            fault=fault.fault, diagnostics=diagnostics, image=image_summary(dossier.image), seconds=seconds,
            provenance=dossier.provenance, **_found(dossier.sanitizer),
        )  # fmt: skip

    def _measured(
        self, dossier: Dossier, image: Image, results: list[TrialResult], judgement: Judgement, seconds: float
    ) -> Verdict:
        cases = measured_cases(self.problem, self.device, results, judgement.measurements)
        return Verdict(
            dossier.candidate.id, self.device.name, Status.PASSED, feedback.passed(cases, image),
            measured_score(self.problem, cases), cases, tuple(dossier.checks), diagnostics=image.diagnostics,
            image=image_summary(image), seconds=seconds, measurements=judgement.measurements,
            provenance=dossier.provenance,
        )  # fmt: skip

    def _passed(self, dossier: Dossier, image: Image, results: list[TrialResult], seconds: float) -> Verdict:
        cases = profile.case_results(results, self.device, in_full=self.mode != "search")
        records = tuple(result.record for result in results if result.record)
        return Verdict(
            dossier.candidate.id, self.device.name, Status.PASSED, feedback.passed(cases, image),
            profile.score(results, cases), cases, tuple(dossier.checks), diagnostics=image.diagnostics,
            image=image_summary(image), seconds=seconds,
            provenance=replace(dossier.provenance, trials=records) if dossier.provenance else None,
            **_found(dossier.sanitizer),
        )  # fmt: skip


def _within(worst: float, results: list[TrialResult]) -> str:
    """How large errors were, and what was allowed, with the derivation."""
    told = [result.tolerances for result in results if result.tolerances]
    return "; ".join(filter(None, [f"largest error {worst:.3g} of the tolerance", describe_all(told)]))


def _kernel_names(plan: Plan, schedules: dict[str, Schedule]) -> tuple[str, ...]:
    """What is to be compiled: of CUDA every kernel that the plan names, used or not, so that a name which is none is
    found; of Triton every specialisation that a case needs.
    """
    launches = [step for step in plan.steps if isinstance(step, LaunchLine)]
    written = [launch.kernel for launch in launches if launch.triton is None]
    used = [step.kernel for each in schedules.values() for step in each.steps if isinstance(step, LaunchStep)]
    return tuple(dict.fromkeys([*written, *used]))


def _diagnosis(failure: BuildFailure) -> str:
    errors = [each for each in failure.diagnostics if each.severity == "error"] or list(failure.diagnostics)
    shown = "\n".join(f"  {each}" for each in errors[:SHOWN_DIAGNOSTICS])
    return f"the compiler refused it with {counted(len(errors), 'error')}:\n{shown}"


def _found(sanitizer: Sanitizer | None) -> dict[str, Any]:
    """What a verdict says of the search for faults, if there was one."""
    if sanitizer is None:
        return {}
    found = sanitizer.findings
    return {"findings": found.errors, "remarks": found.remarks, "sanitizing": sanitizer.covered()}
