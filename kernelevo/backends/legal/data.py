"""Cases and their charges: files of users, and a sample that is made here.

    .csv     columns `text` and `label` (sia-agent's train.csv)
    .json    LawBench's task 3-3: a list of {question, answer}; those with one charge are taken
    .jsonl   CAIL2018: one {fact, meta: {accusation}} a line; those with one charge are taken

A file is known by its SHA-256. None of these texts is in the package.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernelevo.backends.legal.scoring import PREFIX
from kernelevo.backends.pipelines import require_file
from kernelevo.counting import counted
from kernelevo.errors import BadInput

SAMPLE = "sample"
LARGEST = 1 << 30
LONGEST = 100_000
"""Bytes of a file, and characters of a case."""
LEAST_CASES, LEAST_CHARGES = 120, 5
PER_CHARGE = 5
"""Cases that a charge needs, so that each split has one."""
TOLD = 200
"""Characters by which cases are taken for the same."""
_VARYING = re.compile(r"[0-9０-９\s]|[一-龥](?=某)|[，。、；：,.;:]")


@dataclass(frozen=True)
class Cases:
    """`facts[i]` has the charge `charges[labels[i]]`; `key` tells this content from any other."""

    name: str
    facts: tuple[str, ...]
    labels: np.ndarray
    charges: tuple[str, ...]
    key: str


def open_cases(path: Path | None) -> Cases:
    """The file's cases, or the sample; raises BadInput for what is none, naming the line where there is one."""
    if path is None:
        return sample()
    require_file(path, _READERS, LARGEST, "a .csv with text and label, or CAIL2018's .jsonl")
    try:
        pairs = list(_READERS[path.suffix](path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadInput(f"--data {path} cannot be read ({said}); its form is told in docs/domains.md") from error
    return cases_of(path.stem, pairs, hashlib.sha256(path.read_bytes()).hexdigest(), str(path))


def cases_of(name: str, pairs: list[tuple[str, str]], key: str, where: str) -> Cases:
    """Charges with too few cases are left out; raises BadInput where too little is left."""
    for place, (fact, charge) in enumerate(pairs, 1):
        if not fact.strip() or not charge.strip():
            raise BadInput(f"{where}: case {place} has no {'facts' if charge.strip() else 'label'}")
    often = Counter(charge for _, charge in pairs)
    charges = tuple(sorted(charge for charge, count in often.items() if count >= PER_CHARGE))
    kept = [(fact[:LONGEST], charge) for fact, charge in pairs if charge in charges]
    if len(kept) < LEAST_CASES or len(charges) < LEAST_CHARGES:
        raise BadInput(
            f"{where} has {counted(len(kept), 'case')} of {counted(len(charges), 'charge')} with {PER_CHARGE} cases or "
            f"more; at least {LEAST_CASES} of {LEAST_CHARGES} are needed"
        )
    places = {charge: place for place, charge in enumerate(charges)}
    return Cases(name, tuple(fact for fact, _ in kept), np.array([places[each] for _, each in kept]), charges, key)


def gist(fact: str) -> str:
    """The same for cases that agree but for names and numbers."""
    return _VARYING.sub("", fact)[:TOLD]


def _csv(path: Path) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(min(sys.maxsize, LARGEST))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if missing := {"text", "label"} - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {sorted(missing)[0]}")
        for row in rows:
            yield row["text"], row["label"]


def _lawbench(path: Path) -> Iterator[tuple[str, str]]:
    for item in json.loads(path.read_text(encoding="utf-8")):
        charges = item["answer"].removeprefix(PREFIX).split(";")
        if len(charges) == 1:
            yield item["question"].removeprefix("事实:"), charges[0]


def _cail(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        charges = item["meta"]["accusation"]
        if len(charges) == 1:
            yield item["fact"], charges[0]


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, str]]]] = {
    ".csv": _csv, ".json": _lawbench, ".jsonl": _cail,
}  # fmt: skip


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
