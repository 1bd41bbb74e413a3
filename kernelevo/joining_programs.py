"""A language model in the loop that writes whole kernels, in one reply or in tool calls: what it is asked and how its
replies are read are those of `kernelevo optimize --model` (proposers/policy, proposers/agent).
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from kernelevo.kernel.languages import CUDA
from kernelevo.language_model import Stop, Turn
from kernelevo.learning import CALLED
from kernelevo.loop.policy import MADE, UNREADABLE, Reading, Said
from kernelevo.proposers.agent.calls import Misread
from kernelevo.proposers.agent.conversation import Conversation
from kernelevo.proposers.agent.tools import NOT_JUDGED
from kernelevo.proposers.policy import Outcome, TaskWords, policy_harness, read_program
from kernelevo.proposers.policy.prompt import build_prompt
from kernelevo.types import Attempt, Candidate

if TYPE_CHECKING:
    from kernelevo.harness import Harness
    from kernelevo.language_model import Prompt, Reply, Sampling
    from kernelevo.learning_interfaces import TaskSession
    from kernelevo.proposers.agent.tools import Run

FILE_NAME = "kernel.cu"
BAND = 0.05
"""Times of the virtual devices that differ by less are told as equal; it decides nothing."""
_NOT_ITS_DOING = (Outcome.TRUNCATED, Outcome.WITHHELD)
_NO_ANSWER = (Stop.EXHAUSTED, Stop.TOO_LONG, Stop.FILTERED, Stop.CUT_OFF, Stop.LENGTH)


class ProgramWay:
    """A loop.policy.Way: the prompt of the policy proposer about an attempt, and a whole CUDA file in the reply."""

    def __init__(self, harness: Harness, model: str) -> None:
        self._harness = policy_harness(harness)
        self._model = model

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str],
        said: Sequence[Said] = (),
    ) -> Prompt | None:  # fmt: skip
        told = TaskWords(session.words(), CUDA, FILE_NAME, BAND)
        return build_prompt(self._harness, told, parent, children, [])

    def sampling(self) -> Sampling:
        return self._harness.sampling

    def read(self, session: TaskSession, parent: Attempt, reply: Reply, said: Sequence[Said] = ()) -> Reading:
        found = read_program(reply, CUDA)
        if found.outcome is not Outcome.PROGRAM:
            return Reading(found.outcome.value, blamed=found.outcome not in _NOT_ITS_DOING)
        return made_of(found.text, found.summary, self._model, parent)


def made_of(text: str, summary: str, model: str, parent: Attempt) -> Reading:
    """The candidate that a reply holds whole, with what the model says it changed as its move."""
    origin = parent.candidate
    move = f"{model}: {summary}"
    try:
        candidate = Candidate(text, {}, "policy", origin.id, (*origin.moves, move))
    except ValueError:
        return Reading(UNREADABLE, blamed=True)
    return Reading(MADE, candidate, move)


class AgentWay:
    """A loop.policy.Way in tool calls: each reply is one call, and the next question holds what it brought. A call that
    makes nothing costs no evaluation and is worth nothing by itself; a file to be checked, or submitted, is a candidate
    like any other.
    """

    def __init__(self, harness: Harness, model: str, run: Run) -> None:
        self._harness = harness
        self._model = model
        self._run = functools.cache(run)  # a conversation is read anew for each question, its scripts need not run anew

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str],
        said: Sequence[Said] = (),
    ) -> Prompt | None:  # fmt: skip
        known = {each.made.candidate.id: each.made for each in said if each.made is not None}
        return self._conversation(session, parent, said).prompt(lambda candidate: known.get(candidate.id, NOT_JUDGED))

    def sampling(self) -> Sampling:
        return policy_harness(self._harness).sampling

    def read(self, session: TaskSession, parent: Attempt, reply: Reply, said: Sequence[Said] = ()) -> Reading:
        conversation = self._conversation(session, parent, [*said, Said(reply)])
        last = conversation.exchanges[-1]
        if last.candidate is not None:
            return Reading(MADE, last.candidate, last.candidate.moves[-1], ends=conversation.ended)
        if isinstance(last.read, Misread):
            return Reading(last.outcome, blamed=reply.stop not in _NO_ANSWER, ends=conversation.ended)
        return Reading(f"{CALLED}{last.read.tool}", ends=conversation.ended)

    def _conversation(self, session: TaskSession, parent: Attempt, said: Sequence[Said]) -> Conversation:
        told = TaskWords(session.words(), CUDA, FILE_NAME, BAND)
        turns = [Turn(number, "", "", (each.reply,), True) for number, each in enumerate(said)]
        return Conversation(self._harness, told, parent, self._model, turns, self._run)
