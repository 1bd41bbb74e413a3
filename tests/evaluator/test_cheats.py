"""Cheats against the whole real path: compiler, wall, virtual device and evaluator; and honest kernels that must pass.

Hacks of host code (streams, threads, patched timers, caches between calls) cannot be written: a plan has no host code,
and every call has a device memory of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.evaluator import EvaluatorBench, EvaluatorContract
from evaluator.cheats import (
    BENCHMARKS,
    CHAINS,
    DECOYS,
    ENDLESS,
    HONEST,
    MEMORY,
    OUTPUTS,
    RACES,
    SHORTCUTS,
    TEXTS,
    UNSEEN,
    Kernel,
)

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.defences import ALL, Defences
from kernelevo.devices.virtual import VirtualDevice, open_virtual
from kernelevo.errors import NotInstalled, SandboxBroken
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.kernel.distributions import normal, wide
from kernelevo.kernel.problem import Problem, load_problem
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, Candidate, Status, Verdict

FEW = ("n=32", "n=33", "n=257", "n=1023")
KERNELS = Path(__file__).parent.parent.parent / "kernels"
BUDGET = Budget(60.0, 4 << 30, 10**9)
BUDGET_OF_ENDLESS = Budget(60.0, 4 << 30, 10**6)


class Judge:
    """The real parts, opened once."""

    def __init__(self) -> None:
        toolkit = find_toolkit()
        self.wall = Sandbox(toolkit.library, toolkit.read_only)
        self.compiler = NvrtcCompiler(self.wall, toolkit)
        self.device = open_virtual("virtual:h100", self.wall)
        self.problems = {
            name: load_problem(KERNELS / f"{name}.problem.py").with_cases([case]) for name, case in BENCHMARKS.items()
        }
        additions = self.problems["vector_add"]
        self.problems["few additions"] = Problem(
            additions.arguments, additions.reference, ["n=3000"], tests=FEW, inputs={"a": [normal(), wide()]}
        ).located(KERNELS / "vector_add.problem.py")

    def __call__(
        self, kernel: Kernel, budget: Budget = BUDGET, device: VirtualDevice | None = None, defences: Defences = ALL
    ) -> Verdict:
        problem, device = self.problems[kernel.problem], device or self.device
        evaluator = KernelEvaluator(problem, self.compiler, device, mode=kernel.mode, defences=defences)
        return evaluator.evaluate(Candidate(kernel.text), budget)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    try:
        made = Judge()
    except NotInstalled as missing:
        pytest.skip(f"the native part or the compiler is missing: {missing}")
    yield made
    made.wall.close()


def named(kernels: list[Kernel]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", kernels, ids=lambda kernel: kernel.name.replace(" ", "-"))


def require_caught(verdict: Verdict, kernel: Kernel) -> None:
    assert (verdict.status, verdict.score) == (kernel.status, None), verdict.feedback
    assert kernel.words in verdict.feedback
    assert "\x1b" not in verdict.feedback + repr(verdict.diagnostics)


@named(HONEST)
def test_an_honest_kernel_passes(judge: Judge, kernel: Kernel) -> None:
    verdict = judge(kernel)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert verdict.score is not None


def test_honest_kernels_pass_with_full_checks(judge: Judge) -> None:
    for kernel in {each.problem: each for each in HONEST}.values():
        verdict = judge(Kernel(kernel.name, kernel.problem, kernel.text, mode="final"))
        assert verdict.status is Status.PASSED, verdict.feedback
        assert "untimed runs on other distributions" in verdict.checks[2].detail


@named(CHAINS)
def test_an_honest_plan_of_several_kernels_passes(judge: Judge, kernel: Kernel) -> None:
    verdict = judge(kernel)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert verdict.checks[-1].name == "ablation" and verdict.checks[-1].passed


@named(DECOYS)
def test_a_kernel_that_makes_no_difference_is_a_decoy(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel), kernel)
    # The control: without ablation it would have passed.
    unguarded = judge(kernel, defences=ALL.without("ablation"))
    assert unguarded.status is Status.PASSED, unguarded.feedback


@named(OUTPUTS)
def test_outputs_that_are_not_computed_are_wrong(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel), kernel)


@named(SHORTCUTS)
def test_less_work_or_precision_than_asked_for_is_wrong(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel), kernel)


@named(MEMORY)
def test_memory_that_is_not_the_kernels_is_a_trap(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel), kernel)


@named(TEXTS)
def test_texts_and_plans_beyond_the_rules_are_refused_in_words(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel), kernel)


@named(ENDLESS)
def test_what_does_not_end_is_a_timeout(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel, BUDGET_OF_ENDLESS), kernel)


@named(RACES)
def test_results_that_depend_on_the_order_of_threads_are_a_race(judge: Judge, kernel: Kernel) -> None:
    require_caught(judge(kernel), kernel)


@named(UNSEEN)
def test_updates_that_no_order_of_turns_loses_are_a_race_in_full_checks(judge: Judge, kernel: Kernel) -> None:
    assert judge(kernel).status is kernel.status


class TestRealEvaluator(EvaluatorContract):
    @pytest.fixture
    def bench(self, judge: Judge) -> EvaluatorBench:
        evaluator = KernelEvaluator(judge.problems["vector_add"], judge.compiler, judge.device, mode="search")
        return EvaluatorBench(evaluator, Candidate(HONEST[0].text), Candidate(OUTPUTS[0].text))


class CorruptWall:
    """The real wall, whose answers to runs are spoilt on their way."""

    def __init__(self, wall: Sandbox, spoil: bytes) -> None:
        self._wall, self._spoil = wall, spoil

    def call(self, request: WallRequest, budget: Budget) -> WallAnswer:
        answer = self._wall.call(request, budget)
        return WallAnswer(answer.ended, answer.reason, answer.head.replace(b'"faults"', self._spoil), answer.blobs[:-1])

    def close(self) -> None:
        """The wall is another's."""


@pytest.mark.parametrize("spoil", [b'"fault_"', b'"faults"', b'"\xff\xfe"   '])
def test_a_spoilt_answer_is_our_fault_and_never_the_candidates(judge: Judge, spoil: bytes) -> None:
    device = open_virtual("virtual:h100", CorruptWall(judge.wall, spoil))
    with pytest.raises(SandboxBroken):
        judge(HONEST[0], device=device)
    assert judge(HONEST[0]).status is Status.PASSED
