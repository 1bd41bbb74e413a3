"""What proposers say of their moves, as decisions."""

from __future__ import annotations

import pytest

from kernelevo.backends.kernels.moves import legal_moves
from kernelevo.decisions import Decision
from kernelevo.proposers.scripted import ScriptedProposer
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

RULES = ("tile", "vector_loads", "block_shape", "restrict", "tune", "stop")
START = Candidate("start")


def decisions(*moves: tuple[str, ...], texts: tuple[str, ...] = ()) -> list[Decision]:
    """Those of candidates with these moves, made by texts of their own unless they are given."""
    named = texts or tuple(map(str, range(len(moves))))
    candidates = [Candidate(text, moves=made) for text, made in zip(named, moves, strict=True)]
    score = Figure(1.0, "us", "null", "modelled")
    verdict = Verdict(START.id, "null", Status.PASSED, "", score, checks=(Check("all", True, "fine"),))
    proposer = ScriptedProposer({START.id: candidates})
    return list(legal_moves(Attempt(START, verdict), [proposer], RULES, "test"))


@pytest.mark.parametrize(
    ("move", "decision"),
    [
        ("vector_loads(copy, width=4)", Decision("vector_loads", "copy", 4)),
        ("block_shape(copy, x=32, y=8)", Decision("block_shape", "copy", 32)),
        ("tile(copy, rows=BLOCK / 32)", Decision("tile", "copy")),
        ("restrict(first, second)", Decision("restrict", "first second")),
        ("tune(BLOCK=64)", Decision("tune", "BLOCK", 64)),
        ("restrict", Decision("restrict")),
    ],
)
def test_a_move_is_a_decision(move: str, decision: Decision) -> None:
    assert decisions((move,)) == [decision]


def test_moves_that_would_be_one_decision_are_told_apart_by_their_parameters() -> None:
    found = decisions(("block_shape(copy, x=32, y=8)",), ("block_shape(copy, x=32, y=16)",))
    assert found == [Decision("block_shape", "copy", 32), Decision("block_shape", "copy x=32 y=16", 32)]


def test_the_order_is_that_of_the_rules_and_what_is_no_single_move_of_a_known_rule_is_left_out() -> None:
    found = decisions(("tune(BLOCK=64)",), ("tile(copy)", "tune(BLOCK=32)"), ("unknown(copy)",), ("tile(copy)",))
    assert found == [Decision("tile", "copy"), Decision("tune", "BLOCK", 64)]


def test_programs_that_are_there_already_are_left_out() -> None:
    assert decisions(("tile(copy)",), ("tile(other)",), ("restrict(copy)",), texts=("start", "a", "a")) == [
        Decision("tile", "other")
    ]
