"""A made-up grammar and observations of it, for tests of the embedded model."""

from __future__ import annotations

import random

from kernelevo.decisions import STOP, STOP_RULE, Decision, Grammar, Observation, Option

GRAMMAR = Grammar(
    "toy", 1, (STOP_RULE, "copy", "tile", "tune"), ("log2_gain", "occupancy", "waves", "log2_cols", "moves"),
    ("memory-bound", "uncoalesced"),
)  # fmt: skip
OPTIONS = (
    STOP, Decision("copy"), Decision("tile", "a", 16), Decision("tile", "a", 32), Decision("tile", "b", 16),
    Decision("tune", "BLOCK", 64), Decision("tune", "BLOCK", 128), Decision("tune", "BLOCK", 256),
)  # fmt: skip


def observation(
    *options: Decision, biases: dict[Decision, float] | None = None, moves: tuple[Decision, ...] = (),
    words: tuple[str, ...] = ("memory-bound",), **facts: float,
) -> Observation:  # fmt: skip
    """One with these options (default: OPTIONS) and facts."""
    chosen = tuple(Option(one, (biases or {}).get(one, 0.0)) for one in options or OPTIONS)
    return Observation(GRAMMAR.key, facts or {"occupancy": 0.5, "log2_cols": 10.0}, words, moves, chosen)


def random_observation(source: random.Random) -> Observation:
    options = [STOP, *(one for one in OPTIONS[1:] if source.random() < 0.7)]
    source.shuffle(options)
    facts = {name: source.uniform(-4, 12) for name in GRAMMAR.facts if source.random() < 0.8}
    words = tuple(word for word in GRAMMAR.words if source.random() < 0.5)
    moves = tuple(source.choice(OPTIONS[1:]) for _ in range(source.randrange(4)))
    biases = {one: source.uniform(-1, 1) for one in options}
    return Observation(GRAMMAR.key, facts, words, moves, tuple(Option(one, biases[one]) for one in options))
