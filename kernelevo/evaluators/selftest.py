"""The checker's self-test: would this problem's check refuse outputs that are plainly wrong, and accept an honest
one?

Each mutant (`mutants.py`) is tried on the problem's largest test trials, in one output at a time. One that passes on
every trial cannot be told from the truth by this problem's inputs and tolerance, and the problem is called not
separable, naming it. That can be right (the identity of a copy, an f16 result in an f16 output) and is then worth
knowing; or the inputs or the tolerance are too weak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.evaluators.compare import Comparison, compare
from kernelevo.evaluators.expected import evaluate, expect
from kernelevo.evaluators.mutants import Mutant, Scene, mutants
from kernelevo.evaluators.styles import STYLES, block
from kernelevo.evaluators.tolerance_words import Derivation, derivation
from kernelevo.evaluators.trials import Drawn, draw, drawn_from, elements, plan_trials
from kernelevo.kernel import dtypes
from kernelevo.kernel.problem import Problem

TRIALS = 8
"""The largest trials are used; small ones (a single element) tell little."""
HONEST = {**STYLES, "block": block}
"""Honest implementations that must pass; "block" is none of those that a tolerance is derived from."""

Array = np.ndarray


@dataclass(frozen=True)
class Closest:
    """The largest error of an output in units of its bound, and where: case, and what the inputs were drawn from."""

    ratio: float
    case: str
    inputs: str


@dataclass(frozen=True)
class MutantResult:
    """One mutant in one output: on how many trials it was tried and refused; `closest` is that of the trial where it
    came through with the largest error, None if it was refused on all.
    """

    name: str
    words: str
    output: str
    trials: int
    refused: int
    closest: Closest | None

    @property
    def survived(self) -> bool:
        return self.refused == 0


@dataclass(frozen=True)
class HonestResult:
    """One honest style: its largest error over all outputs and trials, and the complaint if it was refused."""

    style: str
    worst: Closest
    complaint: str


@dataclass(frozen=True)
class SelfTest:
    """What became of mutants and honest styles; `derivations` hold each trial's tolerance by output."""

    problem: str
    results: tuple[MutantResult, ...] = ()
    honest_results: tuple[HonestResult, ...] = ()
    derivations: tuple[Mapping[str, Derivation], ...] = ()
    not_made: str = ""

    @property
    def made(self) -> bool:
        return not self.not_made

    @property
    def complaint(self) -> str:
        """Why an honest result is refused; empty if none is."""
        return next((each.complaint for each in self.honest_results if each.complaint), "")

    @property
    def honest(self) -> bool:
        return self.made and not self.complaint

    @property
    def survivors(self) -> tuple[str, ...]:
        """Mutants that pass on every trial, in some output."""
        return tuple(dict.fromkeys(each.name for each in self.results if each.survived))

    @property
    def refused(self) -> tuple[str, ...]:
        survivors = self.survivors
        return tuple(dict.fromkeys(each.name for each in self.results if each.name not in survivors))

    @property
    def separable(self) -> bool:
        return self.honest and not self.survivors

    @property
    def sentence(self) -> str:
        """What a run prints about it, once."""
        start = f"checker self-test of {self.problem}:"
        if not self.made:
            return f"{start} not made, because {self.not_made}"
        if not self.honest:
            return (
                f"{start} the tolerance refuses an honest result ({self.complaint}); declare a wider one, with a reason"
            )
        if self.survivors:
            return (
                f"{start} not separable: {_list(self.survivors)} would pass; {_list(self.refused) or 'nothing'} refused"
            )
        return f"{start} {_list(self.refused)} outputs are refused, an honest one is accepted"


def self_test(problem: Problem, rng: np.random.Generator) -> SelfTest:
    """Tries every mutant and honest style on the problem's largest test trials; raises BadInput if the reference
    fails.
    """
    if problem.oracle is not None:
        return SelfTest(problem.name, not_made=f"expected outputs come from the oracle {problem.oracle.name}")
    scenes = [_scene(problem, drawn, rng) for drawn in _largest(problem, rng)]
    return SelfTest(
        problem.name,
        tuple(_mutant_results(problem, scenes)),
        tuple(_honest_result(style, scenes) for style in HONEST),
        tuple(_derivations(scene) for scene in scenes),
    )


def _largest(problem: Problem, rng: np.random.Generator) -> list[Drawn]:
    trials = [trial for trial in plan_trials(problem, "search", rng) if not trial.timed]
    largest = sorted(trials, key=lambda trial: elements(problem, trial.case))[-TRIALS:]
    return [draw(problem, trial, rng) for trial in largest]


def _scene(problem: Problem, drawn: Drawn, rng: np.random.Generator) -> Scene:
    other = draw(problem, drawn.trial, rng)
    return Scene(problem, drawn, expect(problem, drawn), evaluate(problem, other, lambda array: array), rng)


def _derivations(scene: Scene) -> dict[str, Derivation]:
    return {output.name: derivation(scene.problem, output, scene.expected) for output in scene.problem.outputs}


def _compared(scene: Scene, name: str, values: Array) -> Comparison:
    """`values` of the output `name`, stored as it is, against what is expected."""
    output = next(output for output in scene.problem.outputs if output.name == name)
    with np.errstate(all="ignore"):
        got = dtypes.rounded(values, output.dtype)
    return compare(name, got, scene.right(name), scene.expected.bounds[name])


def _closest(scene: Scene, ratio: float) -> Closest:
    return Closest(ratio, scene.drawn.name, drawn_from(scene.problem, scene.drawn.trial))


def _mutant_results(problem: Problem, scenes: Sequence[Scene]) -> list[MutantResult]:
    results = [_mutant_result(mutant, output.name, scenes) for mutant in mutants(problem) for output in problem.outputs]
    return [result for result in results if result.trials]


def _mutant_result(mutant: Mutant, output: str, scenes: Sequence[Scene]) -> MutantResult:
    made = [(scene, mutant.make(scene, output)) for scene in scenes]
    tried = [(scene, _compared(scene, output, values)) for scene, values in made if values is not None]
    passed = [_closest(scene, comparison.ratio) for scene, comparison in tried if comparison.passed]
    closest = max(passed, key=lambda each: each.ratio, default=None)
    return MutantResult(mutant.name, mutant.words, output, len(tried), len(tried) - len(passed), closest)


def _honest_result(style: str, scenes: Sequence[Scene]) -> HonestResult:
    worst, complaint = Closest(-1.0, "", ""), ""
    for scene in scenes:
        outputs = scene.computed(scene.problem.compute_dtype.name, style, HONEST[style])
        for name, values in outputs.items():
            comparison = _compared(scene, name, values)
            if comparison.ratio > worst.ratio:
                worst = _closest(scene, comparison.ratio)
            if not comparison.passed and not complaint:
                complaint = f"case {scene.drawn.name}: {comparison.text.splitlines()[0]}"
    return HonestResult(style, worst, complaint)


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
