"""The evaluator of kernels, in CUDA or Triton: a list of passes, each of which the candidate must survive.

    rules    its plan is read and fits the device on every case         RULE_BROKEN
    build    it compiles, and its launches fit its kernels              BUILD_ERROR, RULE_BROKEN
    run      every trial ends, nothing is found, outputs are right      TRAPPED, RACE, TIMEOUT, WRONG, UNSUPPORTED
    profile  the timed runs among these become figures                  PASSED

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
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelevo.evaluators import feedback, profile
from kernelevo.evaluators.expected import Expected, expect_first
from kernelevo.evaluators.findings import Findings
from kernelevo.evaluators.jobs import draw_poisons
from kernelevo.evaluators.oracle import Oracle, build_oracle
from kernelevo.evaluators.parameters import check_launches
from kernelevo.evaluators.rejection import Rejected, broken_rule
from kernelevo.evaluators.running import ORDER, Purse, Runner, TrialResult
from kernelevo.evaluators.sanitizing import Sanitizer
from kernelevo.evaluators.schedule import LaunchStep, Schedule, schedule
from kernelevo.evaluators.selftest import SelfTest, self_test
from kernelevo.evaluators.trials import Drawn, Mode, Trial, distributions, draw, plan_trials
from kernelevo.interfaces import Compiler, Device
from kernelevo.kernel.directives import PlanError
from kernelevo.kernel.languages import CUDA, Language
from kernelevo.kernel.plan import LaunchLine, Plan
from kernelevo.kernel.problem import Problem
from kernelevo.settings import DEFAULT_FINDINGS
from kernelevo.types import Budget, BuildFailure, BuildRequest, Candidate, Check, Image, Sample, Status, Verdict

SOURCE_BYTES_LIMIT = 256 << 10
SHOWN_DIAGNOSTICS = 10
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


@dataclass
class Dossier:
    """What is known of one candidate so far; the passes fill it from top to bottom."""

    candidate: Candidate
    purse: Purse
    checks: list[Check] = field(default_factory=list)
    image: Image | None = None
    sanitizer: Sanitizer | None = None

    def passed(self, check: str, detail: str) -> None:
        self.checks.append(Check(check, True, detail))


class KernelEvaluator:
    """Judges candidates for one problem on one device; see the module. `generator` makes the random generator of one
    evaluation.
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
    ) -> None:
        self.problem = problem
        self.compiler = compiler
        self.device = device
        self.mode: Mode = mode
        self.options = options
        self.include_folders = include_folders
        self.sample_blocks = sample_blocks
        self._generator = generator
        self._language = language
        self._most_findings = most_findings
        self._oracle_compiler = oracle_compiler or compiler
        self._oracle: Oracle | None = None

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
            results = self._run_trials(schedules, image, budget, dossier)
        except Rejected as fault:
            return self._rejected(dossier, fault, time.monotonic() - started)
        # What it costs: the figures of the very runs that were checked.
        return self._passed(dossier, image, results, time.monotonic() - started)

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
        dossier.passed("rules", f"the plan is within the limits of {self.device.name} on {len(schedules)} cases")
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
        return image

    def _check_launches(self, plan: Plan, schedules: dict[str, Schedule], image: Image, dossier: Dossier) -> None:
        for name, steps in schedules.items():
            check_launches(plan, steps, image, name, self.device.properties)
        dossier.passed("build", f"{image.compiler} for {image.arch}; every launch fits its kernel's parameters")

    def _run_trials(
        self, schedules: dict[str, Schedule], image: Image, budget: Budget, dossier: Dossier
    ) -> list[TrialResult]:
        rng = self._generator()
        trials = plan_trials(self.problem, self.mode, rng)
        runner = Runner(
            self.problem, self.device, image, dossier.candidate.text, schedules, draw_poisons(rng),
            int(rng.integers(1, 2**63)), self._expectation(budget), lambda trial: draw(self.problem, trial, rng),
            dossier.purse, self._file_name, self._sample(rng),
        )  # fmt: skip
        results = runner.run(trials) if self.mode == "search" else self._sanitized(runner, trials, dossier)
        dossier.checks += self._run_checks(results)
        dossier.checks += self._sanitizer_check(dossier.sanitizer)
        return results

    def _sanitized(self, runner: Runner, trials: list[Trial], dossier: Dossier) -> list[TrialResult]:
        """The tests with all checks on, then the benchmarks as they are timed, and where asked for again for faults."""
        large = [case.name for case in self.problem.benchmarks] if self.mode == "sanitize" else []
        sanitizer = dossier.sanitizer = Sanitizer(runner, Findings(self._most_findings), large)
        tests = [trial for trial in trials if trial.is_test]
        rest = [trial for trial in trials if not trial.is_test]
        # What passed all tests seldom fails afterwards: no small batch first.
        results = sanitizer.run(tests) + runner.run(rest, first=len(rest))
        if self.mode == "sanitize":
            sanitizer.run_large([trial for trial in rest if trial.timed])
        return results

    def _expectation(self, budget: Budget) -> Callable[[Drawn], Expected]:
        if self.problem.oracle is None:
            return lambda drawn: expect_first(self.problem, drawn)
        oracle = self._oracle or build_oracle(self.problem, self._oracle_compiler, self.device, budget)
        self._oracle = oracle
        return lambda drawn: oracle.expect(drawn, budget)

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
        trials = f"{len(tests)} tests of {kinds} distributions and {len(timed)} benchmark cases"
        trials += f" with {untimed} untimed runs on other distributions" if untimed else ""
        repeated = (
            "tests; benchmark cases ran under one (search)" if self.mode == "search" else "tests and benchmark cases"
        )
        checks = [
            Check("outputs", True, f"{trials}; {self._tolerance(worst)}"),
            Check("inputs unchanged", True, f"byte for byte after each of {len(results)} trials"),
            Check("uninitialised memory", True, f"outputs agree under two poisons: {repeated}"),
            *self._order_check(repeated),
            Check("timed calls", True, f"the outputs of all {len(timed)} timed calls were checked"),
        ]
        checks += profile.sample_checks(timed)
        if self.problem.oracle is not None:
            source = f"expected outputs come from the kernel {self.problem.oracle.name}, not from a reference"
            checks.append(Check("oracle", True, source))
        return checks

    def _order_check(self, repeated: str) -> list[Check]:
        if "order" not in self.device.capabilities:
            return []
        return [Check(ORDER, True, f"outputs stay right with blocks and warps in another order: {repeated}")]

    def _sanitizer_check(self, sanitizer: Sanitizer | None) -> list[Check]:
        if sanitizer is None:
            return []
        covered, remarks = sanitizer.covered(), len(sanitizer.findings.remarks)
        looked = f"{', '.join(covered.looked_for)}: {len(covered.cases)} cases in {covered.runs} runs"
        return [Check("sanitizer", True, f"{looked}, none found{f'; {remarks} remarks' if remarks else ''}")]

    def _tolerance(self, worst: float) -> str:
        declared = self.problem.tolerance
        source = f"derived for {self.problem.compute_dtype}" if declared is None else f"declared: {declared.reason}"
        return f"largest error {worst:.3g} of the tolerance ({source})"

    def _rejected(self, dossier: Dossier, fault: Rejected, seconds: float) -> Verdict:
        diagnostics = fault.diagnostics or (dossier.image.diagnostics if dossier.image else ())
        return Verdict(
            dossier.candidate.id, self.device.name, fault.status, fault.feedback, checks=(*dossier.checks, fault.check),
            fault=fault.fault, diagnostics=diagnostics, image=_summary(dossier.image), seconds=seconds,
            **_found(dossier.sanitizer),
        )  # fmt: skip

    def _passed(self, dossier: Dossier, image: Image, results: list[TrialResult], seconds: float) -> Verdict:
        cases = profile.case_results(results, self.device, in_full=self.mode != "search")
        return Verdict(
            dossier.candidate.id, self.device.name, Status.PASSED, feedback.passed(cases, image),
            profile.score(results, cases), cases, tuple(dossier.checks), diagnostics=image.diagnostics,
            image=_summary(image), seconds=seconds, **_found(dossier.sanitizer),
        )  # fmt: skip

    @property
    def _file_name(self) -> str:
        return f"{self.problem.name}{self._language.suffix}"


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
    return f"the compiler refused it with {len(errors)} errors:\n{shown}"


def _found(sanitizer: Sanitizer | None) -> dict[str, Any]:
    """What a verdict says of the search for faults, if there was one."""
    if sanitizer is None:
        return {}
    found = sanitizer.findings
    return {"findings": found.errors, "remarks": found.remarks, "sanitizing": sanitizer.covered()}


def _summary(image: Image | None) -> dict[str, Any]:
    """What a verdict keeps of an image: sizes, not code."""
    if image is None:
        return {}
    kernels = [
        {
            "name": kernel.spelled, "symbol": kernel.name,
            "registers": kernel.registers, "spill_bytes": kernel.spill_bytes,
            "static_shared_bytes": kernel.static_shared_bytes, "dynamic_shared_bytes": kernel.dynamic_shared_bytes,
            "local_bytes": kernel.local_bytes,
        }
        for kernel in image.kernels
    ]  # fmt: skip
    return {"key": image.key, "arch": image.arch, "compiler": image.compiler, "kernels": kernels}
