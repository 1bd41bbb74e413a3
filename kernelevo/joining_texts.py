"""The agent that a domain brings along, in the loop: it is shown the harness's text for the domain and an attempt's,
and its reply is the next candidate, whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernelevo.harness import Harness, pipeline_file, read_harness
from kernelevo.language_model import Message, Prompt, Sampling, Stop
from kernelevo.learning import apart
from kernelevo.loop.policy import MADE, NO_REPLY, Reading, Said
from kernelevo.types import Attempt, Candidate

if TYPE_CHECKING:
    from kernelevo.language_model import Reply
    from kernelevo.learning_interfaces import TaskSession

MOST_TOKENS = 2000


@dataclass(frozen=True)
class TextWay:
    """A loop.policy.Way: `text` is what the harness has for the domain."""

    text: str
    model: str

    def prompt(
        self, session: TaskSession, parent: Attempt, children: Sequence[Attempt], made: Collection[str],
        said: Sequence[Said] = (),
    ) -> Prompt | None:  # fmt: skip
        return Prompt((Message("system", self.text), Message("user", parent.candidate.text)))

    def sampling(self) -> Sampling:
        return Sampling(MOST_TOKENS)

    def read(self, session: TaskSession, parent: Attempt, reply: Reply, said: Sequence[Said] = ()) -> Reading:
        if reply.stop is not Stop.COMPLETE or not reply.text:
            return Reading(NO_REPLY)
        move = f"{self.model}: wrote {len(reply.text.splitlines())} lines"
        origin = parent.candidate
        return Reading(MADE, Candidate(reply.text, {}, self.model, origin.id, (*origin.moves, move)), move)


def harness_text(harness: Path, backend: str) -> str:
    """The first pipeline that the harness in this folder has for this domain; nothing: its agent goes by the start."""
    return next(iter(apart(text_of(read_harness(harness), backend))), "")


def text_of(harness: Harness, backend: str) -> str:
    """All that it has for the agent of this domain."""
    return harness.files.get(pipeline_file(backend), "")
