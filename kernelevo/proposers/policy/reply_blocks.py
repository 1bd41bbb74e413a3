"""How a model's reply is taken apart: fenced blocks, what stands outside of them, and what says that code was left out.

A reply is hostile text: it is read line by line, in time that grows with its length, and nothing of it is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kernelevo.wire.words import visible_line

LONGEST_SUMMARY = 100


@dataclass(frozen=True)
class Block:
    """`info` is what stands behind the opening fence; the last block of a text may not be `closed`."""

    info: str
    text: str
    closed: bool


def without_thinking(text: str) -> str:
    """Without what stands between <think> and </think>; if it does not end, all of it was thinking."""
    if not text.lstrip().startswith("<think>"):
        return text
    return text.partition("</think>")[2]


def blocks(text: str) -> Iterator[Block]:
    """Fenced blocks, as Markdown has them; the last one may not be closed."""
    fence, info, lines = "", "", list[str]()
    for line in text.split("\n"):
        mark = _fence(line)
        if not fence and mark:
            fence, info, lines = mark, line.strip()[len(mark) :].strip(), []
        elif fence and mark.startswith(fence) and line.strip() == mark:
            yield Block(info, "\n".join(lines) + "\n", closed=True)
            fence = ""
        elif fence:
            lines.append(line)
    if fence and any(line.strip() for line in lines):
        yield Block(info, "\n".join(lines).rstrip("\n") + "\n", closed=False)


def _fence(line: str) -> str:
    """The run of at least three ` or ~ that the line begins with, or nothing."""
    start = line.strip()
    for mark in "`~":
        length = len(start) - len(start.lstrip(mark))
        if length >= 3:
            return mark * length
    return ""


_ELISION = re.compile(
    r"(?://|#|/\*)[ \t]{0,8}(?:\.\.\.|…)"
    r"|(?://|#|/\*)[^\n]{0,120}"
    r"\b(?:rest of the (?:code|kernel|file)|remains? unchanged|same as before|existing code)\b",
    re.IGNORECASE,
)


def leaves_out(code: str) -> bool:
    """Whether a comment says that something stands there no more."""
    return any(_ELISION.search(line) for line in code.split("\n") if len(line) < 300)


def summary(text: str, none: str) -> str:
    """What stands after `Change:` at the beginning of a line outside of code, made visible and short; `none` where
    nothing does.
    """
    fence = ""
    for line in text.split("\n"):
        if mark := _fence(line):
            fence = "" if fence and mark.startswith(fence) else fence or mark
        elif not fence and line.strip(" *_#-").lower().startswith("change:"):
            words = " ".join(line.strip(" *_#-")[len("change:") :].split())[: 4 * LONGEST_SUMMARY].strip(" *_")
            shown = visible_line(words)
            return (shown if len(shown) <= LONGEST_SUMMARY else shown[: LONGEST_SUMMARY - 3] + "...") or none
    return none
