"""What a study judges anew when an arm's search is over: on another draw, and where the domain has twins of its tasks
on other data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernelevo.loop.judging import Court, Errand, Verifier
from kernelevo.loop.record import Record, Round
from kernelevo.loop.seeds import seed_of
from kernelevo.studies.figures import FAILED, Figures

if TYPE_CHECKING:
    from kernelevo.learning_interfaces import Backend


@dataclass(frozen=True)
class Anew:
    """Judges candidates of one arm with one seed."""

    backend: Backend
    record: Record
    court: Court
    seed: int

    def reward(self, task: str, name: str) -> float | None:
        """What is best of many was partly lucky."""
        (judged,) = self.court.judge([self._errand(task, name, "reward")])
        return judged.reward

    def figures(self, task: str, name: str | None, verifier: Verifier = "reward") -> Figures:
        """What the verdict tells beside the reward, where the domain tells anything, and whether it failed by its own
        fault: of what failed nothing else is told, and the means of the others must not hide it.
        """
        if name is None or not self.tells(task):
            return {}
        errand = self._errand(task, name, verifier)
        (judged,) = self.court.judge([errand])
        session: Any = self.court.session(errand.task)
        found: Figures = session.figures(self.court.verdict(judged))
        return found if judged.reward is None else {**found, FAILED: float(judged.reward == 0.0)}

    def reference(self, task: str) -> Figures:
        """What a known method comes to on the same data, where the domain has one."""
        seed = self._seed(task)
        session: Any = self.court.session(self._twin(task))
        return dict(session.references(seed)) if hasattr(session, "references") else {}

    def tells(self, task: str) -> bool:
        return hasattr(self.court.session(task), "figures")

    def _errand(self, task: str, name: str, verifier: Verifier) -> Errand:
        return Errand(self._twin(task), self.record.candidate(task, name), self._seed(task), verifier)

    def _twin(self, task: str) -> str:
        twin = getattr(self.backend, "twin", None)
        return task if twin is None else str(twin(task))

    def _seed(self, task: str) -> int:
        return seed_of(self.seed, "judged anew", task)


def first_candidate(rounds: list[Round], task: str) -> str | None:
    """The first that a search made of a task, or its start where it made none."""
    made = (step.candidate for each in rounds for step in each.steps if step.task == task and step.candidate)
    starts = (start.candidate for each in rounds for start in each.starts if start.task == task)
    return next(made, next(starts, None))
