"""What a run of the loop came to, as plain values, from its record alone: for JSON, exports and reports."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelevo.learning import Step, TaskResult
from kernelevo.loop.lever_view import LeverView, reward_phase
from kernelevo.loop.record import AUDIT, CHANGE, DECISION, ENDED, GATE, POLICY, RESULT, Record


def mean_log2(results: Sequence[TaskResult]) -> float | None:
    """The mean of log2 of the best rewards, over tasks that have one."""
    told = [math.log2(result.best) for result in results if result.best]
    return statistics.fmean(told) if told else None


def generation_summary(record: Record, folder: Path, generation: int) -> dict[str, Any]:
    """One generation: what it found, what the audit said, what was decided and what came of that."""
    view = LeverView(record, folder)
    results, steps = view.results(generation), view.steps(generation)
    result, audit = record.of_generation(RESULT, generation), record.of_generation(AUDIT, generation)
    return {
        "generation": generation, "mean_log2_best": mean_log2(results),
        "tasks": [dataclasses.asdict(each) for each in results],
        "coverage": None if result is None else result["coverage"], "metrics": step_metrics(steps),
        "audit": audit and audit["gap"], "decision": _without_seconds(record.of_generation(DECISION, generation)),
        "changes": changes_of(record, generation), "gate": _without_seconds(record.of_generation(GATE, generation)),
        "left": None if result is None else result["left"],
    }  # fmt: skip


def changes_of(record: Record, generation: int) -> list[dict[str, Any]]:
    """What the levers drafted, or said instead."""
    found = []
    for note in record.notes(CHANGE):
        if note["generation"] == generation:
            change = note["change"] or {}
            named = {name: change.get(name) for name in ("before", "after", "reason", "patch", "details", "folder")}
            found.append({"lever": note["lever"], "drafted": note["change"] is not None, "said": note["said"], **named})
    return found


def step_metrics(steps: Sequence[Step]) -> dict[str, Any]:
    """Counts of what replies held and how it went, and the mean log-probability of a reply's tokens."""
    outcomes, statuses = Counter(step.outcome for step in steps), Counter(step.status for step in steps if step.fresh)
    said = [token.log_probability for step in steps for token in step.reply.tokens or ()]
    return {
        "replies": len(steps), "outcomes": dict(sorted(outcomes.items())),
        "statuses": {str(status): count for status, count in sorted(statuses.items(), key=str)},
        "new": sum(step.fresh for step in steps),
        "mean_token_log_probability": statistics.fmean(said) if said else None,
    }  # fmt: skip


def trajectory(record: Record, folder: Path, generation: int) -> list[dict[str, Any]]:
    """Every step of the reward split, with its texts."""
    steps = LeverView(record, folder).steps(generation)
    return [{**dataclasses.asdict(step), "status": step.status and step.status.value} for step in steps]


def policy_of(record: Record, generation: int) -> Mapping[str, Any]:
    """Which policy acted in a generation; nothing where the run was stopped before it noted one."""
    notes = [note for note in record.notes(POLICY) if note["generation"] <= generation]
    return _without_seconds(notes[-1] if notes else None) or {}


def run_summary(record: Record, folder: Path) -> dict[str, Any]:
    """The whole run. `ended` is None while it goes on, or where it was stopped."""
    count = len(record.notes(RESULT))
    ended = record.notes(ENDED)
    generations = [generation_summary(record, folder, generation) for generation in range(count)]
    spent = record.spent()
    return {
        "generations": generations, "policy": policy_of(record, count), "ended": ended[-1]["reason"] if ended else None,
        "paused": bool(ended and ended[-1]["paused"]), "evaluations": spent.evaluations,
        "judged": len(list(record.judgements())), "seconds": round(spent.seconds, 1),
        "accepted": sum(bool(each["gate"] and each["gate"]["result"] == "accept") for each in generations),
        "phase": reward_phase(count - 1) if count else None,
    }  # fmt: skip


def _without_seconds(note: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if note is None else {name: value for name, value in note.items() if name != "seconds"}
