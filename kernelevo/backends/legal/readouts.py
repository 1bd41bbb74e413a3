"""Read-outs of the encoder: each makes of told cases, of descriptions or of the network's head a vote on others.

Every read-out gives probabilities float[cases, charges] by cosines of places, which are rows of length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import RidgeClassifier

from kernelevo.backends.legal.network import HEAD, head_votes
from kernelevo.backends.pipelines import Pipeline

Array = np.ndarray
SHARPNESS = 12.0
"""Cosines are multiplied by it before they become probabilities."""
CONFIDENT = 2.0
"""The power of a vote by which a case joins its charges: what is not sure joins many, and moves none."""


@dataclass(frozen=True)
class Known:
    """Told cases, float[cases, dimensions] with `labels` int[cases], and the `described` charges float[charges,
    dimensions]. `added` float[charges, dimensions] is what other cases add to the sums of a charge's told ones.
    """

    support: Array
    labels: Array
    described: Array
    added: Array | None = None

    @property
    def charges(self) -> int:
        return len(self.described)

    def joined_by(self, places: Array, shares: Array) -> Known:
        """With cases whose labels nobody told, by their shares float[cases, charges] of each charge. Those of charges
        without a told case have none to join.
        """
        told = np.bincount(self.labels, minlength=self.charges) > 0
        return replace(self, added=(shares * told).T @ places)

    def sums(self) -> Array:
        """float[charges, dimensions], of the places of each charge's told cases."""
        sums = np.zeros((self.charges, self.support.shape[1]))
        np.add.at(sums, self.labels, self.support)
        return sums

    def centroids(self) -> Array:
        """The sums, with what was added, as rows of length 1; zeros for a charge that has no case."""
        return _of_length_1(self.sums() if self.added is None else self.sums() + self.added)


def votes_of(name: str, known: Known, query: Array, pipeline: Pipeline, network: Mapping[str, Array]) -> Array:
    """float[cases of `query`, charges]: probabilities by the read-out of this name."""
    if name == "trained" and HEAD in network:
        return head_votes(network if known.added is None else _moved(network, known), query, known.charges)
    return _READOUTS[name](known, query, pipeline)


def confident(votes: Array) -> Array:
    """How much a case belongs to each charge, float[cases, charges], by what was voted."""
    powers = votes**CONFIDENT
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _moved(network: Mapping[str, Array], known: Known) -> Mapping[str, Array]:
    """The head's directions, each as heavy as its charge's told cases, moved by what other cases add."""
    head = network[HEAD]
    if known.added is None or head.shape != known.added.shape:
        return network
    weight = np.linalg.norm(known.sums(), axis=1, keepdims=True)
    return {**network, HEAD: weight * _of_length_1(head.astype(np.float64)) + known.added}


def _nearest(known: Known, query: Array, pipeline: Pipeline) -> Array:
    """Each of the nearest cases votes for its charge, the nearer the more."""
    cosines = query @ known.support.T
    count = min(pipeline["neighbours"], len(known.support))
    near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    votes = np.exp(SHARPNESS * (np.take_along_axis(cosines, near, axis=1) - 1.0))
    found = np.full((len(query), known.charges), 1e-9)
    np.add.at(found, (np.arange(len(query))[:, None], known.labels[near]), votes)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _centroid(known: Known, query: Array, pipeline: Pipeline) -> Array:
    return _by_directions(known.centroids(), query)


def _described(known: Known, query: Array, pipeline: Pipeline) -> Array:
    return _by_directions(known.described, query)


def _by_directions(directions: Array, query: Array) -> Array:
    """Never one whose direction is unknown (zeros), unless none is known."""
    there = np.linalg.norm(directions, axis=1) > 0
    cosines = SHARPNESS * query @ directions.T
    return _softmax(np.where(there | ~there.any(), cosines, -np.inf))


def _fitted(known: Known, query: Array, pipeline: Pipeline) -> Array:
    """Least squares onto the charges with a penalty."""
    present = np.unique(known.labels)
    if len(present) < 2:
        return np.asarray(np.eye(known.charges)[np.full(len(query), known.labels[0])])
    fitted = RidgeClassifier(alpha=pipeline["ridge"] / 100.0).fit(known.support, known.labels)
    said = fitted.decision_function(query)
    told = np.full((len(query), known.charges), -np.inf)
    told[:, present] = np.stack([-said, said], axis=1) if len(present) == 2 else said
    return _softmax(SHARPNESS / 2 * told)


def _of_length_1(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0))


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


_READOUTS: Mapping[str, Callable[[Known, Array, Pipeline], Array]] = {
    "nearest": _nearest, "centroid": _centroid, "fitted": _fitted, "trained": _centroid, "described": _described,
}  # fmt: skip
