"""`kernelevo resume`: go on with a run that was stopped, or with a finished one under a larger budget."""

from __future__ import annotations

from typing import Annotated

import typer

from kernelevo import run
from kernelevo.commands import model_options as mod
from kernelevo.commands import options as opt
from kernelevo.commands.ending import finish
from kernelevo.commands.running import finish as finish_loop
from kernelevo.commands.studying import finish as finish_study
from kernelevo.progress import open_progress
from kernelevo.run_record import is_loop, is_study


def resume(
    context: typer.Context,
    name: opt.RunName,
    evaluations: Annotated[
        int | None, typer.Option(metavar="N", help="New limit of evaluations, those already made included.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds of search from now on (default: as the run was begun).")
    ] = None,
    workers: opt.Workers = None,
    out: opt.Out = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    trust: opt.Trust = False,
    runs: opt.Runs = None,
    max_tokens: mod.MaxTokens = None,
    max_cost: mod.MaxCost = None,
    base_url: mod.BaseUrl = None,
    key_variable: mod.KeyVariable = None,
) -> None:
    """Go on with a recorded run of a search, a loop or a study; nothing that was judged is judged again.

    \b
    Example: kernelevo resume last --evaluations 200
    """
    state = opt.State.of(context)
    record = run.head(state.settings, name)
    if is_study(record):
        from kernelevo.run_of_study import resume_study

        finish_study(resume_study(name, state.settings, opt.announcer(as_json), workers), None, as_json, state)
        return
    if is_loop(record):
        limits = {"evaluations": evaluations, "seconds": seconds, "tokens": max_tokens, "money": max_cost}
        given = {"limits": {what: value for what, value in limits.items() if value is not None}, "workers": workers}
        given |= {"base_url": base_url, "key_variable": key_variable}
        from kernelevo.run_of_loop import resume_loop

        finish_loop(resume_loop(name, given, state.settings, opt.announcer(as_json)), as_json, state)
        return
    changes = {"evaluations": evaluations, "seconds": seconds, "workers": workers}
    changes |= {"max_tokens": max_tokens, "max_cost": max_cost, "base_url": base_url, "key_variable": key_variable}
    with open_progress(quiet, state.settings.plain) as listener:
        outcome = run.resume(name, changes, state.settings, state.joints, listener, opt.announcer(as_json))
    finish(outcome, out, as_json, state)
