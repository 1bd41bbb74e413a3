"""Mutants: outputs made without doing the work, or by doing it worse. A check that is worth its name refuses them.

Each takes a scene (one trial, and everything that may be used) and the name of one output, and gives wrong values for
it; the other outputs stay right, so that every output is shown to be checked. None: there is none of its kind here.
Values are float64 (or an integer type) in the output's shape; they are rounded to the output's storage before they are
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from kernelevo.evaluators.expected import Expected, evaluate
from kernelevo.evaluators.styles import LOWER, PRECISIONS, STYLES, Precision, Style
from kernelevo.evaluators.summation import Rounded
from kernelevo.evaluators.trials import Drawn
from kernelevo.kernel import dtypes
from kernelevo.kernel.problem import Problem

SHARE = 0.01
"""Of the elements that one-percent-wrong spoils."""

Array = np.ndarray
Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Scene:
    """One trial: what is expected, the answer to other inputs of the same case (`stale`), and randomness."""

    problem: Problem
    drawn: Drawn
    expected: Expected
    stale: Outputs
    rng: np.random.Generator
    _computed: dict[tuple[str, str], Outputs] = field(default_factory=dict)

    def right(self, output: str) -> Array:
        return self.expected.values[output]

    def computed(self, precision: str, style: str, make: Callable[[Precision], Style]) -> Outputs:
        """The reference's outputs as an implementation of this precision and style has them."""
        if (precision, style) not in self._computed:
            wrap = partial(Rounded.of, style=make(PRECISIONS[precision]))
            self._computed[precision, style] = evaluate(self.problem, self.drawn, wrap)
        return self._computed[precision, style]


Make = Callable[[Scene, str], Array | None]


@dataclass(frozen=True)
class Mutant:
    """`words` say what an output of it is."""

    name: str
    words: str
    make: Make


def mutants(problem: Problem) -> tuple[Mutant, ...]:
    """All that there are for this problem."""
    lower = LOWER.get(problem.compute_dtype.name, ())
    return (*_PLAIN, *(_lower_precision(problem.compute_dtype.name, name) for name in lower))


def _zeros(scene: Scene, output: str) -> Array:
    return np.zeros_like(scene.right(output))


def _mean(scene: Scene, output: str) -> Array | None:
    values = scene.right(output)
    finite = _finite(values)
    return None if values.size == 1 else np.full_like(values, finite.mean() if finite.size else 0)


def _identity(scene: Scene, output: str) -> Array | None:
    """The first input of the output's shape and kind; None where there is none."""
    values = scene.right(output)
    for tensor in scene.problem.inputs:
        numbers = dtypes.from_storage(scene.drawn.inputs[tensor.name], tensor.dtype)
        if numbers.shape == values.shape and numbers.dtype.kind == values.dtype.kind:
            return numbers
    return None


def _stale(scene: Scene, output: str) -> Array:
    return scene.stale[output]


def _permuted(scene: Scene, output: str) -> Array | None:
    values = scene.right(output)
    return None if values.size == 1 else np.roll(values.reshape(-1), 1).reshape(values.shape)


def _half_written(scene: Scene, output: str) -> Array:
    mixed = np.array(scene.right(output)).reshape(-1)
    half = mixed.size // 2
    mixed[half:] = scene.stale[output].reshape(-1)[half:]
    return mixed.reshape(scene.right(output).shape)


def _one_percent(scene: Scene, output: str) -> Array:
    count = max(1, round(SHARE * scene.right(output).size))
    return _spoiled(scene, output, count)


def _one_element(scene: Scene, output: str) -> Array:
    return _spoiled(scene, output, 1)


def _spoiled(scene: Scene, output: str, count: int) -> Array:
    """So many elements, at random places, off by the output's typical size (its median magnitude, or 1; an integer by
    one).
    """
    spoiled = np.array(scene.right(output), order="C")
    flat = spoiled.reshape(-1)
    places = scene.rng.choice(flat.size, count, replace=False)
    if flat.dtype.kind != "f":
        flat[places] ^= 1
        return spoiled
    sizes = np.abs(_finite(flat))
    size = float(np.median(sizes)) if sizes.size else 0.0
    flat[places] += (size or 1.0) * scene.rng.choice([-1.0, 1.0], count)
    return spoiled


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]


def _lower_precision(compute: str, precision: str) -> Mutant:
    def make(scene: Scene, output: str) -> Array | None:
        if scene.right(output).dtype.kind != "f":
            return None
        values = scene.computed(precision, "lanes", STYLES["lanes"])[output]
        if PRECISIONS[precision].factor_bits is None:
            return values
        # Without a matrix product there are no factors to round, and this is no lower precision.
        usual = scene.computed("f32", "lanes", STYLES["lanes"])[output]
        return None if np.array_equal(values, usual, equal_nan=True) else values

    return Mutant(f"{precision}-precision", f"computed in {precision}, where {compute} is declared", make)


_PLAIN = (
    Mutant("zero", "zeros", _zeros),
    Mutant("mean", "its mean everywhere", _mean),
    Mutant("identity", "an input as it is", _identity),
    Mutant("stale", "the answer to other inputs", _stale),
    Mutant("permuted", "every element moved on by one", _permuted),
    Mutant("half-written", "the second half the answer to other inputs", _half_written),
    Mutant("one-percent-wrong", "1 % of the elements off by a typical value", _one_percent),
    Mutant("one-element-wrong", "one element off by a typical value", _one_element),
)
