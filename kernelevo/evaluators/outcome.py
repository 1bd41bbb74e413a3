"""What a device's report says of the candidate: nothing, or the status it earned and the words for it.

    fault of kind unsupported         UNSUPPORTED: the device's lack, not the candidate's
    fault of kind invalid_launch      RULE_BROKEN: beyond the device's limits
    fault of kind race, missing_wait  RACE
    fault of kind budget, "budget"    TIMEOUT: the instruction budget
    "killed"                          TIMEOUT: a limit on time, memory or CPU; the reason is said
    any other fault                   TRAPPED

A kill for memory counts as TIMEOUT: the candidate outran its budget, as one that takes too long does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kernelevo.counting import counted
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.stopped import where_stopped
from kernelevo.types import Fault, Party, RunReport, SourceLine, Status
from kernelevo.wire.words import visible_line

_STATUSES = {
    "unsupported": Status.UNSUPPORTED,
    "invalid_launch": Status.RULE_BROKEN,
    "race": Status.RACE,
    "missing_wait": Status.RACE,
    "budget": Status.TIMEOUT,
}


def require_done(report: RunReport, case: str, text: str = "", file_name: str = "") -> None:
    """Raises Rejected unless the run came to its end; the fault then quotes its line of the candidate's text. A run
    that was stopped may have been of another case than `case`, if it says so.
    """
    if report.ended == "done":
        return
    if report.fault is not None:
        status = status_of(report.fault)
        fault = quote(report.fault, text, file_name)
        raise Rejected(status, "run", describe(fault, case), fault, cases=(case,))
    limit = "its budget of instructions" if report.ended == "budget" else "its budget of time or memory"
    reason = f" ({report.reason})" if report.reason else ""
    where = where_stopped(report)
    stood = quote(where, text, file_name) if where else None
    cases = stood.cases if stood and stood.cases else (case,)
    told = f"{_told(cases)}: the run was stopped at {limit}{reason}"
    raise Rejected(Status.TIMEOUT, "run", "\n".join([told, *_stood(stood)]), stood, cases=cases)


def _told(cases: Sequence[str]) -> str:
    return f"case {cases[0]}" if len(cases) == 1 else f"one of the cases {', '.join(cases)}"


def _stood(stood: Fault | None) -> Iterator[str]:
    """Where a run was when it was stopped."""
    if stood is None:
        return
    words = f": {stood.message}" if stood.message else ""
    yield f"  in {stood.kernel}{words}"
    if stood.source.line:
        yield f"  at {_place(stood.source, stood.text)}"
    if stood.instruction:
        yield f"  block {stood.block}, thread {stood.thread}, instruction {stood.instruction}"


def status_of(fault: Fault) -> Status:
    """The status that a candidate with this fault has earned."""
    return _STATUSES.get(fault.kind, Status.TRAPPED)


def quote(fault: Fault, text: str, file_name: str) -> Fault:
    """The fault with the text of its source line, and of the other party's, where these are lines of the candidate's
    own file.
    """
    # As a compiler counts them: str.splitlines would also end a line at a form feed and at U+2028.
    lines = text.split("\n")
    others = tuple(replace(other, text=_line(other.source, lines, file_name)) for other in fault.others)
    return replace(fault, text=_line(fault.source, lines, file_name), others=others)


def _line(source: SourceLine, lines: Sequence[str], file_name: str) -> str:
    if source.file != file_name or not 0 < source.line <= len(lines):
        return ""
    return visible_line(lines[source.line - 1].rstrip("\r"))


def describe(fault: Fault, case: str) -> str:
    """The fault in words: what, in which kernel, block and thread, at which source line, on which memory, and of a race
    the other party.
    """
    lines = [f"case {case}: {fault.kind}{f' in {fault.kernel}' if fault.kernel else ''}: {fault.message}"]
    if fault.source.line:
        lines.append(f"  at {_place(fault.source, fault.text)}")
    if fault.function and fault.function != fault.kernel:
        lines.append(f"  in function {fault.function}")
    # A card does not tell which thread it was.
    if fault.instruction or fault.function or any((*fault.block, *fault.thread)):
        lines.append(f"  block {fault.block}, thread {fault.thread}")
    if fault.bytes:
        whose = f", {fault.allocation} at offset {fault.offset}" if fault.allocation else ""
        lines.append(f"  access of {counted(fault.bytes, 'byte')} in {fault.space or 'generic'} memory{whose}")
    if fault.instruction:
        lines.append(f"  instruction {fault.instruction}")
    return "\n".join([*lines, *(_other(party) for party in fault.others)])


def _other(party: Party) -> str:
    where = f" at {_place(party.source, party.text)}" if party.source.line else f" by {party.instruction}"
    return f"  and {party.access} of block {party.block}, thread {party.thread}{where}"


def _place(source: SourceLine, text: str) -> str:
    return f"{source.file}:{source.line}{f': {text.strip()}' if text else ''}"
