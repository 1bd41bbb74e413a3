"""Where evidence is written: beside the best kernel and in the run's folder, or where `check --bundle` says."""

from __future__ import annotations

from pathlib import Path

from kernelevo import run
from kernelevo.commands.options import State
from kernelevo.errors import BadInput
from kernelevo.report_file import require_place, write_file
from kernelevo.types import Verdict

SUFFIX = ".evidence.tar"
OPTION = "--bundle"


def evidence_path(best: Path) -> Path:
    """Beside the best kernel: best/softmax.cu, best/softmax.triton.py -> best/softmax.evidence.tar."""
    return best.with_name(best.name.removesuffix(".py").removesuffix(".triton").removesuffix(".cu") + SUFFIX)


def write_run_evidence(outcome: run.Outcome, best: Path, state: State) -> Path | None:
    """Writes the bundle of a run's answer, and gives its place; None where no full checks confirmed it, or its run
    was begun by a version that did not record what evidence is made of.
    """
    from kernelevo.run_evidence import bundle_of_answer  # here, because it loads numpy

    if outcome.answer is None or outcome.task is None or not outcome.answer.confirmed:
        return None
    if "properties" not in outcome.record.settings:
        return None
    content = bundle_of_answer(outcome.answer, outcome.task, state.settings).encode()
    write_file(outcome.folder / "evidence.tar", content, "--runs")
    place = evidence_path(best)
    write_file(place, content)
    return place


def require_bundle_place(place: Path | None, kernel: Path) -> None:
    """Raises BadInput where no bundle could be written, or it would overwrite the kernel: before work is spent."""
    if place is None:
        return
    require_place(place, OPTION)
    if place.exists() and kernel.exists() and place.samefile(kernel):
        raise BadInput(f"the evidence would overwrite the kernel {kernel}; give another place with {OPTION}")


def write_check_evidence(judged: run.Judged, place: Path | None, state: State) -> str:
    """Writes the bundle of one verdict, if it was asked for and it passed; gives what is to be said of it."""
    from kernelevo.run_evidence import bundle_of_judged

    verdict: Verdict = judged.verdict
    if place is None:
        return ""
    if verdict.score is None:
        return f"no evidence is written to {place}: it is {verdict.status.value}, and only what passed is a claim"
    write_file(place, bundle_of_judged(judged, state.settings).encode(), OPTION)
    return f"evidence: {place}; anybody can check it: kernelevo verify {place}"
