"""Who acts: a model with an adapter, asked in one of three ways, under the settings of a harness.

A way of asking turns a judged attempt into a question, and a reply into a candidate. That of decisions is here; those
of whole programs, in one reply or in tool calls, are joined where what models are told is known (joining_programs.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kernelevo.decisions import STOP, Decision, DecisionSettings, Observation, decision_prompt, read_decision
from kernelevo.interfaces import Dialogue
from kernelevo.language_model import Prompt, Reply, Sampling, Stop
from kernelevo.learning import PolicyVersion
from kernelevo.learning_interfaces import TaskSession
from kernelevo.types import Attempt, Candidate

MOST_OBSERVED = 256
HOTTEST = 2.0
"""The highest temperature that a model is asked at (language_model.Sampling); a harness may say more."""
DECISION_TOKENS = 64
"""A decision is one line; a model of ours needs three tokens for it."""


@dataclass(frozen=True)
class Reading:
    """What a reply was found to hold: `outcome` is "made" with a candidate, or one word on what is missing; `blamed`
    says that it is missing by the policy's own fault, and so worth nothing. Unless it `ends` what was being said, the
    next question goes on from it.
    """

    outcome: str
    candidate: Candidate | None = None
    move: str = ""
    blamed: bool = False
    ends: bool = True


@dataclass(frozen=True)
class Said:
    """A reply of a conversation that goes on, and the attempt that it made, if it made one."""

    reply: Reply
    made: Attempt | None = None


MADE, STOPPED, UNREADABLE, ILLEGAL, NO_REPLY = "made", "stopped", "unreadable", "illegal", "no_reply"


class Way(Protocol):
    """How a model is asked about an attempt. `said` is what it has said of it already in the conversation that goes on;
    nothing, where one reply is all.
    """

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str],
        said: Sequence[Said] = (),
    ) -> Prompt | None:  # fmt: skip
        """The question; None where nothing can be made of this attempt. `made` are the ids of all that was made of the
        task.
        """
        ...

    def sampling(self) -> Sampling: ...

    def read(self, session: TaskSession, parent: Attempt, reply: Reply, said: Sequence[Said] = ()) -> Reading: ...


@dataclass(frozen=True)
class Policy:
    """A way of asking, the model behind it, and which version of what it is. `tells_children` says whether questions
    tell what was made of the parent, which has to be at hand then; `calls` how many replies a conversation may take.
    """

    version: PolicyVersion
    settings: DecisionSettings
    way: Way
    dialogue: Dialogue
    tells_children: bool = False
    calls: int = 1
    restart: Callable[[int, Mapping[str, int]], None] = lambda seed, asked: None
    """Begins a stream of replies anew, of a model that draws them from a seed (learning_interfaces.SeededModel)."""


def _leads_on(session: TaskSession, parent: Attempt, decision: Decision, made: Collection[str]) -> bool:
    if decision == STOP:
        return True
    candidate = session.apply(parent, decision)
    return candidate is not None and candidate.id not in made


class DecisionWay:
    """Shows the observation and reads one decision. What the task has seen already is left out: a policy that is sure
    of itself would say it again and again, and its searches would end with their evaluations unspent.
    """

    def __init__(self, settings: DecisionSettings) -> None:
        self._settings = settings
        self._observed: OrderedDict[tuple[object, ...], Observation] = OrderedDict()

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str],
        said: Sequence[Said] = (),
    ) -> Prompt | None:  # fmt: skip
        observation = self._observe(session, parent)
        options = tuple(one for one in observation.options if _leads_on(session, parent, one.decision, made))
        if all(option.decision == STOP for option in options):
            return None
        return decision_prompt(replace(observation, options=options))

    def _observe(self, session: TaskSession, parent: Attempt) -> Observation:
        """Once for a question and its replies, and for a parent that is asked about again soon."""
        score = parent.verdict.score
        key = (session.task, parent.candidate.id, score and score.value)
        if key not in self._observed:
            if len(self._observed) >= MOST_OBSERVED:
                self._observed.popitem(last=False)
            self._observed[key] = session.observe(parent, self._settings)
        self._observed.move_to_end(key)
        return self._observed[key]

    def sampling(self) -> Sampling:
        return Sampling(DECISION_TOKENS, min(self._settings.temperature, HOTTEST), log_probabilities=True)

    def read(self, session: TaskSession, parent: Attempt, reply: Reply, said: Sequence[Said] = ()) -> Reading:
        if reply.stop is not Stop.COMPLETE and not reply.text:
            return Reading(NO_REPLY)
        decision = read_decision(reply.text)
        if decision is None:
            return Reading(UNREADABLE, blamed=True)
        if decision == STOP:
            return Reading(STOPPED, move=str(STOP))
        legal = {option.decision for option in self._observe(session, parent).options}
        candidate = session.apply(parent, decision) if decision in legal else None
        if candidate is None:
            return Reading(ILLEGAL, move=str(decision), blamed=True)
        return Reading(MADE, candidate, str(decision))

