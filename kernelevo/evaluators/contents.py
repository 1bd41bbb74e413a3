"""Contents of the inputs of timed calls: each call has one that no call had before.

What a figure rests on is drawn anew. Between such calls there are others on the content of the one before with a few
elements changed, somewhere, to a value of any of the input's distributions: so rare huge elements are met at places
that nobody can guess, and whoever recognises an input by a sample of it, or by its address, takes an old one for new.
They are checked, and in no figure: who keeps the last input with its output, and works on what differs only, is right
there and fast. Only inputs whose distributions go element by element are changed so; others (sorted, permuted, by a
function) are not.

The expected outputs of a changed content cost one evaluation of the reference. Its bounds are those of the content it
came from, as long as the outputs are within them; where they are not, the bounds are derived anew before anyone is
called wrong, because a huge element moves the scale of what it is summed with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from kernelevo.evaluators.expected import Expected, as_stored, evaluate
from kernelevo.evaluators.trials import Drawn, Trial, draw
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.problem import Problem

Array = np.ndarray
MOST_CHANGED = 4


@dataclass
class Content:
    """One drawn input, and its expected outputs once they are known. `origin` is what it was changed from."""

    drawn: Drawn
    origin: Content | None = None
    expected: Expected | None = None
    derived: bool = False
    """Whether the bounds are its own."""


class Contents:
    """Draws contents, and knows what is expected of them. `expect` derives values and bounds of a trial."""

    def __init__(
        self, problem: Problem, rng: np.random.Generator, expect: Callable[[Drawn], Expected], fresh: bool = True
    ) -> None:
        self._problem = problem
        self._rng = rng
        self._expect = expect
        self._fresh = fresh
        self._latest: dict[tuple[str, int], Content] = {}

    def next(self, trial: Trial) -> Content:
        """A content that was never there; with `fresh` off (a control of the red team) the same one every time."""
        key = (trial.case.name, trial.index)
        latest = self._latest.get(key)
        if latest is not None and not self._fresh:
            return latest
        self._latest[key] = Content(draw(self._problem, trial, self._rng))
        return self._latest[key]

    def changed(self, trial: Trial) -> Content | None:
        """The latest content of the trial with a few elements changed; None where it has none that can be changed."""
        key = (trial.case.name, trial.index)
        latest = self._latest.get(key)
        if latest is None or not self._fresh or not self._changeable():
            return None
        self._latest[key] = Content(self._changed(latest.drawn, trial), latest)
        return self._latest[key]

    def expected(self, content: Content) -> Expected:
        """Values, and bounds that may still be those of its origin."""
        if content.expected is None:
            origin = content.origin
            if origin is None or origin.expected is None or self._problem.reference is None:
                return self.derive(content)
            values = _values(self._problem, content.drawn)
            content.expected = Expected(values, origin.expected.bounds, styles=origin.expected.styles)
            content.origin = None  # nothing of it is needed any more
        return content.expected

    def derive(self, content: Content) -> Expected:
        """With bounds of its own."""
        content.expected, content.derived, content.origin = self._expect(content.drawn), True, None
        return content.expected

    def _changeable(self) -> list[Tensor]:
        choices = self._problem.distributions
        return [tensor for tensor in self._problem.inputs if all(each.elementwise for each in choices[tensor.name])]

    def _changed(self, drawn: Drawn, trial: Trial) -> Drawn:
        tensors = self._changeable()
        tensor = tensors[int(self._rng.integers(len(tensors)))]
        inputs = dict(drawn.inputs)
        inputs[tensor.name] = self._with_others(tensor, drawn.inputs[tensor.name], trial.case.dims)
        return replace(drawn, trial=trial, inputs=inputs)

    def _with_others(self, tensor: Tensor, array: Array, dims: Mapping[str, int]) -> Array:
        choices = self._problem.distributions[tensor.name]
        changed = array.copy()
        flat = changed.reshape(-1)
        count = int(self._rng.integers(1, MOST_CHANGED + 1))
        places = self._rng.integers(0, flat.size, count)
        chosen = choices[int(self._rng.integers(len(choices)))]
        flat[places] = chosen.draw(self._rng, (count,), tensor.dtype, dims)
        return changed


def _values(problem: Problem, drawn: Drawn) -> dict[str, Array]:
    exact = evaluate(problem, drawn, lambda array: array)
    return {output.name: as_stored(output, exact[output.name]) for output in problem.outputs}
