"""Asks a model for decisions instead of programs.

    what earlier replies about the parent decided and was not tried -> else one more question, and what that brings

A question shows the parent's observation with the decisions that are still open: what was tried, or answered before, is
left out. As in proposers/policy, everything is decided from the record: a reply that was given is used before another
is asked for, also after the program was killed in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kernelevo.decisions import STOP, Decision, DecisionSettings, Observation, decision_prompt, read_decision
from kernelevo.interfaces import Dialogue
from kernelevo.language_model import Reply, Sampling, Turn
from kernelevo.types import Attempt, Candidate

REPLY_TOKENS = 64
"""At most of one reply. A decision has three parts; a model that spells them out needs more tokens than `tiny`."""


class DecisionSite(Protocol):
    """What is asked of a task (a TaskSession, learning_interfaces.py, has both)."""

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation: ...

    def apply(self, attempt: Attempt, decision: Decision) -> Candidate | None: ...


@dataclass(frozen=True)
class _Read:
    """What a reply decided: an outcome in one word, and the candidate that a decision makes."""

    outcome: str
    candidate: Candidate | None = None


class DecideProposer:
    """The dialogue is the model, on the record and within its budget; `settings` are the harness's."""

    name = "decide"

    def __init__(self, dialogue: Dialogue, site: DecisionSite, settings: DecisionSettings) -> None:
        self._dialogue = dialogue
        self._site = site
        self._settings = settings
        self._sampling = Sampling(REPLY_TOKENS, settings.temperature, log_probabilities=True)

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        """At most `limit` untried candidates that the model decided on for this parent, in the order of its replies.
        None if it has nothing new to say of it, or the budget allows no further question.

        Raises ModelFailed or BadInput if the model cannot be asked.
        """
        while True:
            made = self._made_of(parent)
            fresh = [candidate for candidate in made if candidate.id not in tried]
            if fresh:
                return fresh[:limit]
            if self._has_no_more(parent) or not self._ask(parent, tried | {one.id for one in made}, limit):
                return []

    def _ask(self, parent: Attempt, known: frozenset[str], limit: int) -> bool:
        """One more question; false if nothing is left to decide, or the budget allows none."""
        observation = self._open(parent, known)
        if len(observation.options) < 2:
            return False
        prompt = decision_prompt(observation)
        count = min(limit, self._settings.samples)
        return self._dialogue.ask(parent.candidate.id, prompt, count, self._sampling) is not None

    def _open(self, parent: Attempt, known: frozenset[str]) -> Observation:
        """The observation with STOP and the decisions that make something new."""
        observation = self._site.observe(parent, self._settings)
        options = [one for one in observation.options if self._leads_on(parent, one.decision, known)]
        return replace(observation, options=tuple(options))

    def _leads_on(self, parent: Attempt, decision: Decision, known: frozenset[str]) -> bool:
        if decision == STOP:
            return True
        candidate = self._site.apply(parent, decision)
        return candidate is not None and candidate.id not in known

    def _made_of(self, parent: Attempt) -> list[Candidate]:
        """Every different candidate of the replies about the parent; what is read for the first time is recorded."""
        found: dict[str, Candidate] = {}
        for turn in self._dialogue.turns(parent.candidate.id):
            readings = self._readings(parent, turn)
            made = {one.candidate.id: one.candidate for one in readings if one.candidate is not None}
            if not turn.read:
                self._dialogue.note_reading(turn.number, [one.outcome for one in readings], list(made))
            found = {**made, **found}
        return list(found.values())

    def _readings(self, parent: Attempt, turn: Turn) -> list[_Read]:
        return [self._read(parent, reply) for reply in turn.replies]

    def _read(self, parent: Attempt, reply: Reply) -> _Read:
        decision = read_decision(reply.text)
        if decision is None:
            return _Read("no_decision")
        if decision == STOP:
            return _Read("stop")
        candidate = self._site.apply(parent, decision)
        if candidate is None:
            return _Read("not_legal")
        origin, moves = parent.candidate.id, (*parent.candidate.moves, str(decision))
        return _Read("program", replace(candidate, proposer=self.name, parent=origin, moves=moves))

    def _has_no_more(self, parent: Attempt) -> bool:
        """Whether the last questions about the parent, one and the harness's retries, brought nothing."""
        turns: Sequence[Turn] = self._dialogue.turns(parent.candidate.id)
        last = turns[-1 - self._settings.retries :]
        fruitless = [not any(one.candidate for one in self._readings(parent, turn)) for turn in last]
        return len(fruitless) > self._settings.retries and all(fruitless)
