"""One verdict for a person: what `check` prints."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from kernelevo.diagnosis.bounds import resource
from kernelevo.report_measurements import measurement_lines
from kernelevo.types import Status, Verdict


def print_verdict(console: Console, verdict: Verdict) -> None:
    """The status in a sentence, every check that was made, and what the compiler said (a build error's feedback has
    it already).
    """
    console.print(f"[bold]{verdict.status.value}[/bold] on {verdict.device}: {verdict.status.sentence}")
    if verdict.score is None:
        console.print(escape(verdict.feedback), soft_wrap=True)
    if verdict.checks:
        _print_checks(console, verdict)
    if verdict.status is not Status.BUILD_ERROR:
        for diagnostic in verdict.diagnostics:
            console.print(escape(str(diagnostic)), soft_wrap=True)
    if verdict.measurements is not None and verdict.score is not None:
        for line in measurement_lines(verdict.measurements, verdict.score.how, verdict.device):
            console.print(escape(line), soft_wrap=True)
    else:
        for case in verdict.cases:
            console.print(f"{case.name}: {case.time}, bound by {resource(case.limiter)}", soft_wrap=True)
    if verdict.score is not None:
        console.print(f"score: {verdict.score}", soft_wrap=True)


def _print_checks(console: Console, verdict: Verdict) -> None:
    for check in verdict.checks:
        mark = "passed" if check.passed else "FAILED"
        console.print(f"  {mark}  {escape(check.name)}: {escape(check.detail)}", soft_wrap=True)
