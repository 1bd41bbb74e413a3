"""The lines that the plans of all languages have (`plan`, `temp`, `zero`, `tune`), and how a line is read.

A language (`pragmas.py` for CUDA, `triton_plan.py` for Triton) finds its lines in the text and adds a reader for
`launch`. The text may be a candidate's, hence hostile: every fault of it is a SyntaxFault at its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kernelevo.kernel import dtypes
from kernelevo.kernel.directives import PlanError, PragmaText
from kernelevo.kernel.expressions import FUNCTIONS, Expression, read
from kernelevo.kernel.plan import VERSION, LaunchLine, TempLine, TuneLine, ZeroLine
from kernelevo.kernel.tokens import Cursor, SyntaxFault, Token

DEVICE_NAMES = ("sms", "warp")
"""Names that expressions may use for the device: its streaming multiprocessors, and the lanes of a warp."""

MAX_LINES = 200
"""Plan lines in one file."""

MAX_TUNE_VALUES = 64
"""Values that one name may take."""


@dataclass
class Lines:
    """The lines read so far."""

    steps: list[LaunchLine | ZeroLine] = field(default_factory=list)
    temps: list[TempLine] = field(default_factory=list)
    tunes: list[TuneLine] = field(default_factory=list)


Reader = Callable[[Cursor, int, Lines], None]


def read_lines(texts: Sequence[PragmaText], readers: Mapping[str, Reader], mark: str, file_name: str) -> Lines:
    """Every line by the reader that its first word names; `mark` is what begins a line. Raises PlanError."""
    if len(texts) > MAX_LINES:
        line, column = texts[MAX_LINES].line.place(0)
        raise PlanError(f"a plan has at most {MAX_LINES} lines; remove some", file_name, line, column)
    lines = Lines()
    for text in texts:
        _read_line(text, readers, mark, file_name, lines)
    for temp in lines.temps:
        if temp.name in DEVICE_NAMES or temp.name in FUNCTIONS:
            message = f"'{temp.name}' has a meaning in expressions; name the scratch otherwise"
            raise PlanError(message, file_name, temp.line, 1)
    return lines


def _read_line(text: PragmaText, readers: Mapping[str, Reader], mark: str, file_name: str, lines: Lines) -> None:
    try:
        cursor = Cursor(text.text)
        word = cursor.name(f"one of {', '.join(readers)} after `{mark}`")
        if word.text not in readers:
            raise SyntaxFault(_unknown_word(word, readers), word.start)
        readers[word.text](cursor, text.line.place(0)[0], lines)
        cursor.finish()
    except SyntaxFault as fault:
        line, column = text.line.place(text.offset + fault.offset)
        raise PlanError(fault.message, file_name, line, column) from None


def _unknown_word(word: Token, readers: Mapping[str, Reader]) -> str:
    if word.text == "tensormap":
        return "tensormap is reserved for a later version of the plan; pass a plain pointer instead"
    return f"'{word.text}' is no line of a plan; there are {', '.join(readers)}"


def read_version(cursor: Cursor, line: int, lines: Lines) -> None:
    place = cursor.peek().start
    version = cursor.number("the version of the plan")
    if version != VERSION:
        raise SyntaxFault(
            f"this version of kernelevo reads plan {VERSION}, not plan {version}; install a newer one", place
        )


def read_temp(cursor: Cursor, line: int, lines: Lines) -> None:
    words = [cursor.name("the element type of the scratch")]
    while cursor.peek().kind == "name":
        words.append(cursor.take())
    if len(words) < 2:
        raise SyntaxFault(f"expected the name of the scratch but found {cursor.peek()}", cursor.peek().start)
    dtype = dtypes.find(" ".join(word.text for word in words[:-1]))
    if dtype is None:
        names = ", ".join(each.name for each in dtypes.DTYPES)
        raise SyntaxFault(
            f"'{' '.join(word.text for word in words[:-1])}' is no element type; there are {names}", words[0].start
        )
    cursor.expect("[")
    elements = read(cursor)
    cursor.expect("]")
    refuse_twice(words[-1], [temp.name for temp in lines.temps])
    lines.temps.append(TempLine(words[-1].text, dtype.name, elements, line))


def read_zero(cursor: Cursor, line: int, lines: Lines) -> None:
    lines.steps.append(ZeroLine(cursor.name("the name of a buffer").text, line))


def read_values(cursor: Cursor, name: Token) -> tuple[int, ...]:
    """Takes the integers of a tune line, up to its end or to an `=`."""
    values: list[int] = []
    while cursor.peek().kind != "end" and cursor.peek().text != "=":
        place = cursor.peek().start
        value = cursor.number("an integer")
        if value in values or len(values) == MAX_TUNE_VALUES:
            problem = f"{value} is there twice" if value in values else f"more than {MAX_TUNE_VALUES} values"
            raise SyntaxFault(f"{problem}; remove it", place)
        values.append(value)
    if not values:
        raise SyntaxFault(f"tune {name.text} names no value; add the values to try", name.start)
    return tuple(values)


def read_guard(cursor: Cursor) -> Expression:
    cursor.expect("(")
    guard = read(cursor)
    cursor.expect(")")
    return guard


def refuse_twice(name: Token, earlier: Sequence[str]) -> None:
    if name.text in earlier:
        raise SyntaxFault(f"'{name.text}' is declared twice; rename or remove one", name.start)


def expressions(lines: Lines) -> list[tuple[int, Expression]]:
    """Every expression of the lines, with its line."""
    found = [(temp.line, temp.elements) for temp in lines.temps]
    for step in lines.steps:
        if isinstance(step, LaunchLine):
            extra = [step.guard] if step.guard is not None else []
            parts = [*step.grid, *step.block, step.shared, *step.arguments, *(step.cluster or ()), *extra]
            found += [(step.line, expression) for expression in parts]
    return found
