"""A policy over decisions, trained by the lever on tasks of the reward split, is better on tasks that no lever saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("safetensors", reason="the extra `lora` is not installed")

from conformance.lever import Given, ListedRecord, drafted, step_of

from kernelevo.backends.scripted import ScriptedBackend
from kernelevo.decisions import STOP, DecisionSettings, decision_prompt, read_decision
from kernelevo.language_model import Sampling
from kernelevo.learning import PolicyVersion, Split, Step
from kernelevo.levers.weights.choose import OBJECTIVES
from kernelevo.levers.weights.lever import WeightsLever
from kernelevo.levers.weights.settings import TABULAR
from kernelevo.models.adapter_files import adapter_in
from kernelevo.models.tabular import TabularModel
from kernelevo.types import Attempt

BACKEND = ScriptedBackend()
HARNESS = DecisionSettings(dict.fromkeys(BACKEND.grammar.rules, 0.0))
POLICY = PolicyVersion("tabular", "harness", "")
DRAW = Sampling(8, 1.0, log_probabilities=True)


def chain(model: TabularModel, task: str) -> list[Step]:
    """Decisions from the start on, until one says stop or fails; each is worth the best of what came after it."""
    session = BACKEND.open(task)
    attempt, parent_reward = Attempt(session.start, session.judge(session.start)), 1.0
    steps: list[Step] = []
    for depth in range(HARNESS.depth):
        prompt = decision_prompt(session.observe(attempt, HARNESS))
        (reply,) = model.sample(prompt, 1, DRAW, 1.0)
        more = {"task": task, "family": session.family, "parent": attempt.candidate.id, "depth": depth}
        decision = read_decision(reply.text)
        made = None if decision in (None, STOP) else session.apply(attempt, decision)
        reward = parent_reward if made is None else session.reward(session.judge(made))
        step = step_of(0, prompt, reply.text, reward, POLICY, candidate=made and made.id, **more)
        steps.append(replace(step, reply=reply))
        if made is None or not reward:
            break
        attempt, parent_reward = Attempt(made, session.judge(made)), reward
    session.close()
    rewards = [step.reward for step in steps]
    return [replace(step, best=_best(rewards[at:])) for at, step in enumerate(steps)]


def _best(rewards: Sequence[float | None]) -> float | None:
    return max((reward for reward in rewards if reward is not None), default=None)


def rolled_out(model: TabularModel, split: Split, times: int) -> list[list[Step]]:
    model.restart(1, {})
    return [chain(model, task) for task in BACKEND.tasks(split) for _ in range(times)]


def mean_gain(model: TabularModel) -> float:
    """Mean of log2 of the best of a chain (at least the start), on the gate's tasks; the same luck for every policy."""
    chains = rolled_out(model, Split.GATE, 40)
    return sum(math.log2(max(1.0, _best([step.reward for step in steps]) or 1.0)) for steps in chains) / len(chains)


@pytest.mark.parametrize("objective", [None, *OBJECTIVES])
def test_one_change_makes_unseen_tasks_faster(objective: str | None, tmp_path: Path) -> None:
    model = TabularModel()
    steps = [step for steps in rolled_out(model, Split.REWARD, 12) for step in steps]
    before = mean_gain(model)
    given = Given(ListedRecord([steps]), POLICY, tmp_path)
    change = drafted(WeightsLever(model, replace(TABULAR, objective=objective)), given, tmp_path / "into")
    model.load_adapter(adapter_in(Path(change.folder), model.name))
    after = mean_gain(model)
    assert after > before + 0.05, (change.details["objective"], before, after)
