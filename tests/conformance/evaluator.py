"""What every Evaluator keeps. Subclass `EvaluatorContract` and give it a fixture `bench` (a fresh `EvaluatorBench`)."""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.interfaces import Evaluator
from kernelevo.types import Budget, Candidate, Status

BUDGET = Budget(60.0, 1 << 30, 10**8)


@dataclass(frozen=True)
class EvaluatorBench:
    """An evaluator with a candidate that passes and one that is wrong."""

    evaluator: Evaluator
    right: Candidate
    wrong: Candidate


class EvaluatorContract:
    def test_a_right_candidate_passes_with_a_score_and_its_checks(self, bench: EvaluatorBench) -> None:
        verdict = bench.evaluator.evaluate(bench.right, BUDGET)
        assert verdict.status is Status.PASSED
        assert verdict.score is not None and verdict.score.value > 0 and verdict.score.device == verdict.device
        assert verdict.checks and all(check.passed and check.detail for check in verdict.checks)

    def test_a_wrong_candidate_is_a_value_with_words_and_no_score(self, bench: EvaluatorBench) -> None:
        verdict = bench.evaluator.evaluate(bench.wrong, BUDGET)
        assert verdict.status.blames_candidate
        assert verdict.score is None and not verdict.cases and verdict.feedback
        assert not all(check.passed for check in verdict.checks)

    def test_a_verdict_names_its_candidate(self, bench: EvaluatorBench) -> None:
        for candidate in (bench.right, bench.wrong):
            assert bench.evaluator.evaluate(candidate, BUDGET).candidate == candidate.id

    def test_one_verdict_does_not_colour_the_next(self, bench: EvaluatorBench) -> None:
        statuses = [
            bench.evaluator.evaluate(each, BUDGET).status
            for each in (bench.wrong, bench.right, bench.wrong, bench.right)
        ]
        assert statuses[0] is statuses[2] and statuses[1] is statuses[3] is Status.PASSED
