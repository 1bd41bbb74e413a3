"""Asks a language model for changed kernels.

    what earlier replies about the parent hold and was not tried -> else one more question, and what that brings

It decides from the record alone: a reply that was paid for is used before another is asked for, also after the program
was killed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kernelevo.interfaces import Dialogue
from kernelevo.language_model import Stop, Turn
from kernelevo.proposers.policy.harness import PolicyHarness
from kernelevo.proposers.policy.program import Outcome, Reading, read_program
from kernelevo.proposers.policy.prompt import TaskWords, build_prompt, settled_text
from kernelevo.types import Attempt, Candidate

Children = Callable[[str], Sequence[Attempt]]
"""The judged attempts that were made of the candidate with this id, in the order of their proposal."""


class PolicyProposer:
    """`children` tells of what was tried; the dialogue is the model, on the record and within its budget."""

    name = "policy"

    def __init__(self, dialogue: Dialogue, harness: PolicyHarness, task: TaskWords, children: Children) -> None:
        self._dialogue = dialogue
        self._harness = harness
        self._task = task
        self._children = children

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        """At most `limit` untried programs that the model wrote for this parent, in the order of its replies. None if
        it has nothing new to say of it, or the budget allows no further question.

        Raises ModelFailed or BadInput if the model cannot be asked.
        """
        while True:
            made = self._made_of(parent)
            fresh = [candidate for candidate in made if candidate.id not in tried]
            if fresh:
                return fresh[:limit]
            if self._has_no_more(parent) or not self._ask(parent, limit):
                return []

    def _ask(self, parent: Attempt, limit: int) -> bool:
        """One more question; false if the budget allows none."""
        about = parent.candidate.id
        last = self._readings(self._dialogue.turns(about)[-1:])
        outcomes = [reading.outcome for reading in last]
        prompt = build_prompt(self._harness, self._task, parent, self._children(about), outcomes)
        asked = min(limit, self._harness.replies)
        return self._dialogue.ask(about, prompt, asked, self._harness.sampling) is not None

    def _made_of(self, parent: Attempt) -> list[Candidate]:
        """Every different program in the replies about the parent; what is read for the first time is recorded."""
        found: dict[str, Candidate] = {}
        for turn in self._dialogue.turns(parent.candidate.id):
            readings = self._readings([turn])
            made = self._candidates(parent, readings)
            if not turn.read:
                said = zip(turn.replies, readings, strict=True)
                outcomes = [reading.outcome.value for reply, reading in said if reply.stop is not Stop.EXHAUSTED]
                self._dialogue.note_reading(turn.number, outcomes, [candidate.id for candidate in made])
            for candidate in made:
                found.setdefault(candidate.id, candidate)
        return list(found.values())

    def _candidates(self, parent: Attempt, readings: Sequence[Reading]) -> list[Candidate]:
        """The programs but the parent's own."""
        own = settled_text(parent, self._task.language)
        origin, moves = parent.candidate.id, parent.candidate.moves
        programs = [one for one in readings if one.outcome is Outcome.PROGRAM and one.text.strip() != own.strip()]
        return [
            Candidate(
                one.text, proposer=self.name, parent=origin, moves=(*moves, f"{self._dialogue.model}: {one.summary}")
            )
            for one in programs
        ]

    def _readings(self, turns: Sequence[Turn]) -> list[Reading]:
        return [read_program(reply, self._task.language) for turn in turns for reply in turn.replies]

    def _has_no_more(self, parent: Attempt) -> bool:
        """Whether the last questions about the parent brought nothing new, or the model said that it has no more."""
        turns = self._dialogue.turns(parent.candidate.id)
        if turns and any(reply.stop in (Stop.EXHAUSTED, Stop.TOO_LONG) for reply in turns[-1].replies):
            return True
        known: set[str] = set()
        fruitless = 0
        for turn in turns:
            made = {candidate.id for candidate in self._candidates(parent, self._readings([turn]))}
            fruitless = 0 if made - known else fruitless + 1
            known |= made
        return fruitless >= self._harness.fruitless
