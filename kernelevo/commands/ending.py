"""How `optimize` and `resume` end: the best kernel is written, the report printed, the exit code chosen."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

import kernelevo
from kernelevo import run
from kernelevo.commands.bundling import evidence_path, write_run_evidence
from kernelevo.commands.options import State, check_command, exit_code
from kernelevo.errors import BadInput, Infrastructure, KernelevoError
from kernelevo.report import failed_start, summary
from kernelevo.report_file import require_place, standing_alone, unified_diff, write_file
from kernelevo.report_model import model_json, model_lines
from kernelevo.report_table import open_console, print_answer
from kernelevo.report_verdict import print_verdict
from kernelevo.types import Status

BEST_FOLDER = Path("best")


def place_for_best(kernel: Path, out: Path | None) -> Path:
    """Where the best kernel goes; raises BadInput if it cannot be written there, or would overwrite the start."""
    path = out or BEST_FOLDER / kernel.name
    if path.exists() and kernel.exists() and path.samefile(kernel):
        raise BadInput(f"the best kernel would overwrite its start {kernel}; give another place with --out")
    require_place(path, chosen=out is not None)
    require_place(evidence_path(path))
    return path


def finish(outcome: run.Outcome, out: Path | None, as_json: bool, state: State) -> None:
    """Writes the best kernel and shows the outcome; raises typer.Exit as `show_outcome` does."""
    from kernelevo.kernel.languages import language_of  # here, because it loads numpy

    if outcome.answer is None:
        show_outcome(outcome, None, as_json, state)
        return
    request, _ = run.asked(outcome.record, {})
    path = place_for_best(request.kernel, out)
    command = check_command(request, path, request.problem or path)
    try:
        text = standing_alone(outcome.answer, kernelevo.__version__, command, language_of(request.kernel))
        write_file(path, text)
        evidence = write_run_evidence(outcome, path, state)
    except KernelevoError:
        show_outcome(outcome, None, as_json, state)
        raise
    show_outcome(outcome, path, as_json, state, evidence)


def show_outcome(
    outcome: run.Outcome, path: Path | None, as_json: bool, state: State, evidence: Path | None = None
) -> None:
    """The report of a run; raises typer.Exit with the code of the start's verdict if that did not pass."""
    answer = outcome.answer
    if answer is None:
        _tell_failed_start(outcome, as_json, state)
        verdict = outcome.start.verdict
        if verdict.status is Status.INFRA:
            raise Infrastructure(
                f"the start could not be judged, for no fault of its own ({verdict.feedback}); look at "
                f"`kernelevo doctor`, then go on with `kernelevo resume {outcome.record.id}`"
            )
        raise typer.Exit(exit_code(verdict))
    if as_json:
        told = {} if outcome.model is None else {"model": model_json(outcome.model)}
        state.print_json({**summary(answer, path), "evidence_path": evidence and str(evidence), **told})
        return
    request, _ = run.asked(outcome.record, {})
    best_name = str(path or f"run {answer.run.id}")
    diff = unified_diff(answer.start.candidate.text, answer.best.candidate.text, str(request.kernel), best_name)
    command = check_command(request, path, request.problem or path) if path else ""
    console = open_console(state.settings.plain)
    print_answer(console, answer, path, diff, command)
    for line in model_lines(outcome.model) if outcome.model else ():
        console.print(line, soft_wrap=True, markup=False)
    if evidence is not None:
        words = f"evidence: {evidence}; anybody can check it: kernelevo verify {shlex.quote(str(evidence))}"
        console.print(words, soft_wrap=True, markup=False)


def _tell_failed_start(outcome: run.Outcome, as_json: bool, state: State) -> None:
    if as_json:
        state.print_json(failed_start(outcome.start, outcome.record.id))
        return
    console = open_console(state.settings.plain)
    if outcome.start.verdict.status is not Status.INFRA:
        console.print("The start itself did not pass, so there is nothing to make faster:")
    print_verdict(console, outcome.start.verdict)
