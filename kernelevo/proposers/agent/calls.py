"""Finds the tool call in a reply. Every reply is a call or has words for what is wrong with it.

    {"tool": "load_skill", "name": "coalescing"}          the first line; then nothing
    {"tool": "submit"}                                    the first line; then one fenced block with the whole file

Relaxed, the line may stand anywhere, and a reply with a kernel file and no call is a submission. A reply is hostile
text: arguments are short texts under known names, and what they name is looked up, never opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kernelevo.kernel.languages import Language
from kernelevo.language_model import Reply
from kernelevo.proposers.policy.program import LONGEST_REPLY, Outcome, Reading, read_program

LONGEST_ARGUMENT, LONGEST_LINE, MOST_LINES = 200, 2000, 4000
ARGUMENTS: Mapping[str, frozenset[str]] = {
    "read_profile": frozenset(),
    "read_diagnostics": frozenset(),
    "load_skill": frozenset(["name", "reference"]),
    "run_script": frozenset(["name", "script"]),
    "check_candidate": frozenset(),
    "submit": frozenset(),
}
WITH_PROGRAM = frozenset(["check_candidate", "submit"])


@dataclass(frozen=True)
class Call:
    """`program` is there for tools that take one."""

    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    program: Reading | None = None


@dataclass(frozen=True)
class Misread:
    """What the model is told of a reply that is no call; `outcome` is the word for the record."""

    why: str
    outcome: str = "no_call"


def read_call(reply: Reply, allowed: Sequence[str], relaxed: bool, language: Language) -> Call | Misread:
    text = _without_thinking(reply.text.replace("\r\n", "\n"))
    if len(text) > LONGEST_REPLY:
        return Misread(Outcome.TOO_LARGE.sentence, Outcome.TOO_LARGE.value)
    lines = text.strip().split("\n")
    found = _relaxed_line(lines) if relaxed else (0, _json(lines[0]))
    if found is None or found[1] is None:
        return _bare_program(reply, language) if relaxed else Misread("Its first line was no call in JSON.")
    line, plain = found
    problem = _problem(plain, allowed)
    if problem is not None:
        return Misread(problem)
    tool, arguments = str(plain["tool"]), {name: str(value) for name, value in plain.items() if name != "tool"}
    if tool not in WITH_PROGRAM:
        rest = "\n".join(lines[line + 1 :]).strip()
        return Misread("More than the call stood in it.") if rest and not relaxed else Call(tool, arguments)
    program = read_program(reply, language)
    if program.outcome is not Outcome.PROGRAM:
        return Misread(program.outcome.sentence, program.outcome.value)
    return Call(tool, arguments, program)


def _without_thinking(text: str) -> str:
    return text.partition("</think>")[2] if text.lstrip().startswith("<think>") else text


def _relaxed_line(lines: Sequence[str]) -> tuple[int, dict | None] | None:
    found = ((number, _json(line)) for number, line in enumerate(lines[:MOST_LINES]))
    return next(((number, plain) for number, plain in found if plain is not None and "tool" in plain), None)


def _json(line: str) -> dict | None:
    if not line.lstrip().startswith("{") or len(line) > LONGEST_LINE:
        return None
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _bare_program(reply: Reply, language: Language) -> Call | Misread:
    program = read_program(reply, language)
    if program.outcome is Outcome.PROGRAM:
        return Call("submit", {}, program)
    return Misread("It held no call in a line of JSON.")


def _problem(plain: Mapping[str, object], allowed: Sequence[str]) -> str | None:
    tool = plain.get("tool")
    if not isinstance(tool, str) or tool not in allowed:
        return f"There is no such tool; there are {', '.join(allowed)}."
    if wrong := sorted(plain.keys() - ARGUMENTS[tool] - {"tool"}):
        return f"{tool} takes {', '.join(sorted(ARGUMENTS[tool])) or 'no arguments'}, not {wrong[0][:50]!a}."
    values = [value for name, value in plain.items() if name != "tool"]
    if not all(isinstance(value, str) and len(value) <= LONGEST_ARGUMENT for value in values):
        return f"Arguments are texts of at most {LONGEST_ARGUMENT} characters."
    return None
