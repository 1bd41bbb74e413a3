"""What of a record is shown to a model that reflects on it: cases that failed and cases that gained, apart.

Only steps of the reward split are there at all (LoopRecord). Of each, what the policy was shown and said itself is
told, its status and what it gained; no words of a verdict, which may hold expected values.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence

from kernelevo.decisions import STOP_RULE, read_decision
from kernelevo.learning import Step
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness.proposals import GAINED

MOST_CASES = 8
RECENT = 2
"""Generations that are looked at: what an earlier harness brought says little of this one."""
LONGEST_SHOWN, LONGEST_REPLY = 3000, 3000


def recent_steps(record: LoopRecord) -> list[Step]:
    last = record.generations()
    return [step for number in range(max(0, last - RECENT), last) for step in record.steps(number)]


def failures(steps: Sequence[Step], seed: int) -> list[str]:
    """Replies without a candidate, candidates that failed by their own fault, and such as were slower; of each kind
    some, drawn by the seed.
    """
    kinds: dict[str, list[Step]] = {}
    for step in steps:
        if (kind := _failure(step)) is not None:
            kinds.setdefault(kind, []).append(step)
    drawn = {kind: random.Random(f"{seed} {kind}").sample(own, len(own)) for kind, own in sorted(kinds.items())}
    return [_told(step, kind) for kind, step in _in_turn(drawn)]


def _in_turn(kinds: dict[str, list[Step]]) -> list[tuple[str, Step]]:
    """The first of each kind, then the second of each, and so on, as many as are told."""
    most = max(map(len, kinds.values()), default=0)
    rows = [(kind, own[place]) for place in range(most) for kind, own in kinds.items() if place < len(own)]
    return rows[:MOST_CASES]


def _failure(step: Step) -> str | None:
    decision = read_decision(step.reply.text)
    if decision is not None and decision.rule == STOP_RULE:
        return None
    if step.candidate is None:
        return f"no candidate: {step.outcome}"
    if step.reward is None:
        return None
    if step.reward == 0:
        return f"{step.status.value}: {step.status.sentence}" if step.status else "failed"
    return "passed, worth less than the start" if (step.best or step.reward) < 1 / 2**GAINED else None


def successes(steps: Sequence[Step]) -> list[str]:
    """Those that gained most over what they were made of, no two of one task first."""
    rewards = {(step.task, step.candidate): step.reward for step in steps if step.candidate and step.reward}
    gained = sorted(_gains(steps, rewards), key=lambda found: (-found[0], found[1].number))
    once, again, seen = [], [], set()
    for gain, step in gained:
        (again if step.task in seen else once).append((gain, step))
        seen.add(step.task)
    return [_told(step, f"passed, {2**gain:.2f} times as good") for gain, step in [*once, *again][:MOST_CASES]]


def _gains(steps: Sequence[Step], rewards: dict) -> Iterator[tuple[float, Step]]:
    for step in steps:
        before = rewards.get((step.task, step.parent), 1.0 if step.depth == 0 else None)
        if step.fresh and step.reward and before and (gain := math.log2(step.reward / before)) > GAINED:
            yield gain, step


def _told(step: Step, outcome: str) -> str:
    """One line of JSON, whatever a reply holds."""
    plain = {
        "family": step.family, "depth": step.depth, "outcome": outcome, "move": step.move,
        "shown": _cut(step.prompt.messages[-1].text, LONGEST_SHOWN), "reply": _cut(step.reply.text, LONGEST_REPLY),
    }  # fmt: skip
    return json.dumps(plain)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} [...] {text[-most // 2 :]}"
