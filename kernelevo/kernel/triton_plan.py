"""Reads the `# kernelevo:` comment lines of a Triton file into a Plan. The text may be a candidate's, hence hostile.

    plan 1
    launch kernel[grid](arguments, NAME=expression) [when(guard)]
    temp TYPE NAME[elements]
    zero NAME
    tune NAME value value ... [= start]

Comments are found by `tokenize`, parameters by `triton_heads.py`; the file is not imported here. Whatever the text,
reading it ends in bounded time with a Plan or a PlanError. docs/problem-format.md is the user's description.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernelevo.counting import counted
from kernelevo.kernel.directives import LogicalLine, PlanError, PragmaText
from kernelevo.kernel.expressions import Expression, parse, read
from kernelevo.kernel.plan import LaunchLine, Plan, TritonCall, TuneLine
from kernelevo.kernel.plan_lines import (
    Lines,
    expressions,
    read_guard,
    read_lines,
    read_temp,
    read_values,
    read_version,
    read_zero,
    refuse_twice,
)
from kernelevo.kernel.tokens import Cursor, SyntaxFault, Token
from kernelevo.kernel.triton_heads import OPTIONS, Head, HeadParameter, SourceText, read_heads, read_tokens

MARK = "# kernelevo:"
NUM_WARPS, NUM_STAGES = 4, 3
"""Triton's own values for a launch that gives none (CUDAOptions in triton/backends/nvidia/compiler.py)."""

TRUTH: Mapping[str, int] = {"True": 1, "False": 0}
"""Python's names of the two, which constants may be given."""

_MARK = re.compile(r"#[ \t]*kernelevo[ \t]*:")
_ONE = Expression.constant(1)
_BLOCK = parse("32 * num_warps")


def read_triton_plan(text: str, file_name: str, defines: Mapping[str, int] | None = None) -> Plan:
    """The plan of a Triton file's text; `defines` take the place of the starts of tuned names.

    Raises PlanError, whose message begins with file, line and column.
    """
    source = read_tokens(text)
    comments = list(_comments(source, file_name))
    launches: list[_Launch] = []
    starts: dict[str, int] = {}
    lines = _read(comments, launches, starts, file_name)
    macros = {tune.macro: starts[tune.macro] for tune in lines.tunes} | dict(defines or {})
    heads = read_heads(source)
    bound = {launch.place: _bind(launch, heads, macros, source, file_name) for launch in launches}
    steps = tuple(bound.get(index, step) for index, step in enumerate(lines.steps))
    if not launches and source.fault:
        raise _no_python(source.fault, file_name)
    if not launches:
        example = f"{MARK} launch kernel[grid](arguments, BLOCK=1024)"
        raise PlanError(f"no launch line says how to run the kernels; add `{example}`", file_name, 1, 1)
    _check_tunes(lines.tunes, [*bound.values()], lines, file_name)
    return Plan(steps, tuple(lines.temps), tuple(lines.tunes), macros)


def with_starts(text: str, values: Mapping[str, int]) -> str:
    """The text with these values as the starts of its tune lines."""
    plan = read_triton_plan(text, "candidate")
    lines = text.split("\n")
    for tune in plan.tunes:
        if tune.macro in values:
            bare = lines[tune.line - 1].split("=")[0].rstrip()
            lines[tune.line - 1] = f"{bare} = {values[tune.macro]}"
    return "\n".join(lines)


# Text -> lines.


def _comments(source: SourceText, file_name: str) -> Iterator[PragmaText]:
    """Every plan line, with those joined that a backslash continues."""
    comments = [token for token in source.tokens if token.type == tokenize.COMMENT]
    by_line = {token.start[0]: token for token in comments}
    for token in comments:
        mark = _MARK.match(token.string)
        if mark is None:
            continue
        row, column = token.start
        if token.line[:column].strip():
            message = "a plan line is a comment on a line of its own; move it there"
            raise PlanError(message, file_name, row, column + 1)
        joined = _joined(token, by_line)
        start = column + mark.end()
        yield PragmaText(joined.text[start:], start, joined)


def _joined(token: tokenize.TokenInfo, by_line: Mapping[int, tokenize.TokenInfo]) -> LogicalLine:
    row, column = token.start
    text, starts = " " * column + token.string.rstrip(), [(0, row)]
    while text.endswith("\\"):
        row += 1
        following = by_line.get(row)
        text = text[:-1]
        starts.append((len(text), row))
        if following is None or following.line[: following.start[1]].strip():
            break
        text += " " * (following.start[1] + 1) + following.string[1:].rstrip()
    return LogicalLine(text, tuple(starts))


@dataclass(frozen=True)
class _Launch:
    """A launch line before its arguments are bound to parameters; `place` is its index among the steps."""

    place: int
    kernel: str
    grid: tuple[Expression, ...]
    arguments: tuple[Expression, ...]
    keywords: Mapping[str, Expression]
    guard: Expression | None
    line: int


def _read(comments: Sequence[PragmaText], launches: list[_Launch], starts: dict[str, int], file_name: str) -> Lines:
    def launch(cursor: Cursor, line: int, lines: Lines) -> None:
        launches.append(_read_launch(cursor, line, len(lines.steps)))
        lines.steps.append(_unbound(launches[-1]))

    def tune(cursor: Cursor, line: int, lines: Lines) -> None:
        name = cursor.name("the name of a constant, num_warps or num_stages")
        refuse_twice(name, list(starts))
        values = read_values(cursor, name)
        starts[name.text] = cursor.number("the start") if cursor.accept("=") else values[0]
        lines.tunes.append(TuneLine(name.text, values, line))

    readers = {"plan": read_version, "launch": launch, "temp": read_temp, "zero": read_zero, "tune": tune}
    for comment in comments:
        _refuse_continued_tune(comment, file_name)
    return read_lines(comments, readers, MARK, file_name)


def _refuse_continued_tune(comment: PragmaText, file_name: str) -> None:
    if len(comment.line.starts) > 1 and comment.text.split(maxsplit=1)[:1] == ["tune"]:
        raise PlanError("a tune line does not go on in the next line; join them", file_name, *comment.line.place(0))


def _read_launch(cursor: Cursor, line: int, place: int) -> _Launch:
    kernel = cursor.name("the name of a @triton.jit function")
    start = cursor.expect("[").start
    grid = [read(cursor)]
    while cursor.accept(","):
        grid.append(read(cursor))
    cursor.expect("]")
    if len(grid) > 3:
        raise SyntaxFault(f"a grid has at most three sizes, not {len(grid)}", start)
    arguments, keywords = _read_arguments(cursor)
    guard = None
    if cursor.peek().kind != "end":
        word = cursor.take()
        if word.text != "when":
            raise SyntaxFault(f"expected when(...) but found {word}", word.start)
        guard = read_guard(cursor)
    return _Launch(place, kernel.text, tuple(grid), arguments, keywords, guard, line)


def _read_arguments(cursor: Cursor) -> tuple[tuple[Expression, ...], Mapping[str, Expression]]:
    arguments: list[Expression] = []
    keywords: dict[str, Expression] = {}
    cursor.expect("(")
    while not cursor.accept(")"):
        if arguments or keywords:
            cursor.expect(",")
            if cursor.accept(")"):
                break
        first: Token = cursor.peek()
        value = read(cursor)
        if cursor.accept("="):
            if value.name is None or value.name in keywords:
                raise SyntaxFault(f"`{value}` cannot be a keyword here; write NAME=value once", first.start)
            keywords[value.name] = read(cursor)
        elif keywords:
            raise SyntaxFault("an argument without a keyword follows one with; put it before", first.start)
        else:
            arguments.append(value)
    return tuple(arguments), keywords


# Lines -> a plan: arguments are bound to parameters as Python does.


def _unbound(launch: _Launch) -> LaunchLine:
    sizes = [*launch.grid, _ONE, _ONE]
    grid = (sizes[0], sizes[1], sizes[2])
    shared = Expression.constant(0)
    return LaunchLine(
        launch.kernel, grid, (_BLOCK, _ONE, _ONE), shared, launch.arguments, launch.guard, False, None, launch.line
    )


def _bind(
    launch: _Launch, heads: Mapping[str, Head], macros: Mapping[str, int], source: SourceText, file_name: str
) -> LaunchLine:
    line = _unbound(launch)
    head = _find_head(launch, heads, source, file_name)
    options = {
        name: launch.keywords.get(name, parse(name) if name in macros else Expression.constant(usual))
        for name, usual in (("num_warps", NUM_WARPS), ("num_stages", NUM_STAGES))
    }
    given = _given(launch, head, file_name)
    constants = {each.name: given.get(each.name) for each in head.parameters if each.is_constant}
    names = tuple(each.name for each in head.parameters if not each.is_constant)
    call = TritonCall(names, constants, options["num_warps"], options["num_stages"])
    return LaunchLine(
        line.kernel, line.grid, line.block, line.shared, tuple(given[name] for name in names), line.guard,
        line.cooperative, line.cluster, line.line, call,
    )  # fmt: skip


def _no_python(fault: tuple[str, int], file_name: str) -> PlanError:
    message, line = fault
    return PlanError(f"this is no Python: {message}; correct it", file_name, line, 1)


def _find_head(launch: _Launch, heads: Mapping[str, Head], source: SourceText, file_name: str) -> Head:
    head = heads.get(launch.kernel)
    if head is None and source.fault:
        raise _no_python(source.fault, file_name)
    if head is None:
        there = f"there are {', '.join(heads)}" if heads else "there are none"
        message = f"there is no @triton.jit function {launch.kernel} at the top level of the file; {there}"
        raise PlanError(message, file_name, launch.line, 1)
    if head.fault:
        raise PlanError(f"{launch.kernel} cannot be launched: {head.fault}", file_name, head.line, 1)
    return head


def _given(launch: _Launch, head: Head, file_name: str) -> dict[str, Expression]:
    """The value of every parameter that the launch gives one, by name."""

    def refuse(message: str) -> PlanError:
        return PlanError(f"launch of {launch.kernel}: {message}", file_name, launch.line, 1)

    names = [each.name for each in head.parameters]
    if len(launch.arguments) > len(names):
        raise refuse(f"it takes {counted(len(names), 'argument')}, and {len(launch.arguments)} are given")
    given = dict(zip(names, launch.arguments, strict=False))
    for name, value in launch.keywords.items():
        if name in OPTIONS:
            continue
        if name not in names:
            raise refuse(f"it has no parameter {name}; there are {', '.join([*names, *OPTIONS])}")
        if name in given:
            raise refuse(f"{name} is given twice; keep one")
        given[name] = value
    for each in head.parameters:
        if each.name not in given and not (each.is_constant and each.has_default):
            raise refuse(_missing(each))
    return given


def _missing(parameter: HeadParameter) -> str:
    what = f"constant {parameter.name}" if parameter.is_constant else f"parameter {parameter.name}"
    return f"its {what} has no value; add {parameter.name}=..."


def _check_tunes(tunes: Sequence[TuneLine], steps: Sequence[LaunchLine], lines: Lines, file_name: str) -> None:
    """A tuned name that nothing uses would be searched in vain."""
    used: set[str] = set().union(*(expression.names for _, expression in expressions(lines)))
    for step in steps:
        call = step.triton
        assert call is not None
        values = [call.num_warps, call.num_stages, *filter(None, call.constants.values()), *step.arguments]
        used |= set().union(*(value.names for value in values))
    for tune in tunes:
        if tune.macro not in used:
            message = f"no launch uses {tune.macro}; give it to a constant, as in `{tune.macro}={tune.macro}`"
            raise PlanError(message, file_name, tune.line, 1)
