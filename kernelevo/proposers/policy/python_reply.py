"""Finds in a model's reply the candidate of a domain whose candidates are programs in Python or pipelines. Every reply
has an outcome; only one of them is a candidate.

A reply is hostile text: it is read line by line, in time that grows with its length, and nothing of it is executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from kernelevo.language_model import Reply, Stop
from kernelevo.proposers.policy.program import LONGEST_REPLY
from kernelevo.proposers.policy.reply_blocks import Block, blocks, leaves_out, summary, without_thinking

NO_SUMMARY = "rewrote the program"


class Outcome(StrEnum):
    """What a reply holds."""

    PROGRAM = "program"
    PIPELINE = "pipeline"
    ELIDED = "elided"
    TRUNCATED = "truncated"
    NO_FUNCTION = "no_function"
    NO_CODE = "no_code"
    TOO_LARGE = "too_large"
    WITHHELD = "withheld"
    NOTHING = "nothing"

    @property
    def is_candidate(self) -> bool:
        return self in (Outcome.PROGRAM, Outcome.PIPELINE)


@dataclass(frozen=True)
class Written:
    """The outcome; with a candidate its text, and in a line what the model says it changed."""

    outcome: Outcome
    text: str = ""
    summary: str = NO_SUMMARY


@dataclass(frozen=True)
class Forms:
    """`is_program` tells whether a text defines the domain's function; `as_pipeline` gives a pipeline's text as it is
    always written, and nothing for a text that is none.
    """

    is_program: Callable[[str], bool]
    as_pipeline: Callable[[str], str]


def read_written(reply: Reply, forms: Forms) -> Written:
    """The last fenced block that is a program or a pipeline, or the reply itself if it is one."""
    if reply.stop is Stop.FILTERED:
        return Written(Outcome.WITHHELD)
    text = without_thinking(reply.text.replace("\r\n", "\n"))
    if not text.strip():
        return Written(Outcome.TRUNCATED if reply.stop in (Stop.LENGTH, Stop.CUT_OFF) else Outcome.NOTHING)
    if len(text) > LONGEST_REPLY:
        return Written(Outcome.TOO_LARGE)
    whole = reply.stop is Stop.COMPLETE
    found = [_read_block(block, forms, whole) for block in blocks(text)] or [_read_unfenced(text, forms, whole)]
    best = min(reversed(found), key=lambda each: _ORDER.index(each.outcome))
    return Written(best.outcome, best.text, summary(text, NO_SUMMARY))


_ORDER = (
    Outcome.PROGRAM, Outcome.PIPELINE, Outcome.ELIDED, Outcome.TRUNCATED, Outcome.NO_FUNCTION, Outcome.NO_CODE,
)  # fmt: skip
"""Of several blocks the one that came nearest to a program decides."""


def _read_block(block: Block, forms: Forms, whole: bool) -> Written:
    # A model that forgot the last fence has said all the same that it was done.
    return _read_code(block.text, forms, block.closed or whole)


def _read_unfenced(text: str, forms: Forms, whole: bool) -> Written:
    """The reply as a text of its own: from its first line of code on."""
    lines = text.split("\n")
    starts = ("import ", "from ", "def ", '"""', "@", "weigh ")
    first = next((number for number, line in enumerate(lines) if line.startswith(starts)), None)
    if first is None:
        return Written(Outcome.NO_CODE)
    return _read_code("\n".join(lines[first:]).rstrip("\n") + "\n", forms, whole)


def _read_code(code: str, forms: Forms, complete: bool) -> Written:
    if pipeline := forms.as_pipeline(code):
        return Written(Outcome.PIPELINE, pipeline)
    if not complete:
        return Written(Outcome.TRUNCATED)
    if not forms.is_program(code):
        return Written(Outcome.NO_FUNCTION)
    return Written(Outcome.ELIDED) if leaves_out(code) else Written(Outcome.PROGRAM, code)
