"""Functions of one and of two numbers, each as text of CUDA and as NumPy.

They are in two pools of different functions, so that problems can be drawn that share no map with others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Map:
    """`text` holds {v} (once or twice); `exact` is that of NumPy, generic in the dtype."""

    text: str
    exact: Callable[[Array], Array]

    def of(self, value: str) -> str:
        return self.text.format(v=value)


@dataclass(frozen=True)
class Pair:
    """`text` holds {a} and {b}."""

    text: str
    exact: Callable[[Array, Array], Array]

    def of(self, a: str, b: str) -> str:
        return self.text.format(a=a, b=b)


@dataclass(frozen=True)
class Pool:
    """`weight` is the place of a map that is never negative: what rows are divided by is a sum of its values, and 1."""

    maps: tuple[Map, ...]
    pairs: tuple[Pair, ...]
    weight: int

    def chain(self, rng: Random, most: int) -> list[Map]:
        """One map or several, of which no two that follow each other are the same."""
        return rng.sample(self.maps, rng.randint(1, most))


FIRST = Pool(
    maps=(
        Map("{v} * 1.5f + 0.25f", lambda v: v * 1.5 + 0.25),
        Map("fmaxf({v}, 0.0f)", lambda v: np.maximum(v, 0.0)),
        Map("expf(-fabsf({v}))", lambda v: np.exp(-np.abs(v))),
        Map("sqrtf(fabsf({v}) + 1.0f)", lambda v: np.sqrt(np.abs(v) + 1.0)),
        Map("{v} * {v}", lambda v: v * v),
        Map("{v} / (1.0f + fabsf({v}))", lambda v: v / (1.0 + np.abs(v))),
    ),
    pairs=(
        Pair("{a} * {b}", lambda a, b: a * b),
        Pair("{a} - 0.5f * {b}", lambda a, b: a - 0.5 * b),
        Pair("fmaxf({a}, {b})", np.maximum),
    ),
    weight=2,
)
SECOND = Pool(
    maps=(
        Map("0.75f - {v} * 2.0f", lambda v: 0.75 - v * 2.0),
        Map("fminf({v}, 1.5f)", lambda v: np.minimum(v, 1.5)),
        Map("tanhf({v})", np.tanh),
        Map("fabsf({v})", np.abs),
        Map("1.0f / (1.0f + {v} * {v})", lambda v: 1.0 / (1.0 + v * v)),
        Map("logf(1.0f + fabsf({v}))", lambda v: np.log(1.0 + np.abs(v))),
    ),
    pairs=(
        Pair("{a} * {b} + {a}", lambda a, b: a * b + a),
        Pair("fminf({a}, {b})", np.minimum),
        Pair("{a} * 0.25f + {b}", lambda a, b: a * 0.25 + b),
    ),
    weight=5,
)


def exact_chain(maps: list[Map], value: Array) -> Array:
    for each in maps:
        value = each.exact(value)
    return value
