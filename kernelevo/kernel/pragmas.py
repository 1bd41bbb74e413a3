"""Reads the `#pragma kernelevo` lines of a kernel file into a Plan. The text may be a candidate's, hence hostile.

    plan 1
    launch kernel<<<grid, block[, shared]>>>(arguments) [when(guard)] [cooperative] [cluster(x[, y[, z]])]
    temp TYPE NAME[elements]
    zero NAME
    tune MACRO value value ...

A grid or block is an integer expression or `dim3(x[, y[, z]])`. `tensormap` is a reserved word. Whatever the text,
reading it ends in bounded time with a Plan or a PlanError. docs/problem-format.md is the user's description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kernelevo.kernel import dtypes
from kernelevo.kernel.directives import Directives, PlanError, PragmaText, read_directives
from kernelevo.kernel.expressions import FUNCTIONS, Expression, read
from kernelevo.kernel.plan import VERSION, LaunchLine, Plan, TempLine, TuneLine, ZeroLine
from kernelevo.kernel.tokens import Cursor, SyntaxFault, Token

__all__ = ["DEVICE_NAMES", "PlanError", "read_plan"]

DEVICE_NAMES = ("sms", "warp")
"""Names that expressions may use for the device: its streaming multiprocessors, and the lanes of a warp."""

MAX_LINES = 200
"""Pragma lines in one file."""

MAX_TUNE_VALUES = 64
"""Values that one macro may take."""

_TEMPLATE_OPERATORS = frozenset(["<", ">", ",", "::", "*", "&", "(", ")", "+", "-", "/", ">>", "<<"])


def read_plan(text: str, file_name: str, defines: Mapping[str, int] | None = None) -> Plan:
    """The plan of a kernel file's text; `defines` are macros given to the compiler, and override `#ifndef` defaults.

    Raises PlanError, whose message begins with file, line and column.
    """
    directives = read_directives(text, file_name, defines or {})
    if len(directives.pragmas) > MAX_LINES:
        line, column = directives.pragmas[MAX_LINES].line.place(0)
        raise PlanError(f"a plan has at most {MAX_LINES} lines; remove some", file_name, line, column)
    lines = _Lines()
    for pragma in directives.pragmas:
        _read_line(pragma, file_name, lines)
    _check(lines, directives, file_name)
    return Plan(tuple(lines.steps), tuple(lines.temps), tuple(lines.tunes), dict(directives.macros))


@dataclass
class _Lines:
    """The lines read so far."""

    steps: list[LaunchLine | ZeroLine] = field(default_factory=list)
    temps: list[TempLine] = field(default_factory=list)
    tunes: list[TuneLine] = field(default_factory=list)


def _read_line(pragma: PragmaText, file_name: str, lines: _Lines) -> None:
    try:
        cursor = Cursor(pragma.text)
        word = cursor.name(f"one of {', '.join(_READERS)} after `#pragma kernelevo`")
        if word.text not in _READERS:
            raise SyntaxFault(_unknown_word(word), word.start)
        _READERS[word.text](cursor, pragma.line.place(0)[0], lines)
        cursor.finish()
    except SyntaxFault as fault:
        line, column = pragma.line.place(pragma.offset + fault.offset)
        raise PlanError(fault.message, file_name, line, column) from None


def _unknown_word(word: Token) -> str:
    if word.text == "tensormap":
        return "tensormap is reserved for a later version of the plan; pass a plain pointer instead"
    return f"'{word.text}' is no line of a plan; there are {', '.join(_READERS)}"


def _read_version(cursor: Cursor, line: int, lines: _Lines) -> None:
    place = cursor.peek().start
    version = cursor.number("the version of the plan")
    if version != VERSION:
        raise SyntaxFault(
            f"this version of kernelevo reads plan {VERSION}, not plan {version}; install a newer one", place
        )


def _read_launch(cursor: Cursor, line: int, lines: _Lines) -> None:
    kernel = _kernel_name(cursor)
    cursor.expect("<<<")
    grid = _dim3(cursor)
    cursor.expect(",")
    block = _dim3(cursor)
    shared = read(cursor) if cursor.accept(",") else Expression.constant(0)
    if cursor.peek().text == ",":
        raise SyntaxFault(
            "a launch has no stream here: steps run in the order of their lines; remove it", cursor.peek().start
        )
    cursor.expect(">>>")
    arguments = _arguments(cursor)
    options = _options(cursor)
    lines.steps.append(
        LaunchLine(kernel, grid, block, shared, arguments, options.guard, options.cooperative, options.cluster, line)
    )


def _kernel_name(cursor: Cursor) -> str:
    """Takes `name`, `space::name` or `name<arguments>` up to `<<<`, and gives it as written."""
    first = cursor.name("the name of a kernel")
    end = first.end
    while cursor.peek().text != "<<<":
        token = cursor.take()
        if token.kind == "end" or (token.kind == "operator" and token.text not in _TEMPLATE_OPERATORS):
            raise SyntaxFault(f"expected '<<<' after the kernel's name but found {token}", token.start)
        end = token.end
    return cursor.text[first.start : end]


Dims = tuple[Expression, Expression, Expression]


def _dim3(cursor: Cursor) -> Dims:
    if cursor.peek().text != "dim3":
        return (read(cursor), Expression.constant(1), Expression.constant(1))
    cursor.take()
    return _triple(cursor, "dim3")


def _triple(cursor: Cursor, what: str) -> Dims:
    start = cursor.expect("(").start
    sizes = [read(cursor)]
    while cursor.accept(","):
        sizes.append(read(cursor))
    cursor.expect(")")
    if len(sizes) > 3:
        raise SyntaxFault(f"{what} has at most three sizes, not {len(sizes)}", start)
    sizes += [Expression.constant(1)] * (3 - len(sizes))
    return (sizes[0], sizes[1], sizes[2])


def _arguments(cursor: Cursor) -> tuple[Expression, ...]:
    cursor.expect("(")
    if cursor.accept(")"):
        return ()
    arguments = [read(cursor)]
    while cursor.accept(","):
        arguments.append(read(cursor))
    cursor.expect(")")
    return tuple(arguments)


@dataclass
class _Options:
    """What may follow the arguments of a launch."""

    guard: Expression | None = None
    cooperative: bool = False
    cluster: Dims | None = None


def _options(cursor: Cursor) -> _Options:
    options = _Options()
    seen: set[str] = set()
    while cursor.peek().kind != "end":
        word = cursor.take()
        if word.text in seen:
            raise SyntaxFault(f"'{word.text}' is given twice; keep one", word.start)
        seen.add(word.text)
        if word.text == "when":
            options.guard = _guard(cursor)
        elif word.text == "cooperative":
            options.cooperative = True
        elif word.text == "cluster":
            options.cluster = _triple(cursor, "cluster")
        else:
            raise SyntaxFault(f"expected when(...), cooperative or cluster(...) but found {word}", word.start)
    return options


def _guard(cursor: Cursor) -> Expression:
    cursor.expect("(")
    guard = read(cursor)
    cursor.expect(")")
    return guard


def _read_temp(cursor: Cursor, line: int, lines: _Lines) -> None:
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
    _refuse_twice(words[-1], [temp.name for temp in lines.temps])
    lines.temps.append(TempLine(words[-1].text, dtype.name, elements, line))


def _read_zero(cursor: Cursor, line: int, lines: _Lines) -> None:
    lines.steps.append(ZeroLine(cursor.name("the name of a buffer").text, line))


def _read_tune(cursor: Cursor, line: int, lines: _Lines) -> None:
    macro = cursor.name("the name of a macro")
    _refuse_twice(macro, [tune.macro for tune in lines.tunes])
    values: list[int] = []
    while cursor.peek().kind != "end":
        place = cursor.peek().start
        value = cursor.number("an integer")
        if value in values or len(values) == MAX_TUNE_VALUES:
            problem = f"{value} is there twice" if value in values else f"more than {MAX_TUNE_VALUES} values"
            raise SyntaxFault(f"{problem}; remove it", place)
        values.append(value)
    if not values:
        raise SyntaxFault(f"tune {macro.text} names no value; add the values to try", macro.start)
    lines.tunes.append(TuneLine(macro.text, tuple(values), line))


def _refuse_twice(name: Token, earlier: list[str]) -> None:
    if name.text in earlier:
        raise SyntaxFault(f"'{name.text}' is declared twice; rename or remove one", name.start)


_READERS: Mapping[str, Callable[[Cursor, int, _Lines], None]] = {
    "plan": _read_version,
    "launch": _read_launch,
    "temp": _read_temp,
    "zero": _read_zero,
    "tune": _read_tune,
}


def _check(lines: _Lines, directives: Directives, file_name: str) -> None:
    """What no single line shows: there is a launch, tuned macros have a default, and used macros have a value."""
    if not any(isinstance(step, LaunchLine) for step in lines.steps):
        example = "#pragma kernelevo launch kernel<<<grid, block>>>(arguments)"
        raise PlanError(f"no launch line says how to run the kernels; add `{example}`", file_name, 1, 1)
    for tune in lines.tunes:
        _check_tune(tune, directives, file_name)
    for temp in lines.temps:
        _check_name(temp, file_name)
    for line, expression in _expressions(lines):
        for name in sorted(expression.names & directives.unknown.keys()):
            raise PlanError(f"macro {name} has no value here, because {directives.unknown[name]}", file_name, line, 1)


def _check_tune(tune: TuneLine, directives: Directives, file_name: str) -> None:
    if tune.macro in directives.unknown:
        raise PlanError(
            f"macro {tune.macro} cannot be tuned, because {directives.unknown[tune.macro]}", file_name, tune.line, 1
        )
    if tune.macro not in directives.macros or tune.macro not in directives.guarded:
        default = f"`#ifndef {tune.macro}`, `#define {tune.macro} {tune.values[0]}`, `#endif`"
        message = f"macro {tune.macro} needs a default that can be overridden; add {default}"
        raise PlanError(message, file_name, tune.line, 1)


def _check_name(temp: TempLine, file_name: str) -> None:
    if temp.name in DEVICE_NAMES or temp.name in FUNCTIONS:
        raise PlanError(
            f"'{temp.name}' has a meaning in expressions; name the scratch otherwise", file_name, temp.line, 1
        )


def _expressions(lines: _Lines) -> list[tuple[int, Expression]]:
    found = [(temp.line, temp.elements) for temp in lines.temps]
    for step in lines.steps:
        if isinstance(step, LaunchLine):
            extra = [step.guard] if step.guard is not None else []
            parts = [*step.grid, *step.block, step.shared, *step.arguments, *(step.cluster or ()), *extra]
            found += [(step.line, expression) for expression in parts]
    return found
