"""How `optimize` and `resume` end: the best kernel is written, the report printed, the exit code chosen."""

from __future__ import annotations

import json
from pathlib import Path

import typer

import kernelevo
from kernelevo import run
from kernelevo.commands.options import check_command, exit_code
from kernelevo.report import failed_start, summary
from kernelevo.report_file import standing_alone, unified_diff, write_file
from kernelevo.report_table import open_console, print_answer
from kernelevo.report_verdict import print_verdict

BEST_FOLDER = Path("best")


def finish(outcome: run.Outcome, out: Path | None, as_json: bool, plain: bool) -> None:
    """Writes the best kernel and shows the outcome; raises typer.Exit as `show_outcome` does."""
    if outcome.answer is None:
        show_outcome(outcome, None, as_json, plain)
        return
    request, _ = run.asked(outcome.record, {})
    path = out or BEST_FOLDER / request.kernel.name
    command = check_command(request, path, request.problem or path)
    write_file(path, standing_alone(outcome.answer, kernelevo.__version__, command))
    show_outcome(outcome, path, as_json, plain)


def show_outcome(outcome: run.Outcome, path: Path | None, as_json: bool, plain: bool) -> None:
    """The report of a run; raises typer.Exit with the code of the start's verdict if that did not pass."""
    answer = outcome.answer
    if answer is None:
        _tell_failed_start(outcome, as_json, plain)
        raise typer.Exit(exit_code(outcome.start.verdict))
    if as_json:
        print(json.dumps(summary(answer, path)))
        return
    request, _ = run.asked(outcome.record, {})
    best_name = str(path or f"run {answer.run.id}")
    diff = unified_diff(answer.start.candidate.text, answer.best.candidate.text, str(request.kernel), best_name)
    command = check_command(request, path, request.problem or path) if path else ""
    print_answer(open_console(plain), answer, path, diff, command)


def _tell_failed_start(outcome: run.Outcome, as_json: bool, plain: bool) -> None:
    if as_json:
        print(json.dumps(failed_start(outcome.start, outcome.record.id)))
        return
    console = open_console(plain)
    console.print("The start itself did not pass, so there is nothing to make faster:")
    print_verdict(console, outcome.start.verdict)
