"""A classifier: what of a case is read, and which read-outs of the encoder vote.

The encoder is the domain's own network (network.py): its base is frozen and knows no label. Labels of told cases are
read through it alone, by the nearest cases, by centroids or by least squares; `trained` is the network's own head,
which begins as these centroids: so a harness that was found with the base can use a head before there is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from sklearn.linear_model import RidgeClassifier

from kernelevo.backends.legal.network import HEAD, head_votes
from kernelevo.backends.pipelines import Pipeline, Space

Array = np.ndarray
PARTS = ("nearest", "centroid", "fitted", "trained")
SPACE = Space(
    parts=PARTS,
    weights=(0, 1, 2, 4),
    choices={
        "begin": (100, 200, 400, 1000, 3000), "end": (0, 100, 200, 400), "numbers": ("kept", "masked"),
        "neighbours": (1, 3, 5, 10, 20), "ridge": (10, 1, 100, 300),
    },
    start={"nearest": 1},
    used_by={"neighbours": ("nearest",), "ridge": ("fitted",)},
    networked=PARTS,
)  # fmt: skip
"""It starts naive: the nearest case by what a case begins with. `begin` and `end` are characters that are read from
both ends, `ridge` hundredths of the penalty of least squares; the parts are read-outs, and vote by their weights.
"""
SHARPNESS = 12.0
"""Cosines are multiplied by it before they become probabilities."""
_NUMBER = re.compile(r"[0-9０-９]+(?:[.．][0-9０-９]+)?")


def windowed(fact: str, pipeline: Pipeline) -> str:
    """What the pipeline reads of a case."""
    begin, end = pipeline["begin"], pipeline["end"]
    read = fact[:begin] + (fact[max(begin, len(fact) - end) :] if end else "")
    return _NUMBER.sub("0", read) if pipeline["numbers"] == "masked" else read


def classify(
    support: Array, labels: Array, query: Array, charges: int, pipeline: Pipeline, network: Mapping[str, Array]
) -> Array:
    """float[cases of `query`, charges]: probabilities, the votes of the read-outs by their weights. `support` and
    `query` float[cases, dimensions] are encoded by `network`.
    """
    votes = [
        weight * (
            head_votes(network, query, charges) if name == "trained" and HEAD in network
            else _READOUTS[name](support, labels, query, charges, pipeline)
        )
        for name, weight in pipeline.weights.items() if weight
    ]  # fmt: skip
    whole = np.sum(votes, axis=0)
    return np.asarray(whole / whole.sum(axis=1, keepdims=True))


def _nearest(support: Array, labels: Array, query: Array, charges: int, pipeline: Pipeline) -> Array:
    """Each of the nearest cases votes for its charge, the nearer the more."""
    cosines = query @ support.T
    count = min(pipeline["neighbours"], support.shape[0])
    near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    votes = np.exp(SHARPNESS * (np.take_along_axis(cosines, near, axis=1) - 1.0))
    found = np.full((query.shape[0], charges), 1e-9)
    np.add.at(found, (np.arange(query.shape[0])[:, None], labels[near]), votes)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _centroid(support: Array, labels: Array, query: Array, charges: int, pipeline: Pipeline) -> Array:
    sums = np.zeros((charges, support.shape[1]))
    np.add.at(sums, labels, support)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    cosines = query @ np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0).T
    return _softmax(np.where(lengths.T > 0, SHARPNESS * cosines, -np.inf))


def _fitted(support: Array, labels: Array, query: Array, charges: int, pipeline: Pipeline) -> Array:
    """Least squares onto the charges with a penalty."""
    present = np.unique(labels)
    if len(present) < 2:
        return np.asarray(np.eye(charges)[np.full(query.shape[0], labels[0])])
    fitted = RidgeClassifier(alpha=pipeline["ridge"] / 100.0).fit(support, labels)
    said = fitted.decision_function(query)
    told = np.full((query.shape[0], charges), -np.inf)
    told[:, present] = np.stack([-said, said], axis=1) if len(present) == 2 else said
    return _softmax(SHARPNESS / 2 * told)


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


_READOUTS = {"nearest": _nearest, "centroid": _centroid, "fitted": _fitted, "trained": _centroid}
