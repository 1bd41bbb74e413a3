"""Launch lines of a plan as text that can be changed, and macro definitions for the top of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kernelevo.kernel.expressions import Expression
from kernelevo.kernel.plan import LaunchLine
from kernelevo.proposers.rules.syntax import Edits


@dataclass(frozen=True)
class LaunchText:
    """The parts of a launch line, each as the expression's text."""

    kernel: str
    grid: tuple[str, str, str]
    block: tuple[str, str, str]
    shared: str
    arguments: tuple[str, ...]
    guard: str | None
    cooperative: bool
    cluster: tuple[str, str, str] | None

    @classmethod
    def of(cls, line: LaunchLine) -> LaunchText:
        cluster = None if line.cluster is None else _texts(line.cluster)
        arguments = tuple(argument.text for argument in line.arguments)
        guard = None if line.guard is None else line.guard.text
        return cls(
            line.kernel,
            _texts(line.grid),
            _texts(line.block),
            line.shared.text,
            arguments,
            guard,
            line.cooperative,
            cluster,
        )

    def guarded(self, condition: str) -> LaunchText:
        """The line taken only where the condition holds too."""
        alone = condition if self.guard is None else f"{_closed(self.guard)} && {_closed(condition)}"
        return replace(self, guard=alone)

    def with_grid(self, x: str) -> LaunchText:
        return replace(self, grid=(x, *self.grid[1:]))

    def with_block(self, x: str) -> LaunchText:
        return replace(self, block=(x, *self.block[1:]))

    def __str__(self) -> str:
        shared = "" if self.shared == "0" else f", {self.shared}"
        line = (
            f"#pragma kernelevo launch {self.kernel}<<<{_extent(self.grid)}, {_extent(self.block)}{shared}>>>"
            f"({', '.join(self.arguments)})"
        )
        line += f" when({self.guard})" if self.guard is not None else ""
        line += " cooperative" if self.cooperative else ""
        return line + (f" cluster({', '.join(self.cluster)})" if self.cluster is not None else "")


def line_span(data: bytes, line: int) -> tuple[int, int]:
    """Start and end of a 1-based line, its continuations included, its line end excluded."""
    start = 0
    for _ in range(line - 1):
        start = data.index(b"\n", start) + 1
    end = start
    while True:
        end = data.find(b"\n", end)
        if end < 0:
            return start, len(data)
        if not data[:end].rstrip(b" \t\r").endswith(b"\\"):
            return start, end
        end += 1


def replace_launch(edits: Edits, line: LaunchLine, *texts: LaunchText) -> None:
    """Puts these launch lines where the old one stood; comments in it go to the end of the last."""
    start, end = line_span(edits.data, line.line)
    comments = re.findall(r"/\*.*?\*/|//[^\n]*", edits.data[start:end].decode(), re.DOTALL)
    edits.span(start, end, "  ".join(["\n".join(map(str, texts)), *(comment.rstrip() for comment in comments)]))


def add_launch_before(edits: Edits, line: LaunchLine, text: LaunchText) -> None:
    """Adds a launch line just before the one given, which becomes what is done where the new one's guard fails."""
    start, _ = line_span(edits.data, line.line)
    edits.insert(start, f"{text}\n")


def covered_items(count: str, block: str) -> str | None:
    """The items for which there is one thread each: E of `ceildiv(E, block)` or `(E + block - 1) / block`, or of `E`
    where blocks are single threads.
    """
    size = re.escape(block)
    for pattern in (
        rf"ceildiv\((.+),\s*\(?{size}\)?\)\Z",
        rf"\(\s*(.+?)\s*\+\s*{size}\s*-\s*1\s*\)\s*/\s*{size}\Z",
        rf"\(\s*(.+?)\s*\+\s*\(\s*{size}\s*-\s*1\s*\)\s*\)\s*/\s*{size}\Z",
    ):
        match = re.match(pattern, count.strip())
        if match is not None and _balanced(match.group(1)):
            return match.group(1).strip()
    return count if block == "1" else None


def multiplied(text: str, factor: str) -> str:
    """`text * factor`, shortened where one of them is 1."""
    if "1" in (text, factor):
        return text if factor == "1" else factor
    return f"{_closed(text)} * {_closed(factor)}"


def tuned_macro(name: str, value: int, values: tuple[int, ...]) -> str:
    """Lines that define a macro with a default, and the plan's line with the values it may take."""
    choices = " ".join(map(str, values))
    return f"#ifndef {name}\n#define {name} {value}\n#endif\n#pragma kernelevo tune {name} {choices}\n"


def _texts(extents: tuple[Expression, Expression, Expression]) -> tuple[str, str, str]:
    return extents[0].text, extents[1].text, extents[2].text


def _extent(texts: tuple[str, str, str]) -> str:
    if texts[1:] == ("1", "1"):
        return texts[0]
    used = texts if texts[2] != "1" else texts[:2]
    return f"dim3({', '.join(used)})"


def _closed(text: str) -> str:
    """The text in parentheses unless it is a single word, call or comparison that needs none."""
    return text if re.fullmatch(r"\w+|\w+\([^()]*\)", text) else f"({text})"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0 or (character == "," and depth == 0):
            return False
    return depth == 0
