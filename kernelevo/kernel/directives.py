"""Preprocessor directives of a kernel file, as far as a launch plan needs them: which pragma lines are in force, and
integer macros.

This is a small, bounded reading of C's preprocessor: comments, raw strings, line continuations, `#define NAME
integer`, `#undef`, `#if/#ifdef/#ifndef/#elif/#else/#endif`. Included files are not read. A condition on names that
only the compiler knows (those with two leading underscores) is undecided: a pragma inside is an error, and a macro
defined inside has no value here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kernelevo.errors import BadInput
from kernelevo.kernel.expressions import Expression, ExpressionError, parse

MAX_CONDITIONALS = 64
"""Nesting of conditionals; deeper ones are refused rather than followed."""


class PlanError(BadInput):
    """The pragma lines of a kernel file cannot be read; the message begins with file, line and column (1-based)."""

    def __init__(self, message: str, file: str, line: int, column: int) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}")
        self.message, self.file, self.line, self.column = message, file, line, column

    def __reduce__(self) -> tuple[type[PlanError], tuple[str, str, int, int]]:
        """It must survive the way from a worker process."""
        return PlanError, (self.message, self.file, self.line, self.column)


@dataclass(frozen=True)
class LogicalLine:
    """A line after its continuations were joined, comments blanked; `starts` are offset and line number of each joined
    part.
    """

    text: str
    starts: tuple[tuple[int, int], ...]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (1-based) in the file of a character of `text`."""
        index = bisect_right([start for start, _ in self.starts], offset) - 1
        start, line = self.starts[index]
        return line, offset - start + 1


@dataclass(frozen=True)
class PragmaText:
    """What follows `#pragma kernelevo`, still unparsed; `offset` is where it begins in the line."""

    text: str
    offset: int
    line: LogicalLine


@dataclass(frozen=True)
class Directives:
    """The pragma lines in force, integer macros by name, which of them are guarded by #ifndef, and why others have no
    value.
    """

    pragmas: tuple[PragmaText, ...]
    macros: Mapping[str, int]
    guarded: frozenset[str]
    unknown: Mapping[str, str]


def read_directives(text: str, file_name: str, defines: Mapping[str, int]) -> Directives:
    """Follows the directives of `text` with `defines` given on the command line; raises PlanError."""
    reader = _Reader(file_name, dict(defines))
    for line in logical_lines(text):
        match = _DIRECTIVE.match(line.text)
        if match is not None:
            reader.directive(match.group("word"), match.group("rest"), match.start("rest"), line)
    reader.finish()
    return reader.result()


# Text -> logical lines.

_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(?P<word>[a-z]+)(?P<rest>.*)", re.DOTALL)

# Every alternative ends at the end of the text at the latest, so that an unterminated one costs one pass and not one
# per start.
_OPAQUE = re.compile(
    r"(?P<comment>//(?:\\\r?\n|[^\n])*|/\*.*?(?:\*/|\Z))"
    r'|(?P<raw>\bR"(?P<mark>[^()\\\s"]{0,16})\(.*?(?:\)(?P=mark)"|\Z))'
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*'?",
    re.DOTALL,
)


def without_comments(text: str) -> str:
    """The text with comments and raw strings blanked; every other character keeps its line and column."""
    return _OPAQUE.sub(_blank, text)


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Lines with continuations joined, without comments."""
    parts: list[str] = []
    starts: list[tuple[int, int]] = []
    length = 0
    for number, physical in enumerate(without_comments(text).split("\n"), 1):
        line = physical.rstrip("\r")
        starts.append((length, number))
        continues = line.rstrip(" \t").endswith("\\")
        parts.append(line.rstrip(" \t")[:-1] if continues else line)
        length += len(parts[-1])
        if not continues:
            yield LogicalLine("".join(parts), tuple(starts))
            parts, starts, length = [], [], 0
    if parts:
        yield LogicalLine("".join(parts), tuple(starts))


def _blank(match: re.Match[str]) -> str:
    if match.group("comment") is None and match.group("raw") is None:
        return match.group()
    return re.sub(r"[^\n]", " ", match.group())


# Directives.


@dataclass
class _Conditional:
    """An open #if: whether its present branch is in force (None: undecided), whether an earlier one was, and what it
    guards.
    """

    force: bool | None
    taken: bool | None
    guards: str
    place: tuple[int, int]
    after_else: bool = False


@dataclass
class _Reader:
    """Reads directives in order; the state is that of a preprocessor at the present line."""

    file_name: str
    given: dict[str, int]
    pragmas: list[PragmaText] = field(default_factory=list)
    bodies: dict[str, Expression] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    guarded: set[str] = field(default_factory=set)
    stack: list[_Conditional] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bodies.update({name: Expression.constant(value) for name, value in self.given.items()})

    def directive(self, word: str, rest: str, offset: int, line: LogicalLine) -> None:
        if word in ("if", "ifdef", "ifndef"):
            self._open(word, rest, line)
        elif word in ("elif", "else", "endif"):
            self._branch(word, rest, line)
        elif word == "define":
            self._define(rest)
        elif self._force() is False:
            return
        elif word == "undef":
            self._undefine(rest)
        elif word == "pragma":
            self._pragma(rest, offset, line)

    def finish(self) -> None:
        if self.stack:
            raise PlanError("this conditional has no #endif; add one", self.file_name, *self.stack[-1].place)

    def result(self) -> Directives:
        values = {}
        for name in self.bodies:
            value = self._resolve(name)
            if value is None:
                self.unknown.setdefault(name, f"`{self.bodies[name]}` is no integer constant")
            else:
                values[name] = value
        return Directives(tuple(self.pragmas), values, frozenset(self.guarded), dict(self.unknown))

    def _force(self) -> bool | None:
        forces = [conditional.force for conditional in self.stack]
        return False if False in forces else None if None in forces else True

    def _open(self, word: str, rest: str, line: LogicalLine) -> None:
        place = line.place(line.text.index("#"))
        if len(self.stack) >= MAX_CONDITIONALS:
            raise PlanError(
                f"conditionals are nested more than {MAX_CONDITIONALS} deep; flatten them", self.file_name, *place
            )
        name = _first_name(rest)
        if word == "if":
            holds = self._condition(rest)
        else:
            defined = self._is_defined(name)
            holds = defined if word == "ifdef" or defined is None else not defined
        self.stack.append(_Conditional(holds, holds, name if word == "ifndef" else "", place))

    def _branch(self, word: str, rest: str, line: LogicalLine) -> None:
        if not self.stack or (word != "endif" and self.stack[-1].after_else):
            place = line.place(line.text.index("#"))
            raise PlanError(f"#{word} without an #if before it; remove it or add the #if", self.file_name, *place)
        if word == "endif":
            self.stack.pop()
            return
        top = self.stack[-1]
        holds = True if word == "else" else self._condition(rest)
        top.force = _branch_force(top.taken, holds)
        top.taken = True if True in (top.taken, top.force) else None if None in (top.taken, top.force) else False
        top.guards = ""
        top.after_else = word == "else"

    def _define(self, rest: str) -> None:
        match = re.match(r"\s+([A-Za-z_][A-Za-z0-9_]*)(\(?)(.*)", rest, re.DOTALL)
        if match is None:
            return
        name, parenthesis, text = match.groups()
        if any(conditional.guards == name for conditional in self.stack):
            self.guarded.add(name)  # also where the guard hides the default, because the macro was given
        if self._force() is False:
            return
        reason = self._why_no_value(name, parenthesis, text.strip())
        if reason:
            self.unknown[name] = reason
            self.bodies.pop(name, None)
        else:
            self.bodies[name] = parse(text)

    def _why_no_value(self, name: str, parenthesis: str, text: str) -> str:
        if parenthesis:
            return "it is a macro with parameters"
        if self._force() is None:
            return "it is defined under a condition that only the compiler can decide"
        if name in self.unknown:
            return self.unknown[name]
        try:
            body = parse(text)
        except ExpressionError:
            return f"`{text[:40]}` is no integer constant"
        if not _is_closed(text):
            return f"`{text[:40]}` has no parentheses around it"
        if name in self.bodies and self.bodies[name] != body:
            return "it is defined more than once"
        return ""

    def _undefine(self, rest: str) -> None:
        name = _first_name(rest)
        if self.bodies.pop(name, None) is not None:
            self.unknown[name] = "it is undefined again"

    def _pragma(self, rest: str, offset: int, line: LogicalLine) -> None:
        match = re.match(r"\s+kernelevo\b", rest)
        if match is None:
            return
        if self._force() is None:
            message = (
                "this pragma is under a condition that only the compiler can decide; move it out of the conditional"
            )
            raise PlanError(message, self.file_name, *line.place(line.text.index("#")))
        self.pragmas.append(PragmaText(rest[match.end() :], offset + match.end(), line))

    def _is_defined(self, name: str) -> bool | None:
        if name in self.bodies:
            return True
        if name in self.unknown:
            return None if "condition" in self.unknown[name] else "undefined" not in self.unknown[name]
        return None if name.startswith("__") else False

    def _condition(self, text: str) -> bool | None:
        """Whether `#if text` holds; None if only the compiler can tell."""
        undecided = False

        def decide(match: re.Match[str]) -> str:
            nonlocal undecided
            defined = self._is_defined(match.group(1) or match.group(2))
            undecided |= defined is None
            return f" {int(bool(defined))} "

        spelled_out = re.sub(r"\bdefined\s*(?:\(\s*(\w+)\s*\)|(\w+))", decide, text)
        if undecided:
            return None
        try:
            expression = parse(spelled_out.strip())
            names = {name: self._value_in_condition(name) for name in expression.names}
            known = {name: value for name, value in names.items() if value is not None}
            return bool(expression.evaluate(known)) if len(known) == len(names) else None
        except ExpressionError:
            return None

    def _value_in_condition(self, name: str) -> int | None:
        if name in self.bodies:
            return self._resolve(name)
        return None if name in self.unknown or name.startswith("__") else 0

    def _resolve(self, name: str, depth: int = 0, known: dict[str, int | None] | None = None) -> int | None:
        """The value of a macro whose body may name others; None if it has none. `known` keeps what was found on the
        way: without it, macros that each name two others twice take a time exponential in their number.
        """
        known = {} if known is None else known
        if name not in known:
            known[name] = self._evaluated(name, depth, known)
        return known[name]

    def _evaluated(self, name: str, depth: int, known: dict[str, int | None]) -> int | None:
        body = self.bodies.get(name)
        if body is None or depth > MAX_CONDITIONALS:
            return None
        values = {}
        for inner in body.names:
            value = self._resolve(inner, depth + 1, known)
            if value is None:
                return None
            values[inner] = value
        try:
            return body.evaluate(values)
        except ExpressionError:
            return None


def _branch_force(taken: bool | None, holds: bool | None) -> bool | None:
    """Whether a later branch is in force, if an earlier one was (`taken`) and if its own condition holds."""
    if taken is True or holds is False:
        return False
    return None if taken is None or holds is None else True


def _first_name(text: str) -> str:
    match = re.match(r"\s*([A-Za-z_][A-Za-z0-9_]*)", text)
    return match.group(1) if match else ""


def _is_closed(text: str) -> bool:
    """Whether a macro's body means the same wherever it is put: one token, a negative number, or parentheses all
    around.
    """
    if re.fullmatch(r"-?\s*[0-9A-Za-z_]+", text):
        return True
    depth = 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return index == len(text) - 1
    return False
