"""Every attack fails on this installation, and succeeds without its defence; honest kernels pass, wrong ones do not."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import fields

import pytest

from kernelevo.defences import Defences
from kernelevo.redteam.attack import Attack, Outcome
from kernelevo.redteam.attacks import corpus
from kernelevo.redteam.control import Control, Controlled
from kernelevo.redteam.controls import CONTROLS
from kernelevo.redteam.range import Range
from kernelevo.redteam.rows import ROWS
from kernelevo.redteam.score import score_attack
from redteam.table import AGAIN, RESULTS

ATTACKS = corpus()
RECORDED = json.loads(RESULTS.read_text(encoding="utf-8"))
BY_PROGRAM = {"device code", "compiler", "launch plan", "triton import"}
"""Doors that a kernel's own text or plan goes through."""
BY_LOT = {"kept by a sample of values": {"wrong", "no gain"}}
"""How it fails is up to the inputs that were drawn: an answer that is given again is wrong, where three numbers of
other inputs happen to be the same; where they never are, all the work was done.
"""


def name_of(each: Attack | Control) -> str:
    return each.name.replace(" ", "-")


@pytest.mark.parametrize("attack", ATTACKS, ids=name_of)
def test_an_attack_fails_and_succeeds_without_its_defence(ground: Range, attack: Attack) -> None:
    scored = score_attack(attack, ground)
    if scored.state == "skipped":
        pytest.skip(scored.reason)
    assert scored.state == "holds", scored.reason
    assert scored.status in BY_LOT.get(attack.name, {RECORDED["attacks"][attack.name]}), AGAIN


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
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"K[1-9][0-9]*", number) for number in numbers[105:])
    assert all(row.title and row.why for row in ROWS)


def test_every_attack_names_rows_that_are_there_and_every_caught_row_has_an_attack() -> None:
    numbers = {row.number for row in ROWS}
    assert all(attack.rows and set(attack.rows) <= numbers for attack in ATTACKS)
    shown = {number for attack in ATTACKS for number in attack.rows}
    assert not [row.number for row in ROWS if row.answer == "caught" and row.number not in shown]


def test_every_switch_of_the_evaluator_is_shown_by_an_attack() -> None:
    shown = {defence for attack in ATTACKS for defence in attack.defences}
    assert not {field.name for field in fields(Defences)} - shown


def test_there_are_as_many_attacks_as_the_documentation_says() -> None:
    doors = Counter(attack.door for attack in ATTACKS)
    assert sum(doors.values()) >= 60
    assert sum(count for door, count in doors.items() if door in BY_PROGRAM) >= 40
