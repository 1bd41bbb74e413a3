"""`kernelevo check`: one kernel, judged for a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console

import kernelevo
from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.commands.checking_problems import check_problem
from kernelevo.commands.fuzzing import check_shapes
from kernelevo.errors import BadInput
from kernelevo.report import verdict_json
from kernelevo.report_file import require_place, write_file
from kernelevo.report_findings import print_findings
from kernelevo.report_sarif import sarif_log
from kernelevo.report_table import open_console
from kernelevo.report_verdict import print_verdict


def check(
    context: typer.Context,
    kernel: opt.KernelOrNone = None,
    problem: opt.ProblemFile = None,
    device: opt.DeviceName = None,
    case: opt.Cases = None,
    as_json: opt.AsJson = False,
    seed: opt.Seed = None,
    compiler: opt.CompilerName = "nvrtc",
    driver: opt.DriverName = "cupy",
    include: opt.Includes = None,
    define: opt.Defines = None,
    standard: opt.Standard = None,
    times_from: opt.TimesFrom = "machine-code",
    unsafe: opt.Unsafe = False,
    trust: opt.Trust = False,
    sanitize: opt.Sanitize = False,
    max_findings: opt.MaxFindings = None,
    sarif: opt.Sarif = None,
    fuzz: opt.Fuzz = False,
    fuzz_examples: opt.FuzzExamples = None,
    inputs: opt.Inputs = None,
    offset: opt.Offsets = None,
) -> None:
    """Judge one kernel with all checks: is it right, and how fast? With --sanitize: what is wrong, and where?

    \b
    Example: kernelevo check best/softmax.cu --problem kernels/softmax.problem.py
    Example: kernelevo check kernels/softmax.cu --sanitize --sarif softmax.sarif
    Example: kernelevo check kernels/softmax.cu --fuzz
    Example: kernelevo check --problem kernels/softmax.problem.py

    Without KERNEL the problem itself is judged: whether its checks refuse what is wrong, and accept what is honest.
    Exit code 0 if every check passed, 1 if one failed, 2 for bad input, 3 if this machine failed, 4 if the device
    cannot tell.
    """
    if kernel is None:
        check_problem(context, problem)
    if fuzz or fuzz_examples is not None:
        check_shapes(context, kernel, fuzz, fuzz_examples, as_json)
    findings = opt.most_findings(sanitize, max_findings, sarif)
    if findings is None:
        _judge(context, kernel, as_json, lambda console, judged: print_verdict(console, judged.verdict))
    else:
        _sanitize(context, kernel, as_json, findings, sarif)


def _sanitize(context: typer.Context, kernel: Path, as_json: bool, findings: int, sarif: Path | None) -> None:
    state = opt.State.of(context)
    if sarif is not None:
        require_place(sarif, "--sarif")
        if sarif.exists() and kernel.exists() and sarif.samefile(kernel):
            raise BadInput(f"the findings would overwrite the kernel {kernel}; give another place with --sarif")
    request, why = opt.read_request(context, kernel)
    judged = run.judge(request, state.settings, state.joints, opt.announcer(as_json), why, findings)
    verdict, task = judged.verdict, judged.task
    code = opt.exit_code(verdict)
    if sarif is not None:
        text = kernel.read_text(encoding="utf-8")
        log = sarif_log(verdict, text, task.file_name, kernel, kernelevo.__version__, code)
        write_file(sarif, json.dumps(log, indent=1) + "\n", "--sarif")
    if as_json:
        state.print_json(verdict_json(verdict, judged.floors))
    else:
        print_findings(open_console(state.settings.plain), verdict, task.text, task.file_name, str(kernel))
    raise typer.Exit(code)


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
