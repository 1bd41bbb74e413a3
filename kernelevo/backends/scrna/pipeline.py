"""A denoising pipeline as a program: a few lines that say which components are blended, how each is set, and how the
blend is made. Whoever proposes writes such a text; nothing in it is executed.

    weigh raw = 1
    weigh low_rank = 2
    rank = 10
    transform = sqrt
    blend = log
    gamma = 100
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.thinning import Counts

Array = np.ndarray
COMPONENTS = ("raw", "low_rank", "neighbours", "diffused", "like_test")
WEIGHTS = (0, 1, 2, 4, 8)
TRANSFORMS = ("log", "sqrt", "anscombe", "freeman_tukey")
BLENDS = ("linear", "log")
RANKS, NEIGHBOURS, STEPS, GAMMAS = (2, 5, 10, 20, 40), (5, 10, 20, 40), (1, 2, 3, 5), (70, 85, 100, 115, 130)
LONGEST = 2000
"""Characters of a pipeline's text."""


class NoPipeline(ValueError):
    """The text is none; the words say which line, and what may stand there."""


@dataclass(frozen=True)
class Pipeline:
    """`weights` are those of the blend by COMPONENTS (0: left out), `gamma` the exponent of the blend in per cent."""

    weights: Mapping[str, int] = field(default_factory=lambda: {"raw": 1})
    rank: int = 10
    neighbours: int = 20
    steps: int = 3
    transform: str = "log"
    blend: str = "linear"
    gamma: int = 100

    def text(self) -> str:
        """The same for the same pipeline: settings of components that weigh nothing are left out."""
        return "".join(f"{name} = {value}\n" for name, value in self.lines())

    def lines(self) -> Iterator[tuple[str, object]]:
        used = [name for name in COMPONENTS if self.weights.get(name, 0)]
        yield from ((f"weigh {name}", self.weights[name]) for name in used)
        for name in ("rank", "neighbours", "steps", "transform"):
            if set(used) & set(USED_BY[name]):
                yield name, getattr(self, name)
        if len(used) > 1:
            yield "blend", self.blend
        yield "gamma", self.gamma


USED_BY: Mapping[str, tuple[str, ...]] = {
    "rank": ("low_rank", "like_test"), "neighbours": ("neighbours",), "steps": ("diffused",),
    "transform": ("low_rank", "neighbours", "diffused"),
}  # fmt: skip
"""Which components each setting is of."""
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "rank": RANKS, "neighbours": NEIGHBOURS, "steps": STEPS, "transform": TRANSFORMS, "blend": BLENDS, "gamma": GAMMAS,
}  # fmt: skip


def read_pipeline(text: str) -> Pipeline:
    """Raises NoPipeline. Comments begin with #; a setting that is missing has its default."""
    if len(text) > LONGEST:
        raise NoPipeline(f"it has {len(text):,} characters, and may have {LONGEST:,}")
    weights: dict[str, int] = {}
    given: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.partition("#")[0].strip()
        if not plain:
            continue
        name, _, value = (word.strip() for word in plain.partition("="))
        if name.startswith("weigh "):
            component = name.removeprefix("weigh ").strip()
            weights[_known(component, COMPONENTS, number)] = _known(value, WEIGHTS, number)
        else:
            setting = _known(name, tuple(CHOICES), number)
            given[setting] = _known(value, CHOICES[setting], number)
    if not any(weights.values()):
        raise NoPipeline("no component weighs anything; write, say, weigh raw = 1")
    return replace(Pipeline(), weights=weights, **given)


def _known(word: str, choices: tuple[Any, ...], line: int) -> Any:
    for choice in choices:
        if str(choice) == word:
            return choice
    raise NoPipeline(f"line {line}: {word[:40]!a} is none of {', '.join(map(str, choices))}")


def denoise(counts: Counts, pipeline: Pipeline, seed: int, known: dict[tuple[Any, ...], Array] | None = None) -> Array:
    """float64[cells, genes], each row with the mass of its counts. `known` keeps components among pipelines on the same
    counts.
    """
    cache = {} if known is None else known
    whole, total = np.zeros(counts.shape), 0
    for name in COMPONENTS:
        weight = pipeline.weights.get(name, 0)
        if weight:
            part = _component(counts, name, pipeline, seed, cache)
            whole += weight * (np.log1p(part) if pipeline.blend == "log" else part)
            total += weight
    blended = whole / total
    blended = np.expm1(blended) if pipeline.blend == "log" else blended
    return _of_mass(np.power(blended, pipeline.gamma / 100.0), counts)


def _component(
    counts: Counts, name: str, pipeline: Pipeline, seed: int, cache: dict[tuple[Any, ...], Array]
) -> Array:
    """On the scale of counts for 1e4 molecules a cell, so that components can be blended."""
    own = tuple(getattr(pipeline, setting) for setting, of in USED_BY.items() if name in of)
    key = (name, *own)
    if key not in cache:
        cache[key] = _of_mass(_made(counts, name, pipeline, seed), None)
    return cache[key]


def _made(counts: Counts, name: str, pipeline: Pipeline, seed: int) -> Array:
    if name == "raw":
        return np.asarray(counts.toarray(), dtype=np.float64)
    if name == "like_test":
        return parts.restored(parts.like_test(counts, pipeline.rank, seed), "log")
    values = parts.stabilised(counts, pipeline.transform)
    if name == "low_rank":
        made = parts.low_rank(values, pipeline.rank, seed)
    elif name == "neighbours":
        made = parts.neighbour_mean(counts, values, pipeline.neighbours, seed)
    else:
        made = parts.diffused(counts, values, pipeline.steps, seed)
    return parts.restored(made, pipeline.transform)


def _of_mass(values: Array, counts: Counts | None) -> Array:
    """Rows rescaled to the mass of their counts (None: to 1e4); a row of zeros predicts every gene alike."""
    clipped = np.clip(values, 0.0, None)
    totals = clipped.sum(axis=1, keepdims=True)
    clipped = np.where(totals > 0, clipped, 1.0)
    wanted = parts.TARGET if counts is None else np.asarray(counts.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    return np.asarray(clipped * (wanted / clipped.sum(axis=1, keepdims=True)))
