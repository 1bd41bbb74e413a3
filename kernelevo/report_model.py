"""What a model was asked in a run and what that came to, as data and in words. What is not known is said to be so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kernelevo.language_model import ModelUse, Usage
from kernelevo.wire.words import visible_line


def model_json(use: ModelUse) -> dict[str, Any]:
    """`cost` is null where it is unknown; `counted_tokens` are what the budget counts."""
    return {
        "name": use.model, "calls": use.calls, "unanswered": use.unanswered, "replies": use.replies,
        "without_program": use.without_program, "outcomes": dict(use.outcomes), "candidates": use.candidates,
        "passed": use.passed, "prompt_tokens": use.usage.prompt, "completion_tokens": use.usage.completion,
        "cached_tokens": use.usage.cached, "estimated": use.usage.estimated, "counted_tokens": use.counted,
        "cost": use.cost, "stopped": use.stopped,
    }  # fmt: skip


def model_lines(use: ModelUse) -> Iterator[str]:
    """For a person."""
    lost = f", {use.unanswered} of them unanswered" if use.unanswered else ""
    without = f" ({_outcomes(use)})" if use.without_program else ""
    yield visible_line(
        f"model {use.model}: {_counted(use.calls, 'call')}{lost}, {_counted(use.replies, 'reply', 'replies')}, "
        f"{use.without_program} without a program{without}; {_counted(use.candidates, 'program')}, {use.passed} passed"
    )
    counted = "" if use.counted == use.usage.total else f"; the budget counts {use.counted:,}"
    yield f"  tokens: {_tokens(use.usage)}{counted}; cost: {_cost(use)}"
    if use.stopped:
        yield visible_line(f"  {use.stopped}")


def talk_json(role: str, use: ModelUse) -> dict[str, Any]:
    """Of a model in a run of the loop, whose replies are told of elsewhere; `role` is what it was asked for."""
    left_out = ("without_program", "outcomes", "candidates", "passed")
    return {"role": role, **{name: value for name, value in model_json(use).items() if name not in left_out}}


def talk_line(told: Mapping[str, Any]) -> str:
    """What `talk_json` says, for a person."""
    lost = f", {told['unanswered']} of them unanswered" if told["unanswered"] else ""
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "estimated")
    tokens = _tokens(Usage(*(told[name] for name in names)))
    cost = "unknown (--price IN OUT gives one)" if told["cost"] is None else f"{told['cost']:.4g}"
    calls = _counted(told["calls"], "call")
    return visible_line(f"model {told['name']} ({told['role']}): {calls}{lost}; tokens: {tokens}; cost: {cost}")


def _outcomes(use: ModelUse) -> str:
    kinds = ((name, count) for name, count in use.outcomes.items() if name != "program")
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in kinds)


def _tokens(usage: Usage) -> str:
    cached = f", {usage.cached:,} of them cached" if usage.cached else ""
    estimated = ", partly our own estimate, rather too high" if usage.estimated else ""
    return f"{usage.total:,} (prompt {usage.prompt:,}{cached}; completion {usage.completion:,}{estimated})"


def _cost(use: ModelUse) -> str:
    if use.cost is None:
        return "unknown (--price IN OUT gives one)" if use.replies else "unknown"
    return f"{use.cost:.4g}{', the unanswered left aside' if use.unanswered else ''}"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
