"""Traces say what decisions are worth, enabling ones included, and which of the states were looked at."""

from __future__ import annotations

import pytest

from kernelevo.backends.scripted import ScriptedBackend
from kernelevo.backends.tracing import TraceLimits, trace
from kernelevo.decisions import DecisionSettings, read_observation

EVERY = DecisionSettings(rules=dict.fromkeys(ScriptedBackend.grammar.rules, 0.0))
MANY = TraceLimits(states=60, depth=3, evaluations=400)


def options(row: dict[str, object]) -> dict[str, tuple[float | None, float | None]]:
    listed = row["options"]
    assert isinstance(listed, list)
    return {decision: (reward, best) for decision, reward, best in listed}


def test_an_enabling_move_is_worth_what_it_enables() -> None:
    rows = trace(ScriptedBackend().open("chained-1"), EVERY, MANY, 1)
    start = options(rows[0])
    reward, best = start["hoist(loop)"]
    assert reward == pytest.approx(1.0) and best is not None and best > 2.4
    assert start["drop(check)"] == (0.0, 0.0)
    assert start["stall(queue)"] == (None, None)


def test_best_is_never_less_than_the_reward_and_rows_are_states_that_passed() -> None:
    rows = trace(ScriptedBackend().open("wide-1"), EVERY, MANY, 1)
    assert len(rows) > 5
    for row in rows:
        assert row["reward"] is not None and row["reward"] > 0
        observation = read_observation(row["observation"])
        assert len(observation.moves) == row["depth"]
        assert {str(option.decision) for option in observation.options} == {*options(row), "stop"}
        for reward, best in options(row).values():
            assert reward is None or (best is not None and best >= reward)


def test_limits_are_kept_and_the_same_seed_gives_the_same_rows() -> None:
    session = ScriptedBackend().open("narrow-1")
    few = trace(session, EVERY, TraceLimits(states=3, depth=2, evaluations=400), 1)
    assert len(few) == 3 and max(row["depth"] for row in few) <= 1
    assert few == trace(session, EVERY, TraceLimits(states=3, depth=2, evaluations=400), 1)
    assert len(trace(session, EVERY, TraceLimits(states=60, depth=3, evaluations=10), 1)) < len(
        trace(session, EVERY, MANY, 1)
    )
