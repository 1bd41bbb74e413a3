"""An agent over a script, for tests."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from policy.made import KERNEL, ROOT, passed, task, variant

from kernelevo.harness import Harness, read_harness
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.models.budget import TokenBudget
from kernelevo.models.recorded import CallTime, RecordedModel
from kernelevo.models.scripted import ScriptedModel
from kernelevo.proposers.agent import AgentProposer
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Attempt, Candidate

START = passed(Candidate(KERNEL))
NOTHING: frozenset[str] = frozenset()
USAGE = Usage(100, 50)


def call(tool: str, **arguments: str) -> str:
    return json.dumps({"tool": tool, **arguments})


def given(tool: str, number: int) -> str:
    return f"{call(tool)}\nChange: variant {number}\n```cuda\n{variant(number)}```\n"


def harness(replies: int = 1, **tools: object) -> Harness:
    """The shipped one with tools on, and its skills on demand; `replies` conversations at a time."""
    own = read_harness(ROOT / "harness" / "default")
    settings = dataclasses.replace(own.dialogue.tools, on=True, **tools)
    dialogue = dataclasses.replace(
        own.dialogue, inline=(), on_demand=own.dialogue.inline, tools=settings, replies=replies
    )
    return dataclasses.replace(own, dialogue=dialogue)


def printed(name: str, text: str, given: str) -> str:
    """What the wall would answer, in words of its own."""
    return f"{name} ran on {len(given)} characters: {text}"


@dataclasses.dataclass
class Agent:
    model: ScriptedModel
    store: MemoryStore
    proposer: AgentProposer
    judged: list[Attempt]

    def shown(self) -> str:
        """The last message of the last question."""
        return self.model.asked[-1].messages[-1].text


def agent(
    *replies: str, store: MemoryStore | None = None, judged: Sequence[Attempt] = (), own: Harness | None = None,
    tokens: int = 10**9, usage: Usage = USAGE,
) -> Agent:  # fmt: skip
    store = MemoryStore() if store is None else store
    model = ScriptedModel([Reply(text, Stop.COMPLETE, usage) for text in replies])
    dialogue = RecordedModel(model, store, TokenBudget(tokens), CallTime(60.0, lambda: 1000.0))
    known = list(judged)

    def children(about: str) -> list[Attempt]:
        return [each for each in known if each.candidate.parent == about]

    return Agent(model, store, AgentProposer(dialogue, own or harness(), task(), children, printed), known)
