"""Finds the kernel file in a model's reply. Every reply has an outcome; only one of them is a program.

A reply is hostile text: it is read line by line, in time that grows with its length, and nothing of it is executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kernelevo.kernel.languages import CUDA, Language
from kernelevo.language_model import Reply, Stop
from kernelevo.proposers.policy.reply_blocks import Block, blocks, leaves_out, summary, without_thinking

MOST_BYTES = 1 << 17
LONGEST_REPLY = 8 * MOST_BYTES
"""Characters of a reply, without what the model thought: a longer one is not searched for a file."""
NO_SUMMARY = "rewrote the kernel"


class Outcome(StrEnum):
    """What a reply holds."""

    PROGRAM = "program"
    NO_CODE = "no_code"
    NO_KERNEL = "no_kernel"
    NO_PLAN = "no_plan"
    TRUNCATED = "truncated"
    DIFF = "diff"
    ELIDED = "elided"
    TOO_LARGE = "too_large"
    WITHHELD = "withheld"
    NOTHING = "nothing"

    @property
    def sentence(self) -> str:
        """What the model is told of it."""
        return _SENTENCES[self]


_SENTENCES = {
    Outcome.PROGRAM: "It holds a kernel file.",
    Outcome.NO_CODE: "It held no code. Give the whole kernel file in one fenced block.",
    Outcome.NO_KERNEL: "Its code held no kernel. Give the whole kernel file in one fenced block.",
    Outcome.NO_PLAN: "Its file had no launch line. Keep the plan's lines, and change them where the launch changes.",
    Outcome.TRUNCATED: "It ended before the file did. Say less around it, and give a shorter file.",
    Outcome.DIFF: "It held a difference. Give the whole kernel file, not what changes.",
    Outcome.ELIDED: "Its file left parts out. Write every line of the file; nothing is filled in.",
    Outcome.TOO_LARGE: f"Its file was larger than {MOST_BYTES:,} bytes. Give a shorter one.",
    Outcome.WITHHELD: "It was withheld or refused.",
    Outcome.NOTHING: "It held nothing at all.",
}


@dataclass(frozen=True)
class Reading:
    """The outcome; with PROGRAM the text of the file, and in a line what the model says it changed."""

    outcome: Outcome
    text: str = ""
    summary: str = NO_SUMMARY


def read_program(reply: Reply, language: Language) -> Reading:
    """What the reply holds: the last fenced block that is a kernel file with its plan, or the reply itself if it is
    one.
    """
    if reply.stop is Stop.FILTERED:
        return Reading(Outcome.WITHHELD)
    text = without_thinking(reply.text.replace("\r\n", "\n"))
    if not text.strip():
        return Reading(Outcome.TRUNCATED if reply.stop in (Stop.LENGTH, Stop.CUT_OFF) else Outcome.NOTHING)
    if len(text) > LONGEST_REPLY:
        return Reading(Outcome.TOO_LARGE)
    whole = reply.stop is Stop.COMPLETE
    fenced = list(blocks(text))
    found = [_read_block(block, language, whole) for block in fenced] or [_read_unfenced(text, language, whole)]
    best = min(reversed(found), key=lambda reading: _ORDER.index(reading.outcome))
    if best.outcome is not Outcome.PROGRAM:
        return best
    return Reading(Outcome.PROGRAM, best.text, summary(text, NO_SUMMARY))


_ORDER = (
    Outcome.PROGRAM, Outcome.TOO_LARGE, Outcome.ELIDED, Outcome.TRUNCATED, Outcome.DIFF, Outcome.NO_PLAN,
    Outcome.NO_KERNEL, Outcome.NO_CODE,
)  # fmt: skip
"""Of several blocks the one that came nearest to a program decides."""


def _read_block(block: Block, language: Language, whole: bool) -> Reading:
    if _is_diff(block.text, block.info):
        return Reading(Outcome.DIFF)
    # A model that forgot the last fence has said all the same that it was done.
    complete = block.closed or (whole and _balanced(block.text, language))
    return _read_code(block.text, language, complete)


def _read_unfenced(text: str, language: Language, whole: bool) -> Reading:
    """The reply as a file of its own: from its first line of code on."""
    if _is_diff(text, ""):
        return Reading(Outcome.DIFF)
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if _begins_code(line, language)), None)
    if first is None:
        return Reading(Outcome.NO_CODE)
    last = len(lines)
    if language is CUDA:  # what is said after the last brace is no code
        last = max((number for number, line in enumerate(lines, 1) if "}" in line), default=len(lines))
    code = "\n".join(lines[first:last]) + "\n"
    return _read_code(code, language, whole and _balanced(code, language))


def _read_code(code: str, language: Language, complete: bool) -> Reading:
    if not _has_kernel(code, language):
        return Reading(Outcome.NO_KERNEL if complete else Outcome.TRUNCATED)
    if not complete:
        return Reading(Outcome.TRUNCATED)
    if len(code.encode("utf-8", "replace")) > MOST_BYTES:
        return Reading(Outcome.TOO_LARGE)
    if leaves_out(code):
        return Reading(Outcome.ELIDED)
    if not any(_launches(line, language) for line in code.split("\n")):
        return Reading(Outcome.NO_PLAN)
    return Reading(Outcome.PROGRAM, code)


def _has_kernel(code: str, language: Language) -> bool:
    return "__global__" in code if language is CUDA else ".jit" in code


def _launches(line: str, language: Language) -> bool:
    words = line.split()
    head = ["#pragma", "kernelevo", "launch"] if language is CUDA else ["#", "kernelevo:", "launch"]
    if language is CUDA and words[:2] == ["#", "pragma"]:
        words = ["#pragma", *words[2:]]
    return words[:3] == head


def _begins_code(line: str, language: Language) -> bool:
    if language is CUDA:
        starts = ("#include", "#ifndef", "#define", "#pragma", "#if", "//", "/*", "extern", "template", "__global__")
        return line.startswith((*starts, "static", "namespace", "using ", "__device__", "constexpr"))
    return line.startswith(("import ", "from ", "@", "# kernelevo:", '"""'))


def _balanced(code: str, language: Language) -> bool:
    """Whether as many braces close as open; of Python nobody can tell so easily."""
    return language is not CUDA or code.count("{") == code.count("}")


def _is_diff(text: str, info: str) -> bool:
    if info.split(" ")[0].lower() in ("diff", "patch"):
        return True
    lines = text.split("\n")
    return any(line.startswith("@@ ") for line in lines) and any(line.startswith(("+", "-")) for line in lines)
