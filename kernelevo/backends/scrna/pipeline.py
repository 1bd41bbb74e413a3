"""A denoising pipeline: which components are blended, how each is set, and how the blend is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kernelevo.backends.keeping import Keep, anew
from kernelevo.backends.pipelines import Pipeline, Space, Unsound
from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.thinning import Counts

Array = np.ndarray
NETWORK = "network"
SPACE = Space(
    parts=("raw", "low_rank", "neighbours", "diffused", "like_test", NETWORK),
    weights=(0, 1, 2, 4, 8),
    choices={
        "rank": (10, 2, 5, 20, 40), "neighbours": (20, 5, 10, 40), "steps": (3, 1, 2, 5),
        "transform": parts.TRANSFORMS, "blend": ("linear", "log"), "gamma": (100, 70, 85, 115, 130),
    },
    start={NETWORK: 1},
    used_by={
        "rank": ("low_rank", "like_test"), "neighbours": ("neighbours",), "steps": ("diffused",),
        "transform": ("low_rank", "neighbours", "diffused"),
    },
    blends=("blend",), networked=(NETWORK,),
)  # fmt: skip
"""It starts with the network alone; `gamma` is the exponent of the blend in per cent."""
Shares = Callable[[str], Array]
"""What the network says of the counts, by the adapter's key: float64[cells, genes], rows that add up to 1."""


def without_network(space: Space) -> Space:
    """For where no network can be trained: it starts with no denoising."""
    parts = tuple(part for part in space.parts if part != NETWORK)
    return replace(space, parts=parts, start={"raw": 1}, networked=())


def denoise(
    counts: Counts, pipeline: Pipeline, seed: int, keep: Keep = anew, shares: Shares | None = None
) -> Array:
    """float64[cells, genes], each row with the mass of its counts. `keep` keeps components among pipelines on the same
    counts.
    """
    whole, total = np.zeros(counts.shape), 0
    in_logs = pipeline["blend"] == "log"
    for name in SPACE.parts:
        weight = pipeline.weights.get(name, 0)
        if weight:
            part = _component(counts, name, pipeline, seed, keep, shares)
            whole += weight * (np.log1p(part) if in_logs else part)
            total += weight
    blended = np.expm1(whole / total) if in_logs else whole / total
    return _of_mass(np.power(blended, pipeline["gamma"] / 100.0), counts)


def _component(
    counts: Counts, name: str, pipeline: Pipeline, seed: int, keep: Keep, shares: Shares | None
) -> Array:
    """On the scale of counts for 1e4 molecules a cell, so that components can be blended."""
    settings = (pipeline[setting] for setting, of in SPACE.used_by.items() if name in of)
    key = (name, *settings, pipeline.network if name == NETWORK else "")
    made: Array = keep(key, lambda: _of_mass(_made(counts, name, pipeline, seed, keep, shares), None))
    return made


def _made(
    counts: Counts, name: str, pipeline: Pipeline, seed: int, keep: Keep, shares: Shares | None
) -> Array:
    if name == NETWORK:
        if shares is None:
            raise Unsound("no network is here that could be asked")
        return shares(pipeline.network)
    if name == "raw":
        return np.asarray(counts.toarray(), dtype=np.float64)
    if name == "like_test":
        return parts.restored(parts.like_test(counts, pipeline["rank"], seed, keep), "log")
    values = parts.stabilised(counts, pipeline["transform"])
    if name == "low_rank":
        made = parts.low_rank(values, pipeline["rank"], seed)
    elif name == "neighbours":
        made = parts.neighbour_mean(counts, values, pipeline["neighbours"], seed, keep)
    else:
        made = parts.diffused(counts, values, pipeline["steps"], seed, keep=keep)
    return parts.restored(made, pipeline["transform"])


def _of_mass(values: Array, counts: Counts | None) -> Array:
    """Rows rescaled to the mass of their counts (None: to 1e4); a row of zeros predicts every gene alike."""
    clipped = np.clip(values, 0.0, None)
    totals = clipped.sum(axis=1, keepdims=True)
    clipped = np.where(totals > 0, clipped, 1.0)
    wanted = parts.TARGET if counts is None else np.asarray(counts.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    return np.asarray(clipped * (wanted / clipped.sum(axis=1, keepdims=True)))
