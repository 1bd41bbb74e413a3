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

from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.kernel.directives import Directives, PlanError, read_directives
from kernelevo.kernel.expressions import Expression, read
from kernelevo.kernel.plan import LaunchLine, Plan, TuneLine
from kernelevo.kernel.plan_lines import (
    DEVICE_NAMES,
    Lines,
    Reader,
    expressions,
    read_guard,
    read_lines,
    read_temp,
    read_values,
    read_version,
    read_zero,
    refuse_twice,
)
from kernelevo.kernel.tokens import Cursor, SyntaxFault

__all__ = ["DEVICE_NAMES", "PlanError", "read_plan"]

_TEMPLATE_OPERATORS = frozenset(["<", ">", ",", "::", "*", "&", "(", ")", "+", "-", "/", ">>", "<<"])


def read_plan(text: str, file_name: str, defines: Mapping[str, int] | None = None) -> Plan:
    """The plan of a kernel file's text; `defines` are macros given to the compiler, and override `#ifndef` defaults.

    Raises PlanError, whose message begins with file, line and column.
    """
    directives = read_directives(text, file_name, defines or {})
    lines = read_lines(directives.pragmas, _READERS, "#pragma kernelevo", file_name)
    _check(lines, directives, file_name)
    return Plan(tuple(lines.steps), tuple(lines.temps), tuple(lines.tunes), dict(directives.macros))


def _read_launch(cursor: Cursor, line: int, lines: Lines) -> None:
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
            options.guard = read_guard(cursor)
        elif word.text == "cooperative":
            options.cooperative = True
        elif word.text == "cluster":
            options.cluster = _triple(cursor, "cluster")
        else:
            raise SyntaxFault(f"expected when(...), cooperative or cluster(...) but found {word}", word.start)
    return options


def _read_tune(cursor: Cursor, line: int, lines: Lines) -> None:
    macro = cursor.name("the name of a macro")
    refuse_twice(macro, [tune.macro for tune in lines.tunes])
    lines.tunes.append(TuneLine(macro.text, read_values(cursor, macro), line))


_READERS: Mapping[str, Reader] = {
    "plan": read_version,
    "launch": _read_launch,
    "temp": read_temp,
    "zero": read_zero,
    "tune": _read_tune,
}


def _check(lines: Lines, directives: Directives, file_name: str) -> None:
    """What no single line shows: there is a launch, tuned macros have a default, and used macros have a value."""
    if not any(isinstance(step, LaunchLine) for step in lines.steps):
        example = "#pragma kernelevo launch kernel<<<grid, block>>>(arguments)"
        raise PlanError(f"no launch line says how to run the kernels; add `{example}`", file_name, 1, 1)
    for tune in lines.tunes:
        _check_tune(tune, directives, file_name)
    for line, expression in expressions(lines):
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
