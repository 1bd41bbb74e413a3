"""Which cases are told alike, so that none of them stands on both sides of a wall.

Two cases are alike if they agree but for names and numbers in what they begin with, or if the cosine of their character
3-grams (TF-IDF) is at least ALIKE; and so is whatever is alike to one of them (connected components).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.neighbors import NearestNeighbors

Array = np.ndarray
ALIKE = 0.7
"""Of sets of real cases, those above it are one case told twice or two cases of one proceeding; unrelated cases of one
charge, which share its formulas, lie below 0.5.
"""
GRAM = 3
TOLD = 200
"""Characters of the beginning that say a case is the same."""
_VARYING = re.compile(r"[0-9０-９\s]|[一-龥](?=某)|[，。、；：,.;:]")


def alike(facts: Sequence[str]) -> Array:
    """int[cases]: cases with the same number are alike. It compares every pair: 5,000 cases take seconds, and four
    times as many take sixteen times as long.
    """
    plain = [_VARYING.sub("", fact) for fact in facts]
    return np.asarray(connected_components(_begins_alike(plain) + _near(plain), directed=False)[1])


def twins(facts: Sequence[str], others: Sequence[str]) -> Array:
    """bool[facts]: those that are alike to one of the others themselves. It compares only these pairs, so that many
    cases can be held against a few.
    """
    plain, against = [[_VARYING.sub("", fact) for fact in each] for each in (facts, others)]
    begun = {text[:TOLD] for text in against}
    begins = np.array([text[:TOLD] in begun for text in plain], bool)
    if not plain or not against:
        return begins
    places = _grams([*plain, *against])
    near = NearestNeighbors(metric="cosine", algorithm="brute", n_neighbors=1).fit(places[len(plain) :])
    return np.asarray(begins | (near.kneighbors(places[: len(plain)])[0][:, 0] <= 1.0 - ALIKE))


def apart(places: Collection[int], others: Collection[int], groups: Array) -> list[int]:
    """Those of `places` that are alike to none of `others`, by what `alike` says of all."""
    taken = {int(groups[other]) for other in others}
    return [place for place in places if int(groups[place]) not in taken]


def _begins_alike(plain: Sequence[str]) -> csr_matrix:
    """A one from each case to the first that begins as it does."""
    first: dict[str, int] = {}
    to = [first.setdefault(text[:TOLD], place) for place, text in enumerate(plain)]
    return csr_matrix((np.ones(len(plain)), (np.arange(len(plain)), to)), (len(plain), len(plain)))


def _near(plain: Sequence[str]) -> csr_matrix:
    """A one for each pair whose cosine is high enough, and for each case with itself."""
    near = NearestNeighbors(metric="cosine", algorithm="brute", radius=1.0 - ALIKE).fit(_grams(plain))
    return near.radius_neighbors_graph(mode="connectivity")


def _grams(plain: Sequence[str]) -> csr_matrix:
    """float[cases, hashes], rows of length 1: a vocabulary of all 3-grams would take most of the memory."""
    counts = HashingVectorizer(analyzer="char", ngram_range=(GRAM, GRAM), alternate_sign=False, norm=None)
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts.transform(plain))
