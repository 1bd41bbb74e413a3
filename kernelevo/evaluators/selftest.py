"""The checker's self-test: would this problem's check refuse outputs that are plainly wrong, and accept an honest
one?

Each impostor is an output made without doing the work, or by doing it worse. One that passes on every trial cannot be
told from the truth by this problem's inputs and tolerance, and the problem is called not separable, naming it. That
can be right (the identity of a copy, an f16 result in an f16 output) and is then worth knowing; or the inputs or the
tolerance are too weak.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kernelevo.evaluators.compare import compare
from kernelevo.evaluators.expected import Expected, evaluate, expect
from kernelevo.evaluators.styles import LOWER, PRECISIONS, STYLES
from kernelevo.evaluators.summation import Rounded
from kernelevo.evaluators.trials import Drawn, draw, elements, plan_trials
from kernelevo.kernel import dtypes
from kernelevo.kernel.problem import Problem

TRIALS = 8
"""The largest trials are used; small ones (a single element) tell little."""

Array = np.ndarray
Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class SelfTest:
    """`survivors` are impostors that would pass; `honest` whether an honest result passes on every trial."""

    problem: str
    made: bool
    honest: bool
    refused: tuple[str, ...]
    survivors: tuple[str, ...]
    reason: str = ""

    @property
    def separable(self) -> bool:
        return self.made and self.honest and not self.survivors

    @property
    def sentence(self) -> str:
        """What a run prints about it, once."""
        start = f"checker self-test of {self.problem}:"
        if not self.made:
            return f"{start} not made, because {self.reason}"
        if not self.honest:
            return f"{start} the tolerance refuses an honest result ({self.reason}); declare a wider one, with a reason"
        if self.survivors:
            return (
                f"{start} not separable: {_list(self.survivors)} would pass; {_list(self.refused) or 'nothing'} refused"
            )
        return f"{start} {_list(self.refused)} outputs are refused, an honest one is accepted"


@dataclass(frozen=True)
class _Scene:
    """One trial with everything an impostor may use."""

    problem: Problem
    drawn: Drawn
    expected: Expected
    stale: Outputs
    rng: np.random.Generator

    def numbers(self, name: str) -> Array:
        return self.expected.values[name]


def self_test(problem: Problem, rng: np.random.Generator) -> SelfTest:
    """Tries every impostor on the problem's largest test trials; raises BadInput if the reference fails."""
    if problem.oracle is not None:
        return SelfTest(
            problem.name, False, False, (), (), f"expected outputs come from the oracle {problem.oracle.name}"
        )
    scenes = [_scene(problem, drawn, rng) for drawn in _largest(problem, rng)]
    complaint = next((text for scene in scenes for text in [_complaint(scene, _honest(scene))] if text), "")
    tried = {
        name: [made for scene in scenes for made in _tried(scene, make)] for name, make in _impostors(problem).items()
    }
    refused = tuple(name for name, passes in tried.items() if not all(passes))
    survivors = tuple(name for name, passes in tried.items() if passes and all(passes))
    return SelfTest(problem.name, True, not complaint, refused, survivors, complaint)


def _largest(problem: Problem, rng: np.random.Generator) -> list[Drawn]:
    trials = [trial for trial in plan_trials(problem, "search", rng) if not trial.timed]
    largest = sorted(trials, key=lambda trial: elements(problem, trial.case))[-TRIALS:]
    return [draw(problem, trial, rng) for trial in largest]


def _scene(problem: Problem, drawn: Drawn, rng: np.random.Generator) -> _Scene:
    other = draw(problem, drawn.trial, rng)
    return _Scene(problem, drawn, expect(problem, drawn), expect_values(problem, other), rng)


def expect_values(problem: Problem, drawn: Drawn) -> dict[str, Array]:
    """The reference's outputs in float64 (or integers), without bounds."""
    return evaluate(problem, drawn, lambda array: array)


def _complaint(scene: _Scene, outputs: Outputs) -> str:
    """Why these outputs would be refused; empty if they would pass."""
    for output in scene.problem.outputs:
        with np.errstate(all="ignore"):
            got = dtypes.rounded(outputs[output.name], output.dtype)
        bound = scene.expected.bounds[output.name]
        comparison = compare(output.name, got, scene.numbers(output.name), bound)
        if not comparison.passed:
            return f"case {scene.drawn.name}: {comparison.text.splitlines()[0]}"
    return ""


def _tried(scene: _Scene, make: Callable[[_Scene], Outputs | None]) -> list[bool]:
    """Whether the impostor passes on this scene; empty where there is none of its kind."""
    outputs = make(scene)
    return [] if outputs is None else [not _complaint(scene, outputs)]


def _honest(scene: _Scene) -> Outputs:
    return _computed(scene, scene.problem.compute_dtype.name, "lanes")


def _computed(scene: _Scene, precision: str, style: str) -> Outputs:
    made = STYLES[style](PRECISIONS[precision])

    def wrap(array: Array) -> Array:
        return Rounded.of(array, made)

    return evaluate(scene.problem, scene.drawn, wrap)


def _impostors(problem: Problem) -> dict[str, Callable[[_Scene], Outputs | None]]:
    impostors = {
        "zero": _zeros, "mean": _mean, "identity": _identity, "stale": _stale, "permuted": _permuted,
        "half-written": _half_written, "one-element-wrong": _one_wrong,
    }  # fmt: skip
    lower = LOWER.get(problem.compute_dtype.name)
    if lower is not None and any(output.dtype.is_float for output in problem.outputs):
        impostors[f"{lower}-precision"] = lambda scene: _computed(scene, lower, "lanes")
    return impostors


def _each(scene: _Scene, change: Callable[[Array], Array]) -> Outputs:
    return {name: change(values) for name, values in scene.expected.values.items()}


def _zeros(scene: _Scene) -> Outputs:
    return _each(scene, np.zeros_like)


def _mean(scene: _Scene) -> Outputs | None:
    if _scalar_outputs(scene):
        return None
    return _each(scene, lambda values: np.full_like(values, _finite(values).mean() if _finite(values).size else 0))


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]


def _identity(scene: _Scene) -> Outputs | None:
    """Each output is an input of its shape; None where some output has no such input."""
    inputs = {
        each.name: dtypes.from_storage(scene.drawn.inputs[each.name], each.dtype) for each in scene.problem.inputs
    }
    outputs = {}
    for name, values in scene.expected.values.items():
        like = [each for each in inputs.values() if each.shape == values.shape and each.dtype.kind == values.dtype.kind]
        if not like:
            return None
        outputs[name] = like[0]
    return outputs


def _stale(scene: _Scene) -> Outputs:
    return scene.stale


def _scalar_outputs(scene: _Scene) -> bool:
    """Whether every output has one element, which is its own mean and its only order."""
    return all(values.size == 1 for values in scene.expected.values.values())


def _permuted(scene: _Scene) -> Outputs | None:
    if _scalar_outputs(scene):
        return None
    return _each(scene, lambda values: np.roll(values.reshape(-1), 1).reshape(values.shape))


def _half_written(scene: _Scene) -> Outputs:
    def half(name: str) -> Array:
        mixed = np.array(scene.numbers(name)).reshape(-1)
        mixed[mixed.size // 2 :] = scene.stale[name].reshape(-1)[mixed.size // 2 :]
        return mixed.reshape(scene.numbers(name).shape)

    return {name: half(name) for name in scene.expected.values}


def _one_wrong(scene: _Scene) -> Outputs:
    """One element, at a random place, off by the output's typical size (an integer by one)."""

    def spoil(values: Array) -> Array:
        spoiled = np.array(values)
        size = np.abs(_finite(values)).mean() if values.dtype.kind == "f" and _finite(values).size else 0.0
        place = int(scene.rng.integers(values.size))
        flat = spoiled.reshape(-1)
        flat[place] = flat[place] + size if values.dtype.kind == "f" else flat[place] ^ 1
        return spoiled

    return _each(scene, spoil)


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
