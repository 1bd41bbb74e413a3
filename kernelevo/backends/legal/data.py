"""Cases and their charges: of users (loaders.py), and a sample that is made here."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kernelevo.backends.legal.loaders import are, open_source, read, repeated
from kernelevo.counting import counted
from kernelevo.errors import BadInput

SAMPLE = "sample"
LONGEST = 100_000
"""Characters of a case."""
LEAST_CASES, LEAST_CHARGES = 120, 5
PER_CHARGE = 5
"""Cases that a charge needs, so that each split has one."""
MOST_CASES = 20_000
"""Cases that are compared pair by pair; of more, as many are taken of each charge as there is room for."""


@dataclass(frozen=True)
class Cases:
    """`facts[i]` has the charge `charges[labels[i]]`; `key` tells this content from any other; `notes` are sentences
    on where it is from and what was left out.
    """

    name: str
    facts: tuple[str, ...]
    labels: np.ndarray
    charges: tuple[str, ...]
    key: str
    notes: tuple[str, ...] = ()


def open_cases(path: Path | None) -> Cases:
    """The file's cases, or the sample, for the splits of the loop; raises BadInput for what is none, naming the line
    where there is one, and where too few are left of charges with PER_CHARGE cases.
    """
    if path is None:
        return sample()
    told = read(open_source(path))
    cases = cases_of(told.source.name, told.pairs, told.source.key, told.source.where)
    again = repeated(told.pairs)
    said = [f"{again}; they stay on one side of every wall"] if again else []
    return replace(cases, notes=(*told.notes, *said, *cases.notes))


def read_cases(path: Path) -> Cases:
    """Every case of the file, also of charges with few; raises BadInput as `open_cases` does, and for fewer than two
    charges.
    """
    told = read(open_source(path))
    _require_whole(told.pairs, told.source.where)
    charges = tuple(sorted({charge for _, charge in told.pairs}))
    if len(charges) < 2:
        raise BadInput(f"{told.source.where} has {counted(len(charges), 'charge')}, and at least 2 are needed")
    return _cases(told.source.name, told.pairs, charges, told.source.key, told.notes)


def cases_of(name: str, pairs: Sequence[tuple[str, str]], key: str, where: str) -> Cases:
    """Charges with too few cases are left out, and cases beyond MOST_CASES. Raises BadInput if too little is left."""
    _require_whole(pairs, where)
    often = Counter(charge for _, charge in pairs)
    charges = tuple(sorted(charge for charge, count in often.items() if count >= PER_CHARGE))
    known = set(charges)
    kept = [(fact, charge) for fact, charge in pairs if charge in known]
    if len(kept) < LEAST_CASES or len(charges) < LEAST_CHARGES:
        raise BadInput(
            f"{where} has {counted(len(kept), 'case')} of {counted(len(charges), 'charge')} with {PER_CHARGE} cases or "
            f"more; at least {LEAST_CASES} of {LEAST_CHARGES} are needed"
        )
    notes = []
    if rest := len(pairs) - len(kept):
        notes.append(f"{counted(rest, 'case')} of charges with fewer than {PER_CHARGE} {are(rest)} left out")
    taken = _at_most(kept, MOST_CASES)
    if len(taken) < len(kept):
        notes.append(f"{len(taken):,} of {counted(len(kept), 'case')} are taken, of frequent charges alike many")
    return _cases(name, taken, charges, key, tuple(notes))


def _require_whole(pairs: Sequence[tuple[str, str]], where: str) -> None:
    for place, (fact, charge) in enumerate(pairs, 1):
        if not fact.strip() or not charge.strip():
            missing = "facts" if charge.strip() else "label"
            raise BadInput(f"{where}: case {place} has no {missing}; give it some, or leave the case out")


def _at_most(pairs: Sequence[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """The first cases of each charge, as many of each as there is room for, in their order."""
    often = Counter(charge for _, charge in pairs)
    room = max(often.values())
    while sum(min(count, room) for count in often.values()) > most and room > 1:
        room -= 1
    taken: Counter[str] = Counter()
    kept = []
    for fact, charge in pairs:
        taken[charge] += 1
        if taken[charge] <= room:
            kept.append((fact, charge))
    return kept


def _cases(
    name: str, pairs: Sequence[tuple[str, str]], charges: tuple[str, ...], key: str, notes: tuple[str, ...]
) -> Cases:
    places = {charge: place for place, charge in enumerate(charges)}
    labels = np.array([places[charge] for _, charge in pairs])
    return Cases(name, tuple(fact[:LONGEST] for fact, _ in pairs), labels, charges, key, notes)


def sample(charges: int = 30, each: int = 40, seed: int = 11) -> Cases:
    """Cases that are made here, of nobody: sentences of common words and names, among which words of the charge stand,
    later rather than sooner. Pairs of charges share half of their words.
    """
    source = random.Random(seed)

    def words(count: int) -> list[str]:
        return [chr(source.randrange(0x4E00, 0x59B8)) + chr(source.randrange(0x4E00, 0x59B8)) for _ in range(count)]

    common, shared = words(400), [words(8) for _ in range((charges + 1) // 2)]
    own = [words(8) + shared[number // 2] for number in range(charges)]
    pairs = [(_case(source, common, own[number]), f"罪{number + 1}") for number in range(charges) for _ in range(each)]
    key = hashlib.sha256(repr(pairs).encode()).hexdigest()
    return cases_of(SAMPLE, pairs, key, SAMPLE)


def _case(source: random.Random, common: list[str], own: list[str]) -> str:
    """Ten sentences or so; the further on, the more of the charge."""
    sentences = []
    count = source.randint(8, 13)
    for place in range(count):
        share = 0.01 + 0.08 * place / count
        told = "".join(source.choice(own if source.random() < share else common) for _ in range(source.randint(6, 13)))
        sentences.append(f"{told}{source.choice('赵钱孙李周吴')}某{source.randint(1, 998)}元")
    return "。".join(sentences) + "。"
