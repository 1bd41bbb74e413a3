"""What a run asked of its model and what that came to, from the record alone: for reports."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kernelevo.interfaces import Store
from kernelevo.language_model import ModelUse, Reply, Stop, Usage
from kernelevo.models.recorded import ASKED, FAILED, READ, REPLIED, STOPPED, recorded_turns, spent_so_far
from kernelevo.types import Status


def model_use(store: Store) -> ModelUse | None:
    """None where no model was asked."""
    asked = store.notes(ASKED)
    if not asked:
        return None
    replies = [reply for note in store.notes(REPLIED) for reply in note["replies"]]
    costs = [reply["cost"] for reply in replies]
    replies = [reply for reply in replies if reply["stop"] != Stop.EXHAUSTED]
    made = {name for note in store.notes(READ) for name in note["candidates"]}
    latest = {attempt.candidate.id: attempt.verdict.status for attempt in store.attempts()}
    stopped = store.notes(STOPPED)
    return ModelUse(
        model=str(asked[-1]["model"]),
        calls=len(asked),
        unanswered=len(asked) - len(store.notes(REPLIED)),
        replies=len(replies),
        usage=sum((Usage(*reply["usage"]) for reply in replies), Usage()),
        cost=None if None in costs or not costs else sum(costs),
        counted=spent_so_far(store).tokens,
        outcomes=Counter(outcome for note in store.notes(READ) for outcome in note["outcomes"]),
        candidates=len(made),
        passed=sum(latest.get(name) is Status.PASSED for name in made),
        stopped=str(stopped[-1]["why"]) if stopped else str(_failure(store)),
    )


def questions(store: Store) -> list[dict[str, Any]]:
    """Every question in order, as plain values: its messages, its replies, and what these were found to hold."""
    turns = recorded_turns(store)
    outcomes = {note["number"]: note["outcomes"] for note in store.notes(READ)}
    return [
        {
            "number": note["number"], "about": note["about"], "model": note["model"], "n": note["n"],
            "messages": [{"role": role, "text": store.kept(key)} for role, key in note["messages"]],
            "answered": note["number"] in turns, "outcomes": outcomes.get(note["number"], []),
            "replies": [_plain(one) for one in turns[note["number"]].replies] if note["number"] in turns else [],
        }
        for note in store.notes(ASKED)
    ]  # fmt: skip


def _plain(reply: Reply) -> dict[str, Any]:
    tokens = None if reply.tokens is None else [[token.text, token.log_probability] for token in reply.tokens]
    return {
        "text": reply.text, "stop": reply.stop.value, "thinking": reply.thinking, "cost": reply.cost, "tokens": tokens,
        "prompt_tokens": reply.usage.prompt, "completion_tokens": reply.usage.completion,
        "cached_tokens": reply.usage.cached, "estimated": reply.usage.estimated,
    }  # fmt: skip


def _failure(store: Store) -> str:
    failed = store.notes(FAILED)
    return str(failed[-1]["why"]) if failed else ""
