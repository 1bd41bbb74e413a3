"""Every attack fails on this installation, and succeeds without its defence; honest kernels pass, wrong ones do not."""

from __future__ import annotations

import pytest

from kernelevo.redteam.attack import Attack, Outcome
from kernelevo.redteam.attacks import corpus
from kernelevo.redteam.control import Control, Controlled
from kernelevo.redteam.controls import CONTROLS
from kernelevo.redteam.range import Range
from kernelevo.redteam.rows import ROWS
from kernelevo.redteam.score import score_attack

ATTACKS = corpus()


def name_of(each: Attack | Control) -> str:
    return each.name.replace(" ", "-")


@pytest.mark.parametrize("attack", ATTACKS, ids=name_of)
def test_an_attack_fails_and_succeeds_without_its_defence(ground: Range, attack: Attack) -> None:
    scored = score_attack(attack, ground)
    if scored.state == "skipped":
        pytest.skip(scored.reason)
    assert scored.state == "holds", scored.reason


@pytest.mark.parametrize("control", CONTROLS, ids=name_of)
def test_an_honest_kernel_passes_and_a_wrong_one_does_not(ground: Range, control: Control) -> None:
    outcome = control.run(ground)
    controlled = Controlled(control, outcome)
    if not isinstance(outcome, Outcome):
        pytest.skip(outcome.reason)
    assert outcome.got_through is control.honest, controlled.reason
    assert not controlled.failed


def test_the_table_of_known_attacks_is_answered_in_full() -> None:
    numbers = [row.number for row in ROWS]
    assert numbers[:105] == [f"H{number}" for number in range(1, 106)]
    assert numbers[105:] == [f"K{number}" for number in range(1, len(numbers) - 104)]
    assert all(row.title and row.why for row in ROWS)
