"""A classifier: what of a case is read, into how many numbers it is encoded, and which read-outs vote.

The encoder is frozen and knows no label: character n-grams (1 and 2) by TF-IDF, then truncated SVD. Labels are read
through it alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import ThreadpoolController

from kernelevo.backends.pipelines import Pipeline, Space

Array = np.ndarray
SPACE = Space(
    parts=("nearest", "centroid", "head"),
    weights=(0, 1, 2, 4),
    choices={
        "begin": (100, 200, 400, 1000), "end": (0, 100, 200, 400), "numbers": ("kept", "masked"),
        "dimensions": (64, 16, 32, 128, 256), "whitened": ("no", "yes"), "neighbours": (1, 3, 5, 10, 20),
        "ridge": (10, 1, 100),
    },
    start={"nearest": 1},
    used_by={"neighbours": ("nearest",), "ridge": ("head",)},
)  # fmt: skip
"""It starts naive: the nearest case by what a case begins with. `begin` and `end` are characters that are read from
both ends, `ridge` hundredths of the head's penalty; the parts are read-outs, and vote by their weights.
"""
FEATURES = 20_000
MOST_EXACT = 1500
"""Told cases up to which the decomposition is exact: it takes the third power of their number, 5,332 a minute."""
LEAST_VALUE = 1e-9
"""Of an eigenvalue, below which it is rounding."""
SHARPNESS = 12.0
"""Cosines are multiplied by it before they become probabilities."""
_THREADS = ThreadpoolController()
"""Matrices of a task are small: threads that wait for each other take longer than one, the more so beside other work.
"""
_NUMBER = re.compile(r"[0-9０-９]+(?:[.．][0-9０-９]+)?")


def windowed(fact: str, pipeline: Pipeline) -> str:
    """What the pipeline reads of a case."""
    begin, end = pipeline["begin"], pipeline["end"]
    read = fact[:begin] + (fact[max(begin, len(fact) - end) :] if end else "")
    return _NUMBER.sub("0", read) if pipeline["numbers"] == "masked" else read


@dataclass(frozen=True)
class Encoded:
    """`places` float[cases, most dimensions] by falling `weights` (singular values): fewer dimensions are the first of
    them.
    """

    places: Array
    weights: Array

    def of(self, pipeline: Pipeline) -> Array:
        """float[cases, dimensions], rows of length 1."""
        places = self.places[:, : pipeline["dimensions"]]
        if pipeline["whitened"] == "yes":
            places = places / np.maximum(self.weights[: pipeline["dimensions"]], 1e-9)
        return np.asarray(places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12))


@_THREADS.wrap(limits=1, user_api="blas")
def encode(facts: Sequence[str], pipeline: Pipeline, fitted_on: int) -> Encoded:
    """By what the pipeline reads of each case. The encoder is fitted on the first `fitted_on` cases alone."""
    texts = [windowed(fact, pipeline) for fact in facts]
    counted = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), max_features=FEATURES, sublinear_tf=True)
    known = counted.fit_transform(texts[:fitted_on])
    directions, weights = _directions(known)
    return Encoded(np.asarray(counted.transform(texts) @ directions), weights)


def _directions(known: csr_matrix) -> tuple[Array, Array]:
    """The right singular vectors (float[features, dimensions]) with the greatest singular values, and these."""
    most = max(SPACE.choices["dimensions"])
    if known.shape[0] > MOST_EXACT:
        _, weights, rows = randomized_svd(known, most, n_iter=7, random_state=0)
        return rows.T, weights
    # The singular vectors of few cases with many features, by their Gram matrix: exact, and faster than by sampling.
    values, vectors = np.linalg.eigh((known @ known.T).toarray())
    kept = np.flatnonzero(values > LEAST_VALUE)[::-1][:most]
    weights = np.sqrt(values[kept])
    return known.T @ (vectors[:, kept] / weights), weights


@_THREADS.wrap(limits=1, user_api="blas")
def classify(support: Array, labels: Array, query: Array, charges: int, pipeline: Pipeline) -> Array:
    """float[cases of `query`, charges]: probabilities, the votes of the read-outs by their weights."""
    votes = [
        weight * _READOUTS[name](support, labels, query, charges, pipeline)
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


def _head(support: Array, labels: Array, query: Array, charges: int, pipeline: Pipeline) -> Array:
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


_READOUTS = {"nearest": _nearest, "centroid": _centroid, "head": _head}
