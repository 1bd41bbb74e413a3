"""What pipelines are worth by what was tried: Gaussian process regression over their lines.

A pipeline is a text of lines `name = value` (kernelevo.backends.pipelines writes and reads them; here they are lines).
What a text is worth is log2 of its reward less the median of its task in that generation. Most texts were tried once,
on one task: so a text's own value is shrunk towards those of texts that are like it (Rasmussen and Williams, "Gaussian
Processes for Machine Learning", 2006, chapters 2 and 5: the posterior mean, hyperparameters by marginal likelihood).
Two texts are alike whose parts have nearly the same shares and whose other lines are the same. What was written with
another adapter than the present one counts less: what a line is worth hangs on the network that it is beside.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.learning import Step

OF_ANOTHER_ADAPTER = 0.25
"""As how many values one counts that was found with another adapter."""
OF_A_NETWORK = "network"
"""The line that names an adapter is the weights', not the harness's."""
PART = "weigh "
OF_A_LINE = 0.5
"""How far apart two values of a setting are, where 1 is as far as two pipelines of different parts."""
LENGTHS, SPREADS = (0.3, 0.5, 0.8, 1.2, 2.0), (0.5, 1.0, 2.0)
NOISES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Tried for the kernel: lengths in these distances, deviations in those of all values."""
MOST_TEXTS = 600
"""Those that were first tried last: the regression takes the third power of how many there are."""
SQUEEZED = 0.1
"""Values below the lowest quarter count by so much of how far below they are: what fails, fails in many ways."""
Lines = tuple[str, ...]
Array = np.ndarray


@dataclass(frozen=True)
class Worth:
    """Of a text: its lines as they were first written, its shrunk value in log2 over the medians of its tasks, and of
    how many values.
    """

    lines: Lines
    value: float
    values: int


def lines_of(text: str) -> Lines:
    """The lines that say something, without the network's."""
    plain = (line.partition("#")[0].partition("=") for line in text.splitlines())
    pairs = [(" ".join(name.split()), value.strip()) for name, _, value in plain if name.strip()]
    return tuple(f"{name} = {value}" for name, value in pairs if name != OF_A_NETWORK)


def key_of(lines: Lines) -> Lines:
    """The same in whatever order they stand."""
    return tuple(sorted(lines))


def worths(steps: Iterable[Step], adapter: str | None) -> Mapping[Lines, Worth]:
    """Of every text that was judged, by the key of its lines, for who goes on with this adapter."""
    rows = [
        (f"{step.generation} {step.task}", lines_of(step.reply.text), math.log2(step.reward),
         1.0 if step.policy.adapter == adapter else OF_ANOTHER_ADAPTER)
        for step in steps if step.candidate and step.reward
    ]  # fmt: skip
    by_task: dict[str, list[float]] = defaultdict(list)
    for task, _, gain, _ in rows:
        by_task[task].append(gain)
    levels = {task: statistics.median(values) for task, values in by_task.items()}
    values: dict[Lines, list[tuple[float, float]]] = defaultdict(list)
    written: dict[Lines, Lines] = {}
    for task, lines, gain, count in rows:
        values[key_of(lines)].append((gain - levels[task], count))
        written.setdefault(key_of(lines), lines)
    if not values:
        return {}
    values = dict(list(values.items())[-MOST_TEXTS:])
    counts = np.array([sum(count for _, count in own) for own in values.values()])
    own = np.array([sum(gain * count for gain, count in each) for each in values.values()]) / counts
    shrunk = _posterior(_places(list(values)), _squeezed(own), counts)
    return {
        key: Worth(written[key], float(value), len(each))
        for (key, each), value in zip(values.items(), shrunk, strict=True)
    }


def _places(texts: Sequence[Lines]) -> Array:
    """float64[texts, features]: roots of the shares of parts, and which other lines stand there."""
    words = {word: number for number, word in enumerate(sorted({_word(line) for lines in texts for line in lines}))}
    places = np.zeros((len(texts), len(words)))
    for row, lines in enumerate(texts):
        weights = {_word(line): _weight(line) for line in lines if line.startswith(PART)}
        whole = sum(weights.values())
        for line in lines:
            part = line.startswith(PART)
            share = math.sqrt(weights[_word(line)] / whole) if part and whole else 0.0
            places[row, words[_word(line)]] = share if part else OF_A_LINE
    return places


def _word(line: str) -> str:
    """What stands for the line: a part, whatever it weighs, or a setting with its value."""
    return line.partition(" = ")[0] if line.startswith(PART) else line


def _weight(line: str) -> float:
    try:
        weight = float(line.partition(" = ")[2])
    except ValueError:
        return 0.0
    return weight if 0.0 < weight < math.inf else 0.0


def _squeezed(values: Array) -> Array:
    least = np.quantile(values, 0.25)
    return np.where(values < least, least + SQUEEZED * (values - least), values)


def _posterior(places: Array, values: Array, counts: Array) -> Array:
    """The mean of each value given all, by the likeliest of the kernels that are tried. `counts` are of how many."""
    deviation = float(values.std())
    if deviation == 0.0:
        return values
    squares = np.square(places).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares[None] - 2.0 * places @ places.T, 0.0)
    best, found = -math.inf, values
    for length, spread, noise in itertools.product(LENGTHS, SPREADS, NOISES):
        kernel = (spread * deviation) ** 2 * np.exp(-apart / (2 * length**2))
        likelihood, mean = _regressed(kernel, (noise * deviation) ** 2 / counts, values)
        if likelihood > best:
            best, found = likelihood, mean
    return found


def _regressed(kernel: Array, noise: Array, values: Array) -> tuple[float, Array]:
    """The logarithm of the marginal likelihood, up to a constant, and the posterior mean at each value."""
    half = np.linalg.cholesky(kernel + np.diag(noise))
    both = np.linalg.solve(half.T, np.linalg.solve(half, np.stack([values, np.ones(len(values))], axis=1)))
    level = both[:, 0].sum() / both[:, 1].sum()
    left = both[:, 0] - level * both[:, 1]
    likelihood = -0.5 * float((values - level) @ left) - float(np.log(np.diag(half)).sum())
    return likelihood, level + kernel @ left
