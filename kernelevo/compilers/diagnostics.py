"""Compiler messages as values, at positions of the user's file.

The front end writes `file(line): error #20-D: message`, then the source line indented by two, then a caret under the
column. nvcc's preprocessor is GCC's and writes `file:line:column: error: message`. ptxas writes `ptxas ..., line N;
error : message`, whose line is of the PTX, so that no position is given. The text is influenced by the candidate;
nothing is decided by it but what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Literal, cast

from kernelevo.types import Diagnostic

MOST_DIAGNOSTICS = 100
LONGEST_MESSAGE = 2000

_Severity = Literal["error", "warning", "note"]
_FRONT = re.compile(
    r"(?P<file>[^\n]{1,300}?)\((?P<line>\d{1,9})\): "
    r"(?P<severity>catastrophic error|error|warning|note|remark)\b(?: #[0-9-]{1,12}D?)?: (?P<message>.*)"
)
_GCC = re.compile(
    r"(?P<file>[^\n:]{1,300}):(?P<line>\d{1,9}):(?P<column>\d{1,9}): "
    r"(?P<severity>fatal error|error|warning|note): (?P<message>.*)"
)
_PTXAS = re.compile(r"ptxas .{0,200}?(?P<severity>fatal|error|warning) {1,5}: (?P<message>.*)")
_BARE = re.compile(r"(?:[\w .-]{1,40}: )?(?P<severity>fatal|error|warning) {0,5}: (?P<message>.*)")
_PLAN_LINE = re.compile(r"\s{0,200}#\s{0,20}pragma\s{1,20}kernelevo\b")
_CARET = re.compile(r"(?P<indent>[ \t]+)\^[ \t]*")
_SOURCE_INDENT = 2
_SEVERITIES = {"fatal": "error", "catastrophic error": "error", "fatal error": "error", "remark": "note"}


def parse_log(log: str) -> tuple[Diagnostic, ...]:
    """The messages of a compiler's log in its order, at most MOST_DIAGNOSTICS."""
    return tuple(islice(_messages(log.split("\n")), MOST_DIAGNOSTICS))


def _messages(lines: list[str]) -> Iterator[Diagnostic]:
    for at, line in enumerate(lines):
        bounded = line[: LONGEST_MESSAGE + 400]
        if _is_about_a_plan(bounded, lines[at + 1 : at + 2]):
            continue
        if front := _FRONT.fullmatch(bounded):
            yield Diagnostic(
                severity=_severity(front["severity"]),
                message=front["message"][:LONGEST_MESSAGE],
                file=front["file"],
                line=int(front["line"]),
                column=_column(lines, at + 1),
            )
        elif gcc := _GCC.fullmatch(bounded):
            message = gcc["message"][:LONGEST_MESSAGE]
            yield Diagnostic(_severity(gcc["severity"]), message, gcc["file"], int(gcc["line"]), int(gcc["column"]))
        elif bare := _PTXAS.fullmatch(bounded) or _BARE.fullmatch(bounded):
            yield Diagnostic(_severity(bare["severity"]), bare["message"][:LONGEST_MESSAGE])


def _is_about_a_plan(message: str, quoted: list[str]) -> bool:
    """Whether a compiler says that it does not know `#pragma kernelevo`, which is no news; other pragmas are."""
    if "unrecognized #pragma" in message:
        return bool(quoted) and _PLAN_LINE.match(quoted[0]) is not None
    return "ignoring" in message and "#pragma kernelevo" in message


def _severity(word: str) -> _Severity:
    return cast(_Severity, _SEVERITIES.get(word, word))


def _column(lines: list[str], at: int) -> int:
    """The column (1-based) of the caret that follows the quoted source line at `at`; 0 where there is none."""
    for line in lines[at : at + 4]:
        if not line or _FRONT.fullmatch(line[:LONGEST_MESSAGE]):
            return 0
        if caret := _CARET.fullmatch(line):
            return max(0, len(caret["indent"]) - _SOURCE_INDENT) + 1
    return 0
