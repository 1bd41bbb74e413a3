"""`kernelevo runs list|show|diff`: what was recorded, read from the record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kernelevo import run
from kernelevo.answer import compared_words, distinguishable
from kernelevo.commands import options as opt
from kernelevo.commands.ending import show_outcome
from kernelevo.commands.running import show as show_loop
from kernelevo.commands.studying import finish as finish_study
from kernelevo.errors import BadInput, KernelevoError
from kernelevo.report import answer_of, compared, moved_between
from kernelevo.report_counters import microseconds
from kernelevo.report_file import unified_diff
from kernelevo.report_table import Justify, open_console, print_rows
from kernelevo.run_record import is_loop, is_study
from kernelevo.stores.folders import find_run
from kernelevo.types import RunRecord
from kernelevo.wire.words import visible

app = typer.Typer(help="Look at recorded runs.", no_args_is_help=True)

_FIELDS = (
    "run", "began", "task", "device", "how", "start_us", "best_us", "speedup", "evaluations", "state",
)  # fmt: skip
_COLUMNS: dict[str, Justify] = {
    "run": "left", "began (UTC)": "left", "task": "left", "device": "left", "start us": "right", "best us": "right",
    "gain": "right", "judged": "right", "state": "left",
}  # fmt: skip


@app.command("list")
def list_runs(context: typer.Context, as_json: opt.AsJson = False, runs: opt.Runs = None) -> None:
    """List the recorded runs, oldest first.

    \b
    Example: kernelevo runs list --json
    """
    state = opt.State.of(context)
    rows = [_row(folder) for folder in run.all_runs(state.settings)]
    if as_json:
        state.print_json(rows)
    elif rows:
        print_rows(open_console(state.settings.plain), _COLUMNS, [_cells(row) for row in rows])
    else:
        print(f"no runs in {state.settings.runs}; `kernelevo optimize KERNEL` makes one")


@app.command("show")
def show(context: typer.Context, name: opt.RunName, as_json: opt.AsJson = False, runs: opt.Runs = None) -> None:
    """Show what a run came to, or stands at: times, counters, checks and the difference to the start.

    \b
    Example: kernelevo runs show last
    """
    state = opt.State.of(context)
    record = run.head(state.settings, name)
    if is_study(record):
        from kernelevo.run_of_study import recorded_study

        finish_study(recorded_study(find_run(state.settings.runs, name)), None, as_json, state)
        return
    if is_loop(record):
        from kernelevo.run_of_loop import recorded_loop

        told = (outcome := recorded_loop(find_run(state.settings.runs, name))).plain()
        state.print_json(told) if as_json else show_loop(told, outcome.folder)
        return
    show_outcome(run.recorded(state.settings, name), None, as_json, state)


Second = Annotated[
    str | None, typer.Argument(metavar="[OTHER]", help="Another run of the same task and device.", show_default=False)
]


@app.command("diff")
def diff(
    context: typer.Context, name: opt.RunName, other: Second = None, as_json: opt.AsJson = False, runs: opt.Runs = None
) -> None:
    """Show how a run's best kernel differs from its start, or from the best of another run.

    \b
    Example: kernelevo runs diff 2q7m 2q9x

    Runs on different devices, or one modelled and one measured, are refused: such times are never compared.
    """
    state = opt.State.of(context)
    first = answer_of(run.recorded(state.settings, name).answer, name)
    if other is None:
        pair, times = (first.start, first.best), (first.start_time, first.best_time)
        comparison = {"runs": [first.run.id], "speedup": first.speedup}
    else:
        second = answer_of(run.recorded(state.settings, other).answer, other)
        pair, times = (first.best, second.best), (first.best_time, second.best_time)
        comparison = {"runs": [first.run.id, second.run.id], "speedup": compared(first, second)}
    text = unified_diff(pair[0].candidate.text, pair[1].candidate.text, pair[0].candidate.id, pair[1].candidate.id)
    if as_json:
        told: dict[str, Any] = {"distinguishable": distinguishable(*times, first.band), "band": first.band}
        told |= {"device": first.run.device, "how": first.run.how, "moved": moved_between(*pair), "diff": text}
        state.print_json({**comparison, **told})
        return
    print(f"{compared_words(*times, first.band)} ({first.run.how} on {first.run.device})")
    for case, counters in moved_between(*pair).items():
        for counter, (before, after) in counters.items():
            print(f"  {case}: {counter} {before:,} -> {after:,}")
    print(visible(text) or "the two kernels have the same text", end="" if text else "\n")


def _row(folder: Any) -> dict[str, Any]:
    """One line of the list; a run that cannot be read is listed with the reason, and hides none of the others."""
    empty = dict.fromkeys(_FIELDS)
    try:
        record = run.head_of(folder)
        if is_loop(record) or is_study(record):
            return {**empty, **(_loop_row(record, folder) if is_loop(record) else _study_row(record, folder))}
        outcome = run.read_outcome(folder)
    except BadInput as fault:
        return {**empty, "run": folder.name, "state": f"nothing judged: {fault}"}
    except KernelevoError as fault:
        return {**empty, "run": folder.name, "state": f"unreadable: {fault}"}
    record, answer = outcome.record, outcome.answer
    row = {
        **empty,
        "run": record.id,
        "began": record.started,
        "task": record.task,
        "device": record.device,
        "how": record.how,
    }
    if answer is None:
        return {**row, "state": f"the start did not pass: {outcome.start.verdict.status.value}"}
    return {
        **row, "start_us": microseconds(answer.start_time), "best_us": microseconds(answer.best_time),
        "speedup": answer.speedup, "evaluations": answer.evaluations,
        "state": answer.ended if answer.confirmed else f"not confirmed: {answer.ended}",
    }  # fmt: skip


def _loop_row(record: RunRecord, folder: Path) -> dict[str, Any]:
    """A run of the loop has no time of its own: `kernelevo runs show` tells what it came to."""
    from kernelevo.run_of_loop import recorded_loop

    told = recorded_loop(folder).summary
    state = told["ended"] or run.unfinished(folder)
    row = {"run": record.id, "began": record.started, "task": record.task, "device": record.device, "how": record.how}
    return {**row, "evaluations": told["evaluations"], "state": f"paused: {state}" if told["paused"] else state}


def _study_row(record: RunRecord, folder: Path) -> dict[str, Any]:
    from kernelevo.run_of_study import recorded_study

    told = recorded_study(folder).results
    row = {"run": record.id, "began": record.started, "task": record.task, "device": record.device, "how": record.how}
    return {**row, "state": f"{told['finished']} of {told['planned']} arms are done"}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """The row for a person: the date short, and the way of timing beside the device it belongs to."""
    began = row["began"] and row["began"][:16].replace("T", " ")
    device = row["device"] and f"{row['device']} ({row['how']})"
    values = (row["run"], began, row["task"], device, row["start_us"], row["best_us"], row["speedup"])
    return tuple(map(_cell, (*values, row["evaluations"], row["state"])))


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
