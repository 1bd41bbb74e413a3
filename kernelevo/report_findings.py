"""What `kernelevo check --sanitize` prints: each finding as a block, the remarks, one line that sums up, and what was
not checked.

A block says what happened, on which memory, where in the source with a line around it, who the other party of a race
is, how often and in which cases it was seen, and what usually fixes it.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from kernelevo.counting import counted
from kernelevo.report_kinds import kind_of
from kernelevo.types import Dim3, Fault, Party, Sanitizing, SourceLine, Verdict

CONTEXT = 1
"""Source lines shown before and after the one that is meant."""
CASES = 3
"""Cases that a finding names; of more, how many there are."""


def print_findings(console: Console, verdict: Verdict, source: str, file_name: str, path: str) -> None:
    """All findings and remarks of a verdict; `source` is the candidate's text, which the device calls `file_name` and
    the user `path`.
    """
    text = _Source(source.split("\n"), file_name, path)
    for number, finding in enumerate(verdict.findings, 1):
        _print_block(console, f"[bold red]error {number}[/bold red]", finding, text)
    for number, remark in enumerate(verdict.remarks, 1):
        _print_block(console, f"[bold yellow]remark {number}[/bold yellow]", remark, text)
    if not verdict.findings and verdict.score is None:
        console.print(escape(verdict.feedback) + "\n", soft_wrap=True)
    status = f"[bold]{verdict.status.value}[/bold] on {verdict.device}: {verdict.status.sentence}"
    console.print(status, soft_wrap=not console.is_terminal)
    console.print(f"[bold]{escape(summary_line(verdict))}[/bold]", soft_wrap=not console.is_terminal)
    for words in verdict.sanitizing.not_checked if verdict.sanitizing else ():
        console.print(f"not checked: {escape(words)}", soft_wrap=not console.is_terminal)


def summary_line(verdict: Verdict) -> str:
    """Errors and remarks by kind, and what was run to find them."""
    found = [_counted(verdict.findings, "error"), *([_counted(verdict.remarks, "remark")] if verdict.remarks else [])]
    left_out = verdict.sanitizing.left_out if verdict.sanitizing else 0
    found += [f"{left_out} more left out (--max-findings)"] if left_out else []
    return f"{', '.join(found)}; {_covered(verdict.sanitizing)}"


def _covered(covered: Sanitizing | None) -> str:
    if covered is None:
        return "nothing was run"
    orders = f"{counted(covered.orders, 'order')} of threads"
    runs = f"{counted(len(covered.cases), 'case')} in {counted(covered.runs, 'run')}"
    return f"{runs}, {orders}, {_listed(covered.looked_for)}; took {covered.seconds:.1f} s"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counted(faults: Sequence[Fault], what: str) -> str:
    if not faults:
        return f"no {what}s"
    kinds = Counter(fault.kind for fault in faults)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{counted(len(faults), what)} ({listed})"


class _Source:
    """The candidate's lines, and how positions in it are called."""

    def __init__(self, lines: Sequence[str], file_name: str, path: str) -> None:
        self.lines, self.file_name, self.path = lines, file_name, path

    def place(self, source: SourceLine) -> str:
        file = self.path if source.file == self.file_name else source.file
        return f"{file}:{source.line}" if source.line else "no line known"

    def around(self, source: SourceLine) -> Iterator[tuple[int, str]]:
        """The lines around a position of the candidate's own file, with their numbers."""
        if source.file == self.file_name and 0 < source.line <= len(self.lines):
            for number in range(max(1, source.line - CONTEXT), min(len(self.lines), source.line + CONTEXT) + 1):
                yield number, _shown(self.lines[number - 1])


def _print_block(console: Console, head: str, fault: Fault, source: _Source) -> None:
    kind = kind_of(fault.kind)
    title = f"{head} [bold]{escape(kind.title)}[/bold]: {escape(fault.message)}"
    console.print(title, soft_wrap=not console.is_terminal)
    _say(console, f"at {source.place(fault.source)}{_in_function(fault)}")
    _print_lines(console, fault.source, source)
    for line in _facts(fault):
        _say(console, line)
    for other in fault.others:
        _say(console, f"the other party, {_party(fault, other, source)}")
        if other.source != fault.source:
            _print_lines(console, other.source, source)
        _say(console, _instruction(other.ptx_line, other.instruction))
    if fault.launched.line:
        _say(console, f"launched at {source.place(fault.launched)}")
    _say(console, _seen(fault))
    _say(console, f"fix: {kind.fix}", "green")
    console.print()


def _say(console: Console, words: str, style: str = "") -> None:
    """A line of a block; on a terminal it is folded, and indented as what it goes on from."""
    if console.is_terminal:
        words = textwrap.fill(words, console.width - 2, subsequent_indent="  ", break_on_hyphens=False)
    for line in words.split("\n"):
        console.print(f"  {escape(line)}", style=style, soft_wrap=True)


def _in_function(fault: Fault) -> str:
    """Where the kernel's own name does not say it."""
    return f" in {fault.function}" if fault.function and fault.function != fault.kernel else ""


def _print_lines(console: Console, position: SourceLine, source: _Source) -> None:
    """The line and its neighbours; a line that is too long for the screen is cut, so that it stays one line."""
    lines = list(source.around(position))
    width = len(str(lines[-1][0])) if lines else 0
    for number, text in lines:
        mark = ">" if number == position.line else " "
        console.print(
            escape(f"  {mark} {number:>{width}} | {text}"), no_wrap=True, overflow="ellipsis",
            style="bold" if mark == ">" else "dim",
        )  # fmt: skip


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text.expandtabs(4).rstrip())


def _facts(fault: Fault) -> Iterator[str]:
    yield f"kernel {fault.kernel}, {_thread(fault, fault.block, fault.thread)}"
    if fault.bytes:
        memory = f"{fault.space or 'generic'} memory"
        whose = f": {fault.allocation} at byte {fault.offset}" if fault.allocation else ""
        yield f"{counted(fault.bytes, 'byte')} of {memory} at {fault.address:#x}{whose}"
    if fault.instruction:
        yield _instruction(fault.ptx_line, fault.instruction)


def _instruction(ptx_line: int, instruction: str) -> str:
    return f"PTX line {ptx_line}: {instruction}"


def _thread(fault: Fault, block: Dim3, thread: Dim3) -> str:
    placed = fault.warp_and_lane(thread)
    warp = f" (warp {placed[0]}, lane {placed[1]})" if placed else ""
    return f"block {_point(block)}, thread {_point(thread)}{warp}"


def _point(index: Dim3) -> str:
    return f"({', '.join(map(str, index))})"


def _party(fault: Fault, other: Party, source: _Source) -> str:
    return f"{other.access} by {_thread(fault, other.block, other.thread)}, at {source.place(other.source)}"


def _seen(fault: Fault) -> str:
    times = "once" if fault.occurrences == 1 else f"{fault.occurrences:,} times"
    if len(fault.cases) > CASES:
        shown = f"{counted(len(fault.cases), 'case')}, such as {'; '.join(fault.cases[:CASES])}"
    else:
        shown = f"case{'s' * (len(fault.cases) > 1)} {'; '.join(fault.cases)}"
    return f"seen {times} in {shown}" if fault.cases else f"seen {times}"
