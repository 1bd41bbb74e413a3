"""The nouns of the self-improving loop: what a policy did, what it was worth, what a lever wants to change, and whether
it may. All are frozen.

A reward is higher for better. A failure that is the candidate's own is worth 0.0; what is our fault, or cannot be told,
is missing data (None), which is masked and never learned from (kernelevo/reward.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from kernelevo.language_model import Prompt, Reply
from kernelevo.types import Status


class Split(StrEnum):
    """The walls between data: levers learn from REWARD, the gate decides on GATE, SEALED is opened once.

    TRAINING is what an embedded model's base was made from, DEVELOPMENT stands in for SEALED while a lever is tuned.
    """

    REWARD = "reward"
    GATE = "gate"
    SEALED = "sealed"
    TRAINING = "training"
    DEVELOPMENT = "development"


LeverName = Literal["harness", "weights"]


@dataclass(frozen=True)
class PolicyVersion:
    """Which policy acted: hashes of its harness (all texts and settings) and of its adapter's files ("" without)."""

    model: str
    harness: str
    adapter: str = ""


def folder_key(folder: Path) -> str:
    """One hash of all files of a folder, by their names within it and what they hold; of an adapter or a harness."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, content = file.relative_to(folder).as_posix(), file.read_bytes()
        whole.update(f"{len(name)} {name} {len(content)} ".encode() + content)
    return whole.hexdigest()


def apart(text: str) -> list[str]:
    """The texts that stand apart by lines of dashes (three or more), without those that hold nothing but comments (from
    # on).
    """
    blocks = [block.strip() for block in re.split(r"(?m)^[ \t]*-{3,}[ \t\r]*$", text)]
    return [block for block in blocks if any(line.partition("#")[0].strip() for line in block.splitlines())]


CALLED = "call_"
"""How the outcome of a step begins whose reply calls a tool and makes nothing."""


@dataclass(frozen=True)
class Step:
    """One reply of a policy, and what became of it.

    `number` is its place in the record, `turn` the question that it answers (replies of one turn share their prompt
    and are a group), `depth` the number of moves that led to its parent. `candidate` is the id of what the reply made
    (None: it held nothing to judge), `fresh` whether that was new. `reward` is that of the candidate, `best` the
    highest among it and everything that was made of it by the end of its generation: what an enabling move is worth
    shows later.
    """

    number: int
    generation: int
    turn: int
    task: str
    family: str
    parent: str
    depth: int
    prompt: Prompt
    reply: Reply
    policy: PolicyVersion
    outcome: str
    candidate: str | None
    fresh: bool
    status: Status | None
    reward: float | None
    best: float | None
    move: str = ""
    """What was done, in one line, as in a candidate's `moves`."""
    ends: bool = True
    """Whether the conversation ended that this is a reply of; where one reply is all, each does."""


@dataclass(frozen=True)
class TaskResult:
    """What a generation came to on one task: the reward of the start and of the best, and what was used for it."""

    task: str
    family: str
    start: float | None
    best: float | None
    candidate: str | None
    evaluations: int


@dataclass(frozen=True)
class Spending:
    """What something took. `money` is None where no price is known."""

    evaluations: int = 0
    tokens: int = 0
    money: float | None = 0.0
    seconds: float = 0.0
    gpu_seconds: float = 0.0

    def __add__(self, other: Spending) -> Spending:
        money = None if self.money is None or other.money is None else self.money + other.money
        return Spending(
            self.evaluations + other.evaluations, self.tokens + other.tokens, money,
            self.seconds + other.seconds, self.gpu_seconds + other.gpu_seconds,
        )  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What a lever wants: another harness folder or another adapter, drafted from the record alone.

    `folder` holds the whole new harness or the adapter in peft's format; `before` and `after` are their hashes.
    `reason` is one sentence; `patch` is the unified diff of a harness ("" of weights); `details` is what the lever
    rested on (objective and its choice, shape of the rewards, edits), for the record and for people.
    """

    lever: LeverName
    folder: str
    before: str
    after: str
    reason: str
    patch: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


class GateResult(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class GateVerdict:
    """A paired comparison of the changed policy with the present one on tasks that no lever saw.

    `difference` is the mean of the paired differences of log2 rewards, with the bounds of its confidence interval;
    `detectable` is the least difference that so many pairs would have found (80 % power). `pairs` are those with a
    value on both sides, `missing` those that our own faults took away.
    """

    result: GateResult
    difference: float
    low: float
    high: float
    detectable: float
    pairs: int
    missing: int
    reason: str
