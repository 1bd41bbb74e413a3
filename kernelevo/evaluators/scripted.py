"""An evaluator for tests: gives the verdicts it was told to give, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable

from kernelevo.types import Budget, Candidate, Verdict


class ScriptedEvaluator:
    """`judge` makes a Verdict of a candidate, or raises. `asked` lists the candidates in the order in which they came.

    A verdict that names another candidate is a mistake in the script and raises ValueError.
    """

    def __init__(self, judge: Callable[[Candidate], Verdict]) -> None:
        self._judge = judge
        self.asked: list[Candidate] = []

    def evaluate(self, candidate: Candidate, budget: Budget) -> Verdict:
        self.asked.append(candidate)
        verdict = self._judge(candidate)
        if verdict.candidate != candidate.id:
            raise ValueError(f"the script judged {verdict.candidate}, but was asked about {candidate.id}")
        return verdict
