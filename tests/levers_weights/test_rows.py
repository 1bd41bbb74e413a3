"""What steps are made to rows, in which groups, and what a step added to its parent."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from conformance.lever import ListedRecord, step_of

from kernelevo.language_model import Message, Prompt
from kernelevo.learning import PolicyVersion, Step
from kernelevo.levers.weights.rows import select
from kernelevo.levers.weights.settings import WeightSettings

POLICY = PolicyVersion("tabular", "harness", "")
SETTINGS = WeightSettings()


def prompt(text: str) -> Prompt:
    return Prompt((Message("user", text),))


def trajectory() -> list[Step]:
    """start -1.5-> a, a -3.0-> b, a -fails, b -ours."""
    a = step_of(0, prompt("start"), "x", 1.5, POLICY, candidate="a", best=3.0)
    b = step_of(1, prompt("a"), "y", 3.0, POLICY, candidate="b", parent="a", depth=1)
    failed = step_of(2, prompt("a"), "z", 0.0, POLICY, candidate="c", parent="a", depth=1)
    ours = step_of(3, prompt("b"), "z", None, POLICY, candidate="d", parent="b", depth=2)
    return [a, b, failed, ours]


def test_a_step_gains_what_is_above_its_parent_and_a_failure_nothing() -> None:
    rows = select(ListedRecord([trajectory()]), POLICY, SETTINGS).rows
    assert [row.gain for row in rows] == [0.5, 1.5, 0.0]
    assert [row.value for row in rows] == [3.0, 3.0, 0.0]
    assert [(row.previous, row.length) for row in rows] == [(-1, 1), (0, 2), (0, 2)]


def test_the_gain_above_a_parent_that_is_not_in_the_record_is_not_known() -> None:
    (row,) = select(ListedRecord([trajectory()[1:2]]), POLICY, SETTINGS).rows
    assert math.isnan(row.gain) and row.previous == -1 and row.value == 3.0


def test_a_parent_of_an_earlier_generation_is_known_though_it_is_no_row() -> None:
    early, late = trajectory()[:1], [replace(trajectory()[1], generation=1)]
    chosen = select(ListedRecord([early, late]), POLICY, replace(SETTINGS, generations=1))
    assert [row.gain for row in chosen.rows] == [1.5] and chosen.excluded == {"an earlier generation": 1}


def test_replies_of_one_policy_to_one_prompt_are_a_group() -> None:
    steps = trajectory()[:3]
    other = replace(steps[1], policy=replace(POLICY, harness="other"), reply=replace(steps[1].reply))
    elsewhere = replace(steps[1], task="another task")
    later = replace(steps[1], generation=1)
    weighed = replace(SETTINGS, stale="weigh")
    chosen = select(ListedRecord([[*steps, elsewhere], [later, other]]), POLICY, weighed)
    assert chosen.groups == [(0,), (1, 2), (3,), (4,)]
    assert chosen.excluded == {"stale, without log-probabilities": 1}
    assert chosen.telling() == [(1, 2)]


def test_one_candidate_of_two_tasks_is_two() -> None:
    steps = trajectory()[:2]
    moved = replace(steps[1], task="another task")
    rows = select(ListedRecord([[steps[0], moved]]), POLICY, SETTINGS).rows
    assert rows[1].previous == -1 and math.isnan(rows[1].gain)


def test_a_gain_is_log2_of_the_best_over_the_parent_and_nothing_below_one_per_cent() -> None:
    """start -1.5-> a (best 3.0), a -3.0-> b, a -fails, a -1.507-> e, b -ours: `tiny` learns from gains."""
    little = step_of(4, prompt("a"), "w", 1.507, POLICY, candidate="e", parent="a", depth=1)
    chosen = select(ListedRecord([[*trajectory(), little]]), POLICY, replace(SETTINGS, value="gain"))
    assert [row.value for row in chosen.rows] == pytest.approx([math.log2(3.0), 1.0, 0.0, 0.0])
    assert chosen.excluded == {"missing data": 1}


def test_a_gain_over_a_parent_that_is_not_known_is_missing() -> None:
    chosen = select(ListedRecord([trajectory()[1:2]]), POLICY, replace(SETTINGS, value="gain"))
    assert not chosen.rows and chosen.excluded == {"missing data": 1}
