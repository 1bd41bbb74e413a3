"""An observation as the positions that `tiny` reads, version by version.

    [facts, 4 a position] [words] [moves so far] [legal options] [decide] [choices below]

Every position but those of facts is the sum of a few embeddings, whose indices are here (0: none). Options stand sorted
by rule, site and value, and a group of them is pointed at by its last one, which has seen the others. A decision is
taken rule -> site -> value; wherever that is a choice, it is taken at a position of its own, which sees all of the
observation and the choices above it, and none beside it: so one pass gives the probabilities of all decisions.

Limits: of the moves the last MOST_MOVES are read (`Encoded.cut` counts the others), sites beyond MOST_SITES look the
same, values beyond 2^20 are one. Facts, words and options are bounded by grammar and observation, and never cut.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from kernelevo.decisions import Decision, Grammar, Observation, Option
from kernelevo.errors import BadInput

VERSION = 1
"""Changes whenever the same observation is encoded otherwise: a base was trained with one encoding."""
FACTS_A_POSITION = 4
MOST_MOVES = 16
MOST_SITES = 64
MOST_RANKS = 32
VALUE_STEPS, VALUE_BOUND = 2, 20
"""Values are told apart by half powers of two, up to 2^20; those that share a bucket differ by their rank."""
VALUES = 2 * VALUE_STEPS * VALUE_BOUND + 2


class Kind(IntEnum):
    FACTS, WORD, MOVE, OPTION, DECIDE, CHOICE = range(6)


@dataclass(frozen=True)
class Position:
    """Indices into the tables of embeddings; `rank` counts moves from the last one, or values of one site."""

    kind: Kind
    rule: int = 0
    site: int = 0
    value: int = 0
    word: int = 0
    rank: int = 0


@dataclass(frozen=True)
class Choice:
    """One point of a decision: the place of its position after DECIDE (0 is DECIDE itself), that of the choice above it
    (-1: none), and the options that stand for its branches.
    """

    above: int
    branches: tuple[int, ...]


@dataclass(frozen=True)
class Encoded:
    """`facts` are by the grammar's order (0.0 where not `known`). `options` are in the order of `positions`; the first
    of these is at place `first_option`, DECIDE follows the last. `paths` tell for each option the choices that lead to
    it, as (choice, branch). `cut` is the number of the oldest moves that are not read.
    """

    facts: tuple[float, ...]
    known: tuple[bool, ...]
    positions: tuple[Position, ...]
    options: tuple[Option, ...]
    first_option: int
    choices: tuple[Choice, ...]
    paths: tuple[tuple[tuple[int, int], ...], ...]
    cut: int

    @property
    def tokens(self) -> int:
        """What is read before anything is decided, DECIDE included."""
        return self.first_option + len(self.options) + 1


class Encoder:
    """Of one grammar. Raises BadInput for an observation with names that are not in it."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._rules = {name: number for number, name in enumerate(grammar.rules, 1)}
        self._words = {name: number for number, name in enumerate(grammar.words, 1)}
        self._facts = frozenset(grammar.facts)

    def encode(self, observation: Observation) -> Encoded:
        self._require_names(observation)
        sites = _number_sites(observation)
        options = tuple(sorted(observation.options, key=lambda option: self._order(option.decision, sites)))
        moves = observation.moves[-MOST_MOVES:]
        groups = -(-len(self.grammar.facts) // FACTS_A_POSITION)
        read = [
            *(Position(Kind.FACTS, rank=min(group + 1, MOST_RANKS)) for group in range(groups)),
            *(Position(Kind.WORD, word=self._words[word]) for word in sorted(set(observation.words))),
            *(self._position(Kind.MOVE, move, sites, len(moves) - at) for at, move in enumerate(moves)),
        ]
        decisions = [option.decision for option in options]
        words = [self._words.get(option.word, 0) for option in options]
        choices, paths, places = _choices(decisions)
        positions = [
            *read,
            *(
                replace(self._position(Kind.OPTION, one, sites, rank), word=word)
                for one, rank, word in zip(decisions, _ranks(decisions), words, strict=True)
            ),
            Position(Kind.DECIDE),
            *(self._choice_position(place, sites) for place in places[1:]),
        ]  # fmt: skip
        facts, known = self._fact_columns(observation)
        cut = len(observation.moves) - len(moves)
        return Encoded(facts, known, tuple(positions), options, len(read), choices, paths, cut)

    def _require_names(self, observation: Observation) -> None:
        key = self.grammar.key
        if observation.grammar != key:
            raise BadInput(
                f"the observation is of the grammar {observation.grammar[:12]}, but the model's is {key[:12]} "
                f"({self.grammar.backend}, version {self.grammar.version}); ask a model that was made for it"
            )
        decisions = [*observation.moves, *(option.decision for option in observation.options)]
        strange = [
            *(decision.rule for decision in decisions if decision.rule not in self._rules),
            *(word for word in observation.words if word not in self._words),
            *(option.word for option in observation.options if option.word and option.word not in self._words),
            *(name for name in observation.facts if name not in self._facts),
        ]
        if strange:
            raise BadInput(f"the grammar {key[:12]} has no {strange[0]!r}, which the observation holds; correct it")

    def _order(self, decision: Decision, sites: dict[str, int]) -> tuple[int, int, bool, int]:
        value = decision.value
        return self._rules[decision.rule], sites[decision.site], value is not None, value or 0

    def _position(self, kind: Kind, decision: Decision, sites: dict[str, int], rank: int) -> Position:
        site, value = sites[decision.site], _value_bucket(decision.value)
        return Position(kind, self._rules[decision.rule], site, value, rank=min(rank, MOST_RANKS))

    def _choice_position(self, place: tuple[str, str | None], sites: dict[str, int]) -> Position:
        rule, site = place
        return Position(Kind.CHOICE, self._rules[rule], 0 if site is None else sites[site], rank=1 + (site is not None))

    def _fact_columns(self, observation: Observation) -> tuple[tuple[float, ...], tuple[bool, ...]]:
        found = [observation.facts.get(name) for name in self.grammar.facts]
        return tuple(0.0 if fact is None else fact for fact in found), tuple(fact is not None for fact in found)


def _number_sites(observation: Observation) -> dict[str, int]:
    """Sites by their first appearance, from 1 on: what they are called says nothing across kernels; "" is 0."""
    decisions = [*observation.moves, *(option.decision for option in observation.options)]
    names = dict.fromkeys(decision.site for decision in decisions if decision.site)
    return {"": 0} | {name: min(number, MOST_SITES) for number, name in enumerate(names, 1)}


def _value_bucket(value: int | None) -> int:
    """0 of none, then one bucket for each half power of two, negative ones first."""
    if value is None:
        return 0
    size = min(round(VALUE_STEPS * math.log2(1 + abs(value))), VALUE_STEPS * VALUE_BOUND)
    return 1 + VALUE_STEPS * VALUE_BOUND + (size if value >= 0 else -size)


def _ranks(decisions: Sequence[Decision]) -> Iterable[int]:
    """Of each decision among those of its rule and site, from 1 on."""
    for _, group in itertools.groupby(decisions, key=lambda decision: (decision.rule, decision.site)):
        yield from range(1, len(list(group)) + 1)


Place = tuple[str, str | None]


def _choices(
    decisions: Sequence[Decision],
) -> tuple[tuple[Choice, ...], tuple[tuple[tuple[int, int], ...], ...], list[Place]]:
    """The choices of sorted decisions, the path to each decision, and where each choice is taken (rule and site)."""
    choices: list[Choice] = []
    places: list[Place] = []
    paths: list[list[tuple[int, int]]] = [[] for _ in decisions]

    def split(options: range, above: int, level: int, place: Place) -> None:
        """Appends the choice among these neighbouring options, which share their first `level` parts."""
        groups = _groups(decisions, options, level)
        if len(groups) == 1 and level:
            if level < 2:
                split(options, above, level + 1, (place[0], decisions[options[0]].site))
            return
        number = len(choices)
        choices.append(Choice(above, tuple(group[-1] for group in groups)))
        places.append(place)
        for group in groups:
            for option in group:
                paths[option].append((number, group[-1]))
            first = decisions[group[0]]
            if level < 2 and len(group) > 1:
                split(group, number, level + 1, (first.rule, first.site if level else None))

    split(range(len(decisions)), -1, 0, ("", None))
    return tuple(choices), tuple(map(tuple, paths)), places


def _groups(decisions: Sequence[Decision], options: range, level: int) -> list[range]:
    """Neighbouring options with the same rule (level 0), site (1) or value (2)."""
    parts = ("rule", "site", "value")
    groups: list[range] = []
    for option in options:
        if groups and getattr(decisions[option], parts[level]) == getattr(decisions[groups[-1][0]], parts[level]):
            groups[-1] = range(groups[-1].start, option + 1)
        else:
            groups.append(range(option, option + 1))
    return groups
