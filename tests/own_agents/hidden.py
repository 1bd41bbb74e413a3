"""Made data of both domains of which what a run must not learn from is other than it was: the cases and cells of the
gate's, the development and the sealed tasks, under the same dealing to the splits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from kernelevo.backends.legal import backend as legal
from kernelevo.backends.legal.alike import alike
from kernelevo.backends.legal.backend import ChargeBackend, dealt
from kernelevo.backends.legal.data import Cases
from kernelevo.backends.legal.data import sample as cases_sample
from kernelevo.backends.networks import Shelf
from kernelevo.backends.scrna.backend import SHARES, DenoisingBackend, _dealt
from kernelevo.backends.scrna.data import SECOND_KINDS, Dataset
from kernelevo.backends.scrna.data import sample as cells_sample
from kernelevo.learning import Split

WORD = "Kanary-"
NUMBER = 175_319_024
"""Molecules of a marker gene, in cells that are not to be learned from."""
BEHIND = (Split.GATE, Split.DEVELOPMENT, Split.SEALED)
JUDGED = (Split.REWARD, *BEHIND)
CASES = cases_sample(6, 60)
CELLS, SECOND = cells_sample(240, 300), cells_sample(240, 300, kinds=SECOND_KINDS)
PLACES = dealt(CASES, alike(CASES.facts))


def places_of(splits: Collection[Split]) -> list[int]:
    return sorted(place for split in splits for place in PLACES[split])


def with_words(splits: Collection[Split]) -> Cases:
    """A canary of its own in the facts of each case of these splits."""
    hidden = set(places_of(splits))
    facts = (f"{fact}{WORD}{place:08x}。" if place in hidden else fact for place, fact in enumerate(CASES.facts))
    return replace(CASES, facts=tuple(facts))


def with_facts(splits: Collection[Split]) -> Cases:
    """The facts of these splits' cases, each read backwards: other words of the same characters."""
    hidden = set(places_of(splits))
    facts = (fact[::-1] if place in hidden else fact for place, fact in enumerate(CASES.facts))
    return replace(CASES, facts=tuple(facts))


def with_labels(splits: Collection[Split], cases: Cases = CASES) -> Cases:
    """The charges of these splits' cases, each another than it was."""
    labels = cases.labels.copy()
    labels[places_of(splits)] = (labels[places_of(splits)] + 1) % len(cases.charges)
    return replace(cases, labels=labels)


def of_cases(cases: Cases, shelf: Path, made: type[ChargeBackend] = ChargeBackend) -> ChargeBackend:
    """Dealt as the unchanged cases are: which case is on which side hangs on its charge, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legal, "dealt", lambda cases, groups: PLACES)
        opened = made(cases, Shelf(shelf), trains=True)
    assert (opened._alike == alike(CASES.facts)).all()
    return opened


def cells_of(splits: Collection[Split]) -> list[int]:
    parts = dict(zip(SHARES, _dealt(CELLS.counts.shape[0], list(SHARES.values()), CELLS.key), strict=True))
    return sorted(int(place) for split in splits for place in parts[split])


def with_cells(splits: Collection[Split], marker: bool = False) -> Dataset:
    """Other cells in the place of these splits'; or one more gene's molecules in each of them."""
    counts = CELLS.counts.toarray()
    hidden = cells_of(splits)
    if marker:
        counts[hidden, 7] = NUMBER
    else:
        counts[hidden] = np.random.default_rng(5).poisson(0.7, (len(hidden), counts.shape[1]))
    return replace(CELLS, counts=sparse.csr_matrix(counts))


def of_cells(
    cells: Dataset, shelf: Path, second: Dataset = SECOND, made: type[DenoisingBackend] = DenoisingBackend
) -> DenoisingBackend:
    return made(cells, second=second, shelf=Shelf(shelf))
