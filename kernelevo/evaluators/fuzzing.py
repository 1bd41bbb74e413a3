"""Shape fuzzing: examples are drawn until one fails, and that one is shrunk to the smallest that still does.

`sizes.py` says what may be drawn. An example is judged by `probe`, which runs the kernel on it as one trial: it ends,
its inputs are unchanged, its outputs are right; of small ones under two poisons and in two orders of threads. Accesses
that nothing orders are not looked for; the full checks do that.

Examples are drawn evenly (hypothesis would repeat itself). hypothesis shrinks the first that fails (extra `fuzz`): an
example is a list of whole numbers, and simpler ones come from smaller numbers. What it does not find are smaller sizes
that only have a divisor in common with the failing one, so these and some others are tried last.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelevo.errors import NotInstalled
from kernelevo.evaluators.example import Example
from kernelevo.evaluators.sizes import Dimension, Sizes, Whole
from kernelevo.evaluators.trials import ALLOCATION, distributions
from kernelevo.kernel.problem import Problem
from kernelevo.types import Status, Verdict

EXAMPLES = 200
MOST_SEED = 1 << 16
STEPS_OF_OFFSET = 8
"""A pointer is moved by up to so many times its declared alignment."""
TRIES = 50
"""For each example, where constraints between dimensions refuse some."""
POLISHED = 64
SHRINKING = 300
"""Runs that hypothesis may take to shrink."""

Probe = Callable[[Example], Verdict | None]
"""What is wrong with the kernel on an example; None if nothing is."""


@dataclass
class Fuzzed:
    """What fuzzing came to. `examples` counts those that were drawn, without those of shrinking; `failing` is the
    smallest one that failed, `unsupported` the verdict on one that this device cannot execute.
    """

    seed: int
    examples: int = 0
    shrinking: int = 0
    seconds: float = 0.0
    smallest: dict[str, int] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)
    moved: int = 0
    drawn: Counter[int] = field(default_factory=Counter)
    failing: tuple[Example, Verdict] | None = None
    unsupported: Verdict | None = None
    unsteady: bool = False
    """The example failed, and did not fail when it ran again."""

    def count(self, example: Example, dims: dict[str, int]) -> None:
        self.examples += 1
        self.moved += bool(example.offsets)
        self.drawn[example.index] += 1
        for name, size in dims.items():
            self.smallest[name] = min(size, self.smallest.get(name, size))
            self.largest[name] = max(size, self.largest.get(name, size))


class _Stop(Exception):
    """Nothing more can be learned: this device cannot execute the kernel."""


def fuzz(problem: Problem, probe: Probe, examples: int, seed: int, folder: Path) -> Fuzzed:
    """Draws at most so many examples, the same for the same seed; raises NotInstalled without hypothesis, which may
    keep its notes in `folder`.
    """
    hypothesis = _hypothesis(folder)
    fuzzed, started = Fuzzed(seed), time.monotonic()
    fuzzer = _Fuzzer(problem, probe, fuzzed)
    try:
        choices = fuzzer.search(np.random.default_rng(seed), examples)
        if choices is not None:
            fuzzer.shrink(hypothesis, choices)
            fuzzer.polish()
    except _Stop:
        pass
    fuzzed.seconds = time.monotonic() - started
    return fuzzed


class _Fuzzer:
    """Finds a failing example, and makes it smaller; what it comes to is in `fuzzed`."""

    def __init__(self, problem: Problem, probe: Probe, fuzzed: Fuzzed) -> None:
        self.problem, self.probe, self.fuzzed = problem, probe, fuzzed
        self.sizes = Sizes(problem)

    def search(self, rng: np.random.Generator, examples: int) -> list[int] | None:
        """The whole numbers that the first failing example was made of; None if none failed."""
        for _ in range(TRIES * examples):
            choices: list[int] = []

            def whole(low: int, high: int, choices: list[int] = choices) -> int:
                if low == high:  # hypothesis does not count what is no choice.
                    return low
                choices.append(int(rng.integers(low, high, endpoint=True)))
                return choices[-1]

            example, dims = self._drawn(whole)
            if example is None:
                continue
            self.fuzzed.count(example, dims)
            if self._fails(example):
                return choices
            if self.fuzzed.examples == examples:
                break
        return None

    def shrink(self, hypothesis: Any, choices: list[int]) -> None:
        """Lets hypothesis begin with these numbers. One more than are used: it shrinks only what it knows to be no
        result of its own.
        """
        database, key = hypothesis.database.InMemoryExampleDatabase(), b"failing"
        database.save(key, hypothesis.database.choices_to_bytes([*choices, 0]))
        phases = (hypothesis.Phase.reuse, hypothesis.Phase.shrink)
        settings = hypothesis.settings(
            max_examples=SHRINKING, database=database, deadline=None, phases=phases,
            verbosity=hypothesis.Verbosity.quiet, suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        # As its plugin for pytest does it: with find(random=...) it would not look into the database.
        before, hypothesis.core.global_force_seed = hypothesis.core.global_force_seed, self.fuzzed.seed
        try:
            hypothesis.find(self._strategy(hypothesis), self._fails_again, settings=settings, database_key=key)
        except (hypothesis.errors.NoSuchExample, hypothesis.errors.Flaky):
            self.fuzzed.unsteady = True
        finally:
            hypothesis.core.global_force_seed = before

    def polish(self) -> None:
        """Tries smaller sizes of each dimension, then the first inputs, and fewer moved pointers."""
        for dimension in self.sizes.dimensions:
            self._lower(dimension, self._best_count(dimension))
        for simpler in _simpler(self._best):
            if self._fails_again(simpler):
                break

    @property
    def _best(self) -> Example:
        assert self.fuzzed.failing is not None
        return self.fuzzed.failing[0]

    def _best_count(self, dimension: Dimension) -> int:
        return dict(self.problem.case(self._best.case).dims)[dimension.name] // dimension.granule

    def _lower(self, dimension: Dimension, count: int) -> None:
        """The first of some smaller counts that fails, and from there down to the last that passed, by bisection."""
        passes, fails = 0, count
        for smaller in smaller_counts(count):
            if self._fails_at(dimension, smaller):
                fails = smaller
                break
            passes = smaller
        while fails - passes > 1:
            middle = (passes + fails) // 2
            passes, fails = (passes, middle) if self._fails_at(dimension, middle) else (middle, fails)

    def _fails_at(self, dimension: Dimension, count: int) -> bool:
        dims = {**self.problem.case(self._best.case).dims, dimension.name: count * dimension.granule}
        return self.problem.allows(dims) and self._fails_again(replace(self._best, case=_case(dims)))

    def _drawn(self, whole: Whole) -> tuple[Example | None, dict[str, int]]:
        """An example, or None where the sizes break a constraint between dimensions."""
        dims = self.sizes.draw(whole)
        if not self.problem.allows(dims):
            return None, dims
        movable = {tensor.name: tensor.aligned for tensor in self.problem.tensors if tensor.aligned < ALLOCATION}
        index = whole(0, distributions(self.problem) - 1)
        moved = {name: step * whole(0, STEPS_OF_OFFSET) for name, step in movable.items()} if whole(0, 1) else {}
        offsets = tuple((name, offset) for name, offset in moved.items() if 0 < offset < ALLOCATION)
        return Example(_case(dims), index, offsets, whole(0, MOST_SEED)), dims

    def _strategy(self, hypothesis: Any) -> Any:
        strategies = hypothesis.strategies

        @strategies.composite
        def example(draw: Any) -> Example:
            drawn, _ = self._drawn(lambda low, high: int(draw(strategies.integers(low, high))))
            hypothesis.assume(drawn is not None)
            assert drawn is not None
            return drawn

        return example()

    def _fails_again(self, example: Example) -> bool:
        self.fuzzed.shrinking += 1
        return self._fails(example)

    def _fails(self, example: Example) -> bool:
        verdict = self.probe(example)
        if verdict is None:
            return False
        if not verdict.status.blames_candidate:
            self.fuzzed.unsupported = verdict
            raise _Stop
        self.fuzzed.failing = (example, verdict)
        return True


def _case(dims: Mapping[str, int]) -> str:
    return ",".join(f"{name}={size}" for name, size in dims.items())


def smaller_counts(count: int) -> list[int]:
    """Small ones, divisors, and powers of two with their neighbours, in order; all below count."""
    found = set(range(1, min(count, POLISHED)))
    found |= {divisor for divisor in range(1, POLISHED * 4) if count % divisor == 0}
    found |= {count // divisor for divisor in range(2, POLISHED) if count % divisor == 0}
    found |= {(1 << power) + step for power in range(count.bit_length()) for step in (-1, 0, 1)}
    return sorted(each for each in found if 1 <= each < count)


def _simpler(example: Example) -> list[Example]:
    """The same with fewer pointers moved, or the first inputs."""
    few = [replace(example, offsets=())] if example.offsets else []
    few += [replace(example, offsets=(one,)) for one in example.offsets if len(example.offsets) > 1]
    first = replace(example, index=0, seed=0)
    return [replace(each, index=0, seed=0) for each in few] + few + ([first] if first != example else [])


def _hypothesis(folder: Path) -> Any:
    try:
        import hypothesis
        import hypothesis.configuration
        import hypothesis.core
        import hypothesis.database
        import hypothesis.errors
        import hypothesis.strategies
    except ImportError as error:
        raise NotInstalled(
            'shape fuzzing needs hypothesis, which is not installed; run pip install "kernelevo[fuzz]"'
        ) from error
    # It would make a folder in the current one otherwise.
    hypothesis.configuration.set_hypothesis_home_dir(folder / "hypothesis")
    return hypothesis


def status_of(fuzzed: Fuzzed) -> Status:
    """What became of the kernel: PASSED only where no example failed."""
    if fuzzed.failing is not None:
        return fuzzed.failing[1].status
    return Status.PASSED if fuzzed.unsupported is None else fuzzed.unsupported.status
