"""A denoising pipeline: which components are blended, how each is set, and how the blend is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from kernelevo.backends.keeping import Keep, anew
from kernelevo.backends.pipelines import Pipeline, Space, Unsound
from kernelevo.backends.scrna import components as parts
from kernelevo.backends.scrna.thinning import Counts
from kernelevo.backends.scrna.training_cells import THINNED, Taught

Array = np.ndarray
NETWORK, REGRESSED = "network", "regressed"
OWN, TRAINING = "own", "training"
SPACE = Space(
    parts=("raw", "low_rank", "neighbours", "diffused", "like_test", REGRESSED, NETWORK),
    weights=(0, 1, 2, 4, 8),
    choices={
        "rank": (10, 2, 5, 20, 40), "neighbours": (20, 5, 10, 40), "steps": (3, 1, 2, 5),
        "basis": (OWN, TRAINING), "penalty": (300, 1, 10, 30, 100), "transform": parts.TRANSFORMS,
        "blend": ("linear", "log"), "gamma": (100, 70, 85, 115, 130),
    },
    start={NETWORK: 1},
    used_by={
        "rank": ("low_rank", "like_test"), "neighbours": ("neighbours",), "steps": ("diffused",),
        "basis": ("low_rank", "like_test"), "penalty": (REGRESSED,),
        "transform": ("low_rank", "neighbours", "diffused", REGRESSED),
    },
    blends=("blend",), networked=(NETWORK,),
)  # fmt: skip
"""It starts with the network alone; `basis` says whose directions a rank counts, the task's own cells' or the training
split's, `penalty` is that of the regression in thousands, and `gamma` the exponent of the blend in per cent.
"""
Shares = Callable[[str], Array]
"""What the network says of the counts, by the adapter's key: float64[cells, genes], rows that add up to 1."""


def without_network(space: Space) -> Space:
    """For where no network can be trained: it starts with no denoising, and nothing is taught by the training split."""
    parts = tuple(part for part in space.parts if part not in (NETWORK, REGRESSED))
    choices = {name: values for name, values in space.choices.items() if name not in ("basis", "penalty")}
    used_by = {
        name: tuple(part for part in of if part in parts) for name, of in space.used_by.items() if name in choices
    }
    return replace(space, parts=parts, choices=choices, start={"raw": 1}, used_by=used_by, networked=())


def denoise(
    counts: Counts, pipeline: Pipeline, seed: int, keep: Keep = anew, shares: Shares | None = None,
    taught: Taught | None = None,
) -> Array:  # fmt: skip
    """float64[cells, genes], each row with the mass of its counts. `keep` keeps components among pipelines on the same
    counts; `shares` and `taught` are what the network and the training split know of these genes.
    """
    made = partial(_component, counts, pipeline, seed, keep, shares, taught)
    whole, total = np.zeros(counts.shape), 0
    in_logs = pipeline["blend"] == "log"
    for name in SPACE.parts:
        weight = pipeline.weights.get(name, 0)
        if weight:
            part = made(name)
            whole += weight * (np.log1p(part) if in_logs else part)
            total += weight
    blended = np.expm1(whole / total) if in_logs else whole / total
    return _of_mass(np.power(blended, pipeline["gamma"] / 100.0), counts)


def _component(
    counts: Counts, pipeline: Pipeline, seed: int, keep: Keep, shares: Shares | None, taught: Taught | None, name: str
) -> Array:
    """On the scale of counts for 1e4 molecules a cell, so that components can be blended."""
    settings = (pipeline.settings.get(setting) for setting, of in SPACE.used_by.items() if name in of)
    key = (name, *settings, pipeline.network if name == NETWORK else "")

    def make() -> Array:
        if name == NETWORK:
            if shares is None:
                raise Unsound("no network is here that could be asked")
            return shares(pipeline.network)
        if name == "raw":
            return np.asarray(counts.toarray(), dtype=np.float64)
        values, transform = _made(counts, name, pipeline, seed, keep, taught)
        return parts.restored(values, transform)

    made: Array = keep(key, lambda: _of_mass(make(), None))
    return made


def _made(
    counts: Counts, name: str, pipeline: Pipeline, seed: int, keep: Keep, taught: Taught | None
) -> tuple[Array, str]:
    """A component on the scale of a transform, and that one."""
    transform = pipeline["transform"]
    if name == "like_test":
        values = parts.like_test(counts, seed, keep)
        return _of_rank(values, THINNED, pipeline, seed, taught), "log"
    values = parts.stabilised(counts, transform)
    if name == REGRESSED:
        return _known(taught).regressed(values, transform, pipeline["penalty"]), "log"
    if name == "low_rank":
        return _of_rank(values, transform, pipeline, seed, taught), transform
    if name == "neighbours":
        return parts.neighbour_mean(counts, values, pipeline["neighbours"], seed, keep), transform
    return parts.diffused(counts, values, pipeline["steps"], seed, keep=keep), transform


def _of_rank(values: Array, kind: str, pipeline: Pipeline, seed: int, taught: Taught | None) -> Array:
    if pipeline.settings.get("basis", OWN) == TRAINING:
        return _known(taught).projected(values, kind, pipeline["rank"])
    return parts.low_rank(values, pipeline["rank"], seed)


def _known(taught: Taught | None) -> Taught:
    if taught is None:
        raise Unsound("no training split is here that these genes are known from")
    return taught


def _of_mass(values: Array, counts: Counts | None) -> Array:
    """Rows rescaled to the mass of their counts (None: to 1e4); a row of zeros predicts every gene alike."""
    clipped = np.clip(values, 0.0, None)
    totals = clipped.sum(axis=1, keepdims=True)
    clipped = np.where(totals > 0, clipped, 1.0)
    wanted = parts.TARGET if counts is None else np.asarray(counts.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    return np.asarray(clipped * (wanted / clipped.sum(axis=1, keepdims=True)))
