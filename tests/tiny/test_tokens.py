"""Observations as positions: what is told apart, what is cut, what is refused."""

from __future__ import annotations

import itertools
import random

import pytest
from tiny.observations import GRAMMAR, OPTIONS, observation, random_observation

from kernelevo.decisions import STOP, Decision, Grammar
from kernelevo.errors import BadInput
from kernelevo.models.tiny.tokens import MOST_MOVES, Encoder, Kind

ENCODER = Encoder(GRAMMAR)


def test_positions_come_in_their_order_and_options_are_a_run_of_them() -> None:
    encoded = ENCODER.encode(observation(moves=(Decision("copy"),)))
    kinds = [position.kind for position in encoded.positions]
    assert kinds == sorted(kinds)
    run = encoded.positions[encoded.first_option : encoded.first_option + len(OPTIONS)]
    assert {position.kind for position in run} == {Kind.OPTION}
    assert encoded.positions[encoded.tokens - 1].kind is Kind.DECIDE


def test_every_option_has_positions_of_its_own() -> None:
    encoded = ENCODER.encode(observation())
    run = encoded.positions[encoded.first_option : encoded.first_option + len(OPTIONS)]
    assert len(set(run)) == len(OPTIONS)


def test_the_order_of_rules_and_values_changes_nothing() -> None:
    """That of sites does: they are numbered as they come."""
    other = (OPTIONS[1], OPTIONS[3], OPTIONS[4], *reversed(OPTIONS[5:]), OPTIONS[2], OPTIONS[0])
    assert ENCODER.encode(observation(*OPTIONS)) == ENCODER.encode(observation(*other))


def test_what_a_site_is_called_changes_nothing_but_the_options() -> None:
    one = ENCODER.encode(observation(STOP, Decision("tile", "a", 16), Decision("tile", "b", 16)))
    other = ENCODER.encode(observation(STOP, Decision("tile", "x", 16), Decision("tile", "y", 16)))
    assert one.positions == other.positions and one.options != other.options


def test_a_move_and_an_option_at_one_site_share_it() -> None:
    encoded = ENCODER.encode(observation(moves=(Decision("tune", "BLOCK", 64),)))
    move = next(position for position in encoded.positions if position.kind is Kind.MOVE)
    options = dict(zip(encoded.options, encoded.positions[encoded.first_option :], strict=False))
    same = [at for option, at in options.items() if option.decision.site == "BLOCK"]
    assert same and {at.site for at in same} == {move.site}


def test_choices_are_only_where_there_is_one() -> None:
    assert len(ENCODER.encode(observation(STOP, Decision("copy"))).choices) == 1
    assert len(ENCODER.encode(observation(STOP, Decision("tile", "a", 16))).choices) == 1
    assert len(ENCODER.encode(observation(STOP, Decision("tile", "a", 16), Decision("tile", "a", 32))).choices) == 2
    # tile: which site, and at one of the sites which value
    assert len(ENCODER.encode(observation(*OPTIONS)).choices) == 4


@pytest.mark.parametrize("seed", range(20))
def test_every_option_is_reached_by_one_path_through_branches(seed: int) -> None:
    encoded = ENCODER.encode(random_observation(random.Random(seed)))
    for path in encoded.paths:
        assert path[0][0] == 0
        for number, branch in path:
            assert branch in encoded.choices[number].branches
        for (above, _), (number, _) in itertools.pairwise(path):
            assert encoded.choices[number].above == above
    assert len(set(encoded.paths)) == len(encoded.options)


def test_the_oldest_moves_are_cut_and_counted() -> None:
    moves = tuple(Decision("tune", "BLOCK", 2 + number) for number in range(MOST_MOVES + 3))
    encoded = ENCODER.encode(observation(moves=moves))
    assert encoded.cut == 3
    assert sum(position.kind is Kind.MOVE for position in encoded.positions) == MOST_MOVES


def test_a_fact_that_is_not_known_is_no_zero() -> None:
    encoded = ENCODER.encode(observation(occupancy=0.0))
    assert encoded.facts == (0.0,) * 5
    assert encoded.known == (False, True, False, False, False)


def test_an_observation_of_another_grammar_is_refused_by_its_key() -> None:
    other = Grammar("toy", 2, GRAMMAR.rules, GRAMMAR.facts, GRAMMAR.words)
    with pytest.raises(BadInput, match=GRAMMAR.key[:12]):
        Encoder(other).encode(observation())


@pytest.mark.parametrize(
    "strange", [observation(STOP, Decision("fuse")), observation(words=("cold",)), observation(speed=1.0)]
)
def test_names_that_the_grammar_has_not_are_refused(strange: object) -> None:
    with pytest.raises(BadInput, match=r"has no '(fuse|cold|speed)'"):
        ENCODER.encode(strange)  # type: ignore[arg-type]
