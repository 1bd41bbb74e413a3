"""A language model in the loop that writes whole kernels: what it is asked and how its replies are read are those of
`kernelevo optimize --model` (proposers/policy).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from kernelevo.kernel.languages import CUDA
from kernelevo.loop.policy import MADE, UNREADABLE, Reading
from kernelevo.proposers.policy import Outcome, TaskWords, policy_harness, read_program
from kernelevo.proposers.policy.prompt import build_prompt
from kernelevo.types import Attempt, Candidate

if TYPE_CHECKING:
    from kernelevo.harness import Harness
    from kernelevo.language_model import Prompt, Reply, Sampling
    from kernelevo.learning_interfaces import TaskSession

FILE_NAME = "kernel.cu"
BAND = 0.05
"""Times of the virtual devices that differ by less are told as equal; it decides nothing."""
_NOT_ITS_DOING = (Outcome.TRUNCATED, Outcome.WITHHELD)


class ProgramWay:
    """A loop.policy.Way: the prompt of the policy proposer about an attempt, and a whole CUDA file in the reply."""

    def __init__(self, harness: Harness, model: str) -> None:
        self._harness = policy_harness(harness)
        self._model = model

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str]
    ) -> Prompt | None:
        told = TaskWords(session.words(), CUDA, FILE_NAME, BAND)
        return build_prompt(self._harness, told, parent, children, [])

    def sampling(self) -> Sampling:
        return self._harness.sampling

    def read(self, session: TaskSession, parent: Attempt, reply: Reply) -> Reading:
        found = read_program(reply, CUDA)
        if found.outcome is not Outcome.PROGRAM:
            return Reading(found.outcome.value, blamed=found.outcome not in _NOT_ITS_DOING)
        origin = parent.candidate
        move = f"{self._model}: {found.summary}"
        try:
            candidate = Candidate(found.text, {}, "policy", origin.id, (*origin.moves, move))
        except ValueError:
            return Reading(UNREADABLE, blamed=True)
        return Reading(MADE, candidate, move)
