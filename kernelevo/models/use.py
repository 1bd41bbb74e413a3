"""What a run asked of its model and what that came to, from the record alone: for reports."""

from __future__ import annotations

from collections import Counter

from kernelevo.interfaces import Store
from kernelevo.language_model import ModelUse, Stop, Usage
from kernelevo.models.recorded import ASKED, FAILED, READ, REPLIED, STOPPED, spent_so_far
from kernelevo.types import Status


def model_use(store: Store) -> ModelUse | None:
    """None where no model was asked."""
    asked = store.notes(ASKED)
    if not asked:
        return None
    replies = [reply for note in store.notes(REPLIED) for reply in note["replies"]]
    replies = [reply for reply in replies if reply["stop"] != Stop.EXHAUSTED]
    costs = [reply["cost"] for reply in replies]
    made = {name for note in store.notes(READ) for name in note["candidates"]}
    latest = {attempt.candidate.id: attempt.verdict.status for attempt in store.attempts()}
    stopped = store.notes(STOPPED)
    return ModelUse(
        model=str(asked[-1]["model"]),
        calls=len(asked),
        unanswered=len(asked) - len(store.notes(REPLIED)),
        replies=len(replies),
        usage=sum((Usage(*reply["usage"]) for reply in replies), Usage()),
        cost=None if None in costs else sum(costs),
        counted=spent_so_far(store).tokens,
        outcomes=Counter(outcome for note in store.notes(READ) for outcome in note["outcomes"]),
        candidates=len(made),
        passed=sum(latest.get(name) is Status.PASSED for name in made),
        stopped=str(stopped[-1]["why"]) if stopped else str(_failure(store)),
    )


def _failure(store: Store) -> str:
    failed = store.notes(FAILED)
    return str(failed[-1]["why"]) if failed else ""
