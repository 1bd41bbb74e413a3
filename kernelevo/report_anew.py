"""The winner's curse in words: what the best was when it was chosen, and what it came to when it was judged anew."""

from __future__ import annotations

from collections.abc import Iterator

from kernelevo.answer import Answer
from kernelevo.types import Attempt, Status


def anew_lines(answer: Answer) -> Iterator[str]:
    """Who was chosen and did not stand, and how the reported figure compares with the one the best was chosen by."""
    for attempt in answer.fallen:
        yield f"{_named(attempt)} was chosen first and did not stand when it was judged anew: {_why(attempt)}"
    if not answer.improved:
        return
    before = answer.speedup_when_chosen
    if before is None:
        yield "Not judged anew after it was chosen, so that its figure may be partly luck."
        return
    same = "the same" if f"{before:.2f}" == f"{answer.speedup:.2f}" else f"{answer.speedup:.2f} times"
    yield f"In the search {before:.2f} times; judged anew, on inputs that had no part in choosing it: {same}."


def _named(attempt: Attempt) -> str:
    moves = attempt.candidate.moves
    return f"{attempt.candidate.id} ({moves[-1]})" if moves else attempt.candidate.id


def _why(attempt: Attempt) -> str:
    verdict = attempt.verdict
    if verdict.status is Status.PASSED:
        return f"its time, {verdict.score}, does not beat the start's."
    first = verdict.feedback.split("\n")[0]
    return f"{verdict.status.value.replace('_', ' ')} ({first})."
