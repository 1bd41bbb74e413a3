"""Asks a language model that works in tool calls for changed kernels.

    candidates of the record that were not tried -> else conversations go on until some make new ones

It judges nothing: a candidate to be checked goes to the search, which judges, charges and records it. Meanwhile other
conversations about the same attempt are begun, up to the harness's `replies`. Everything is decided from the record.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from kernelevo.harness import Harness
from kernelevo.interfaces import Dialogue
from kernelevo.language_model import Prompt, Stop, Turn
from kernelevo.proposers.agent import tools
from kernelevo.proposers.agent.conversation import Conversation, Judged
from kernelevo.proposers.policy.prompt import TaskWords
from kernelevo.types import Attempt, Candidate

Children = Callable[[str], Sequence[Attempt]]
"""The judged attempts that were made of the candidate with this id, in the order of their proposal."""


class AgentProposer:
    """`children` tells of what was tried; the dialogue is the model, on the record and within its budget; `run` runs
    scripts of skills behind the wall.
    """

    name = "agent"

    def __init__(
        self, dialogue: Dialogue, harness: Harness, task: TaskWords, children: Children, run: tools.Run
    ) -> None:  # fmt: skip
        self._dialogue = dialogue
        self._harness = harness
        self._task = task
        self._children = children
        # A conversation is read anew for each question, its scripts need not run anew.
        self._run = functools.cache(run)
        self._given: set[str] = set()

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        """At most `limit` untried candidates that conversations about this parent made, in their order. None if the
        model has nothing new to say of it, or the budget allows no further question.

        Raises ModelFailed or BadInput if the model cannot be asked.
        """
        fresh = self._fresh(parent, tried)
        if not fresh:
            wanted = min(limit, self._harness.dialogue.replies)
            while len(fresh) < wanted and self._go_on(parent, tried):
                fresh = self._fresh(parent, tried)
        self._given |= {candidate.id for candidate in fresh[:limit]}
        return fresh[:limit]

    def _fresh(self, parent: Attempt, tried: frozenset[str]) -> list[Candidate]:
        found: dict[str, Candidate] = {}
        for each in self._conversations(parent):
            for candidate in each.candidates:
                found.setdefault(candidate.id, candidate)
        return [candidate for name, candidate in found.items() if name not in tried and name != parent.candidate.id]

    def _conversations(self, parent: Attempt) -> list[Conversation]:
        found: list[Conversation] = []
        while turns := self._dialogue.turns(_about(parent, len(found))):
            found.append(self._conversation(parent, turns))
        return found

    def _conversation(self, parent: Attempt, turns: Sequence[Turn]) -> Conversation:
        return Conversation(self._harness, self._task, parent, self._dialogue.model, turns, self._run)

    def _go_on(self, parent: Attempt, tried: frozenset[str]) -> bool:
        """One more question in the first conversation that can go on, else in a new one, unless as many wait for
        verdicts as may be under way; false if none is asked.
        """
        conversations = self._conversations(parent)
        judged = self._judged(parent, tried)
        for number, each in enumerate(conversations):
            if not each.ended and (prompt := each.prompt(judged)) is not None:
                return self._ask(parent, number, each, prompt)
        waiting = sum(not each.ended for each in conversations)
        if waiting >= self._harness.dialogue.replies or self._has_no_more(conversations):
            return False
        new = self._conversation(parent, [])
        prompt = new.prompt(judged)
        return prompt is not None and self._ask(parent, len(conversations), new, prompt)

    def _ask(self, parent: Attempt, number: int, conversation: Conversation, prompt: Prompt) -> bool:
        turn = self._dialogue.ask(_about(parent, number), prompt, 1, self._harness.dialogue.sampling)
        if turn is None:
            return False
        last = self._conversation(parent, [*conversation.turns, turn]).exchanges[-1]
        exhausted = last.reply.stop is Stop.EXHAUSTED
        made = [] if last.candidate is None else [last.candidate.id]
        self._dialogue.note_reading(turn.number, [] if exhausted else [last.outcome], made)
        return True

    def _judged(self, parent: Attempt, tried: frozenset[str]) -> Judged:
        known = {child.candidate.id: child for child in self._children(parent.candidate.id)}

        def judged(candidate: Candidate) -> Attempt | str | None:
            if candidate.id in known:
                return known[candidate.id]
            waiting = candidate.id not in tried or candidate.id in self._given
            return None if waiting else tools.TRIED_ELSEWHERE

        return judged

    def _has_no_more(self, conversations: Sequence[Conversation]) -> bool:
        """Whether the last conversations brought nothing new, or the model said that it has no more."""
        if conversations and conversations[-1].has_no_more:
            return True
        known: set[str] = set()
        fruitless = 0
        for each in conversations:
            made = {candidate.id for candidate in each.candidates}
            fruitless = 0 if made - known else fruitless + 1
            known |= made
        return fruitless >= self._harness.dialogue.fruitless


def _about(parent: Attempt, number: int) -> str:
    """What a conversation is recorded under: the attempt, and which of the conversations about it."""
    return f"{parent.candidate.id}/{number}"
