"""`kernelevo check`: one kernel, judged for a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console

from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.report import verdict_json
from kernelevo.report_table import open_console
from kernelevo.report_verdict import print_verdict


def check(
    context: typer.Context,
    kernel: opt.Kernel,
    problem: opt.ProblemFile = None,
    device: opt.DeviceName = None,
    case: opt.Cases = None,
    as_json: opt.AsJson = False,
    seed: opt.Seed = None,
    compiler: opt.CompilerName = "nvrtc",
    include: opt.Includes = None,
    define: opt.Defines = None,
    standard: opt.Standard = None,
    unsafe: opt.Unsafe = False,
) -> None:
    """Judge one kernel with all checks: is it right, and how fast?

    \b
    Example: kernelevo check best/softmax.cu --problem kernels/softmax.problem.py

    Exit code 0 if every check passed, 1 if one failed, 2 for bad input, 3 if this machine failed, 4 if the device
    cannot tell.
    """
    _judge(context, kernel, as_json, lambda console, judged: print_verdict(console, judged.verdict))


def _judge(context: typer.Context, kernel: Path, as_json: bool, show: Callable[[Console, run.Judged], None]) -> None:
    state = opt.State.of(context)
    request, why = opt.read_request(context, kernel)
    judged = run.judge(request, state.settings, state.joints, opt.announcer(as_json), why)
    verdict = judged.verdict
    if as_json:
        state.print_json(verdict_json(verdict, judged.floors))
    elif verdict.score is None:
        print_verdict(open_console(state.settings.plain), verdict)
    else:
        show(open_console(state.settings.plain), judged)
    raise typer.Exit(opt.exit_code(verdict))
