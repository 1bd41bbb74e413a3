"""Records whose truth is known, for tests of the harness lever."""

from __future__ import annotations

import functools
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelevo.harness import read_harness
from kernelevo.language_model import Message, Prompt, Reply, Stop, Usage
from kernelevo.learning import Change, PolicyVersion, Step, TaskResult
from kernelevo.types import Status

SHIPPED = Path(__file__).parents[2] / "harness" / "default"
PROMPT = Prompt((Message("user", "{}"),))


class MadeRecord:
    """A LoopRecord of what it is given."""

    def __init__(self, *generations: Sequence[Step], changes: Sequence[tuple[Change, str]] = ()) -> None:
        self._generations = generations
        self._changes = changes

    def generations(self) -> int:
        return len(self._generations)

    def steps(self, generation: int) -> Sequence[Step]:
        return self._generations[generation]

    def results(self, generation: int) -> Sequence[TaskResult]:
        return ()

    def changes(self) -> Sequence[tuple[Change, str]]:
        return self._changes


def copied(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "harness")
    return tmp_path / "harness"


@functools.cache
def present(folder: Path = SHIPPED) -> PolicyVersion:
    return PolicyVersion("scripted", read_harness(folder).key)


def step(number: int, decision: str, reward: float | None, **other) -> Step:
    given = {
        "number": number, "generation": 0, "turn": number, "task": "copy-1", "family": "copy", "parent": "start",
        "depth": 0, "prompt": PROMPT, "reply": Reply(decision, Stop.COMPLETE, Usage()), "policy": present(),
        "outcome": "decision", "candidate": f"c{number}", "fresh": True, "status": Status.PASSED, "reward": reward,
        "best": reward, "move": decision,
    }  # fmt: skip
    return Step(**{**given, **other})


def played(
    gains: Mapping[str, tuple[float, float]], *, tasks: int = 8, attempts: int = 4, draws: int = 4, seed: int = 0,
    policy: PolicyVersion | None = None,
) -> list[Step]:  # fmt: skip
    """Steps of a policy that draws rules evenly. A try of a rule gains log2 `gains[rule][1]` with chance
    `gains[rule][0]`, else nothing; attempts differ in how much there is to gain.
    """
    generator, steps = random.Random(seed), []
    for task in range(tasks):
        for attempt in range(attempts):
            ease = generator.uniform(0.5, 2.0)
            for draw in range(draws):
                rule = generator.choice(sorted(gains))
                chance, gain = gains[rule]
                won = generator.random() < chance
                noise = 2 ** generator.gauss(0, 0.003)
                reward = noise * (2 ** (gain * ease) if won else generator.choice([0.6, 0.9, 1.0]))
                number = len(steps)
                steps.append(
                    step(
                        number,
                        f"{rule}(site{draw}) = {draw}",
                        reward,
                        task=f"copy-{task}",
                        parent=f"start{attempt}",
                        turn=task * attempts + attempt,
                        policy=policy or present(),
                    )
                )
    return steps
