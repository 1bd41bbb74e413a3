"""A classifier: what of a case is read, which read-outs of the encoder vote, and how their votes become one.

The encoder is the domain's own network (network.py): its base is frozen and knows no label. Labels of told cases are
read through it alone, by the nearest cases, by centroids or by least squares; `trained` is the network's own head,
which begins as these centroids: so a harness that was found with the base can use a head before there is one.
`described` asks no told case: it goes by how near a case is to the description of a charge (evidence.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from kernelevo.backends.legal.network import HEAD, head_votes
from kernelevo.backends.legal.readouts import Array, Known, confident, votes_of
from kernelevo.backends.pipelines import Pipeline, Space

PARTS = ("nearest", "centroid", "fitted", "trained", "described")
SPACE = Space(
    parts=PARTS,
    weights=(0, 1, 2, 4),
    choices={
        "begin": (100, 200, 400, 1000, 3000), "end": (0, 100, 200, 400), "numbers": ("kept", "masked"),
        "neighbours": (1, 3, 5, 10, 20), "ridge": (10, 1, 100, 300), "descriptions": (0, 1, 2),
        "settle": ("off", "on"), "fusion": ("mean", "product"), "calibration": ("off", "on"),
    },
    start={"nearest": 1},
    used_by={
        "neighbours": ("nearest",), "ridge": ("fitted",),
        "descriptions": ("nearest", "centroid", "fitted", "trained"), "settle": ("centroid", "trained"),
    },
    blends=("fusion",),
    networked=PARTS,
)  # fmt: skip
"""It starts naive: the nearest case by what a case begins with. `begin` and `end` are characters that are read from
both ends, `ridge` hundredths of the penalty of least squares; the parts are read-outs, and vote by their weights.
`descriptions` says as how many told cases of its charge a description counts; with `settle` cases that are asked for
join the centroids by what was voted of them; `fusion` is the mean of the votes, or their geometric mean; `calibration`
changes how sure votes are, and no charge: as sure as the base is right on told cases that are left out, and as an
adapter's head is, which was trained on all of these with a part of each left out.
"""
LEAST_VOTE = 1e-9
"""In a geometric mean: a read-out that rules a charge out does not do it alone."""
LEFT_OUT = 4
"""One in so many told cases is left out to find how sure votes may be."""
MOST_LOG2 = 5.0
"""Of the exponent of calibrated votes."""
_NUMBER = re.compile(r"[0-9０-９]+(?:[.．][0-9０-９]+)?")


def windowed(fact: str, pipeline: Pipeline) -> str:
    """What the pipeline reads of a case."""
    begin, end = pipeline["begin"], pipeline["end"]
    read = fact[:begin] + (fact[max(begin, len(fact) - end) :] if end else "")
    return _NUMBER.sub("0", read) if pipeline["numbers"] == "masked" else read


def classify(
    support: Array, labels: Array, query: Array, described: Array, pipeline: Pipeline, network: Mapping[str, Array],
    tellings: int = 1,
) -> Array:  # fmt: skip
    """float[cases of `query`, charges]: probabilities, the votes of the read-outs by their weights. `support` and
    `query` float[cases, dimensions] and the charges' descriptions, `described` float[charges, dimensions], are encoded
    by `network`. Settling sees all of `query` at once, and no label of it; where these are several tellings of the same
    cases, one after the other, it sees one at a time.
    """
    known = _known(support, labels, described, pipeline)
    parts = np.split(query, tellings) if pipeline["settle"] == "on" else [query]
    voted = np.concatenate([_voted(known, part, pipeline, network) for part in parts])
    if pipeline["calibration"] == "off":
        return voted
    if HEAD in network:
        return _powers(voted, matched_exponent(voted, _surety(head_votes(network, query, len(described)))))
    return _powers(voted, _told_exponent(support, labels, described, pipeline, network))


def _known(support: Array, labels: Array, described: Array, pipeline: Pipeline) -> Known:
    """The told cases, and after them each description of which anything is read, as often as it counts."""
    charges = np.flatnonzero(described.any(axis=1))
    times = pipeline["descriptions"]
    every = np.concatenate([support, *[described[charges]] * times])
    return Known(every, np.concatenate([labels, *[charges] * times]), described)


def _voted(known: Known, query: Array, pipeline: Pipeline, network: Mapping[str, Array]) -> Array:
    voted = _fused(known, query, pipeline, network)
    if pipeline["settle"] == "off":
        return voted
    return _fused(known.joined_by(query, confident(voted)), query, pipeline, network)


def _fused(known: Known, query: Array, pipeline: Pipeline, network: Mapping[str, Array]) -> Array:
    product, whole = pipeline["fusion"] == "product", sum(pipeline.weights.values())
    votes = [
        weight * (np.log(np.maximum(found, LEAST_VOTE)) if product else found)
        for name, weight in pipeline.weights.items() if weight
        for found in [votes_of(name, known, query, pipeline, network)]
    ]  # fmt: skip
    fused = np.exp(np.sum(votes, axis=0) / whole) if product else np.sum(votes, axis=0)
    return np.asarray(fused / fused.sum(axis=1, keepdims=True))


def _told_exponent(
    support: Array, labels: Array, described: Array, pipeline: Pipeline, network: Mapping[str, Array]
) -> float:
    """To which votes on told cases that are left out are as sure as they are right; 1 where there are too few. It tells
    nothing of a network that was trained on them.
    """
    out = np.zeros(len(labels), dtype=bool)
    out[np.argsort(labels, kind="stable")[::LEFT_OUT]] = True
    if out.all():
        return 1.0
    known = _known(support[~out], labels[~out], described, pipeline)
    votes = _voted(known, support[out], pipeline, network)
    return matched_exponent(votes, float((votes.argmax(axis=1) == labels[out]).mean()))


def matched_exponent(votes: Array, surety: float) -> float:
    """The power to which the likeliest of `votes` float[cases, charges] are this probable on average, as nearly as one
    between 2 to the -MOST_LOG2 and 2 to the MOST_LOG2 does it.
    """
    low, high = -MOST_LOG2, MOST_LOG2
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _surety(_powers(votes, 2.0**middle)) < surety else (low, middle)
    return float(2.0 ** ((low + high) / 2))


def _surety(votes: Array) -> float:
    return float(votes.max(axis=1).mean())


def _powers(votes: Array, exponent: float) -> Array:
    """As probabilities; the order of charges stays."""
    powers = (votes / votes.max(axis=1, keepdims=True)) ** exponent
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
