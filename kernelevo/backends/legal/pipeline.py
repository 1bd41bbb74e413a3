"""A classifier as a program: a few lines that say what of a case is read, into how many numbers it is encoded, and
which read-outs vote. Whoever proposes writes such a text; nothing in it is executed.

The encoder is frozen and knows no label: character n-grams (1 and 2) by TF-IDF, then truncated SVD. Labels are read
through it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier

Array = np.ndarray
READOUTS = ("nearest", "centroid", "head")
WEIGHTS = (0, 1, 2, 4)
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "begin": (100, 200, 400, 1000), "end": (0, 100, 200, 400), "numbers": ("kept", "masked"),
    "dimensions": (16, 32, 64, 128, 256), "whitened": ("no", "yes"), "neighbours": (1, 3, 5, 10, 20),
    "ridge": (1, 10, 100),
}  # fmt: skip
"""`begin` and `end`: characters that are read from both ends; `ridge`: hundredths of the head's penalty."""
USED_BY: Mapping[str, str] = {"neighbours": "nearest", "ridge": "head"}
FEATURES = 20_000
LEAST_VALUE = 1e-9
"""Of an eigenvalue, below which it is rounding."""
SHARPNESS = 12.0
"""Cosines are multiplied by it before they become probabilities."""
LONGEST_TEXT = 2000
_NUMBER = re.compile(r"[0-9０-９]+(?:[.．][0-9０-９]+)?")


class NoPipeline(ValueError):
    """The text is none; the words say which line, and what may stand there."""


@dataclass(frozen=True)
class Pipeline:
    """`weights` are votes by READOUTS (0: does not vote). It begins naive: the nearest case by what a case begins
    with.
    """

    weights: Mapping[str, int] = field(default_factory=lambda: {"nearest": 1})
    begin: int = 100
    end: int = 0
    numbers: str = "kept"
    dimensions: int = 64
    whitened: str = "no"
    neighbours: int = 1
    ridge: int = 10

    def text(self) -> str:
        """The same for the same classifier: settings of read-outs that do not vote are left out."""
        return "".join(f"{name} = {value}\n" for name, value in self.lines())

    def lines(self) -> Iterator[tuple[str, object]]:
        yield from ((f"weigh {name}", self.weights[name]) for name in READOUTS if self.weights.get(name, 0))
        for name in CHOICES:
            if self.weights.get(USED_BY.get(name, ""), 0) or name not in USED_BY:
                yield name, getattr(self, name)


def read_pipeline(text: str) -> Pipeline:
    """Raises NoPipeline. Comments begin with #; a setting that is missing has its default."""
    if len(text) > LONGEST_TEXT:
        raise NoPipeline(f"it has {len(text):,} characters, and may have {LONGEST_TEXT:,}")
    weights: dict[str, int] = {}
    given: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.partition("#")[0].strip()
        name, _, value = (word.strip() for word in plain.partition("="))
        if name.startswith("weigh "):
            weights[_known(name.removeprefix("weigh ").strip(), READOUTS, number)] = _known(value, WEIGHTS, number)
        elif plain:
            setting = _known(name, tuple(CHOICES), number)
            given[setting] = _known(value, CHOICES[setting], number)
    if not any(weights.values()):
        raise NoPipeline("no read-out votes; write, say, weigh nearest = 1")
    return replace(Pipeline(), weights=weights, **given)


def _known(word: str, choices: tuple[Any, ...], line: int) -> Any:
    for choice in choices:
        if str(choice) == word:
            return choice
    raise NoPipeline(f"line {line}: {word[:40]!a} is none of {', '.join(map(str, choices))}")


def windowed(fact: str, pipeline: Pipeline) -> str:
    """What the pipeline reads of a case."""
    read = fact[: pipeline.begin] + (fact[max(pipeline.begin, len(fact) - pipeline.end) :] if pipeline.end else "")
    return _NUMBER.sub("0", read) if pipeline.numbers == "masked" else read


@dataclass(frozen=True)
class Encoded:
    """`places` float[cases, most dimensions] by falling `weights` (singular values): fewer dimensions are the first of
    them.
    """

    places: Array
    weights: Array

    def of(self, pipeline: Pipeline) -> Array:
        """float[cases, dimensions], rows of length 1."""
        places = self.places[:, : pipeline.dimensions]
        if pipeline.whitened == "yes":
            places = places / np.maximum(self.weights[: pipeline.dimensions], 1e-9)
        return np.asarray(places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12))


def encode(facts: Sequence[str], pipeline: Pipeline, fitted_on: int) -> Encoded:
    """By what the pipeline reads of each case. The encoder is fitted on the first `fitted_on` cases alone."""
    texts = [windowed(fact, pipeline) for fact in facts]
    counted = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), max_features=FEATURES, sublinear_tf=True)
    known = counted.fit_transform(texts[:fitted_on])
    # The singular vectors of few cases with many features, by their Gram matrix: exact, and faster than by sampling.
    values, vectors = np.linalg.eigh((known @ known.T).toarray())
    kept = np.flatnonzero(values > LEAST_VALUE)[::-1][: max(CHOICES["dimensions"])]
    weights = np.sqrt(values[kept])
    return Encoded(np.asarray(counted.transform(texts) @ known.T @ (vectors[:, kept] / weights)), weights)


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
    count = min(pipeline.neighbours, support.shape[0])
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
    fitted = RidgeClassifier(alpha=pipeline.ridge / 100.0).fit(support, labels)
    said = fitted.decision_function(query)
    told = np.full((query.shape[0], charges), -np.inf)
    told[:, present] = np.stack([-said, said], axis=1) if len(present) == 2 else said
    return _softmax(SHARPNESS / 2 * told)


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


_READOUTS = {"nearest": _nearest, "centroid": _centroid, "head": _head}
