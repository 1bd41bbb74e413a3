"""`kernelevo profile`: where a kernel's time goes."""

from __future__ import annotations

from typing import Annotated

import typer

from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.commands.profile_subjects import profile_of
from kernelevo.report import verdict_json
from kernelevo.report_profile import print_profile
from kernelevo.report_profile_json import profile_json
from kernelevo.report_table import open_console
from kernelevo.report_verdict import print_verdict

Ptx = Annotated[bool, typer.Option("--ptx", help="Show the PTX instructions under each hot source line.")]


def profile(
    context: typer.Context,
    kernel: opt.Kernel,
    problem: opt.ProblemFile = None,
    device: opt.DeviceName = None,
    case: opt.Cases = None,
    ptx: Ptx = False,
    as_json: opt.AsJson = False,
    seed: opt.Seed = None,
    compiler: opt.CompilerName = "nvrtc",
    include: opt.Includes = None,
    define: opt.Defines = None,
    standard: opt.Standard = None,
    unsafe: opt.Unsafe = False,
) -> None:
    """Show where a kernel's time goes: counters, what limits it, and its hottest source lines.

    \b
    Example: kernelevo profile kernels/transpose.cu --case rows=1024,cols=1024

    The kernel is checked as well; one that does not pass has no profile (exit code 1).
    """
    state = opt.State.of(context)
    request, why = opt.read_request(context, kernel)
    judged = run.judge(request, state.settings, state.joints, opt.announcer(as_json), why)
    console = open_console(state.settings.plain)
    if judged.verdict.score is None:
        if as_json:
            state.print_json(verdict_json(judged.verdict, judged.floors))
        else:
            print_verdict(console, judged.verdict)
    elif as_json:
        state.print_json(profile_json(profile_of(judged)))
    else:
        print_profile(console, profile_of(judged), ptx)
    raise typer.Exit(opt.exit_code(judged.verdict))
