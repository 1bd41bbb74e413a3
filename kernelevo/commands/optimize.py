"""`kernelevo optimize`: the main job."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from kernelevo import run
from kernelevo.commands import model_options as mod
from kernelevo.commands import options as opt
from kernelevo.commands.ending import finish, place_for_best
from kernelevo.progress import open_progress
from kernelevo.settings import Limits

DEFAULT = Limits()


def optimize(
    context: typer.Context,
    kernel: opt.Kernel,
    problem: opt.ProblemFile = None,
    device: opt.DeviceName = None,
    evaluations: Annotated[int, typer.Option(metavar="N", help="At most so many evaluations.")] = DEFAULT.evaluations,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="At most about so many seconds of search.")
    ] = DEFAULT.seconds,
    patience: Annotated[
        int, typer.Option(metavar="N", help="Stop after so many candidates that bring nothing better.")
    ] = DEFAULT.patience,
    workers: opt.Workers = None,
    case: opt.Cases = None,
    out: opt.Out = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    seed: opt.Seed = None,
    compiler: opt.CompilerName = "nvrtc",
    driver: opt.DriverName = "cupy",
    include: opt.Includes = None,
    define: opt.Defines = None,
    standard: opt.Standard = None,
    unsafe: opt.Unsafe = False,
    trust: opt.Trust = False,
    runs: opt.Runs = None,
    model: mod.ModelName = None,
    base_url: mod.BaseUrl = None,
    key_variable: mod.KeyVariable = None,
    price: mod.Price = None,
    max_tokens: mod.MaxTokens = None,
    max_cost: mod.MaxCost = None,
    call_seconds: mod.CallSeconds = None,
    adapter: mod.AdapterFolder = None,
    only_model: mod.OnlyModel = False,
) -> None:
    """Search for a faster version of a kernel, and prove it.

    \b
    Example: kernelevo optimize kernels/softmax.cu --case rows=4096,cols=1000 --seconds 30

    The best kernel is written as a file that stands alone, with the differences and the reasons. Exit code 0 also if
    nothing faster was found (it is said so), 1 if the start itself does not pass, 2 for bad input, 3 if this machine
    failed, 4 if the device cannot tell, 130 if it was stopped. With --model a language model proposes, too
    (docs/models.md).
    """
    state = opt.State.of(context)
    request, why = opt.read_request(context, kernel)
    request = replace(request, model=mod.read_model(context))
    place_for_best(kernel, out)  # said now rather than after the search
    limits = Limits(evaluations=evaluations, seconds=mod.search_seconds(context, seconds), patience=patience)
    with open_progress(quiet, state.settings.plain) as listener:
        outcome = run.optimize(request, limits, state.settings, state.joints, listener, opt.announcer(as_json), why)
    finish(outcome, out, as_json, state)
