"""Cases that are asked for and whose charges are not told: a table of them, what was answered, and, apart from both,
the labels.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from kernelevo.backends.agents import merged
from kernelevo.backends.legal.data import LONGEST, Cases
from kernelevo.backends.legal.evidence import NOTHING, Evidence
from kernelevo.backends.legal.loaders import TEST, open_source, rows_of, text_of
from kernelevo.backends.legal.network import Reader, encoded, make_base, train_adapter
from kernelevo.backends.legal.pipeline import classify, windowed
from kernelevo.backends.networks import read_delta
from kernelevo.backends.pipelines import Pipeline
from kernelevo.counting import counted
from kernelevo.errors import BadInput

Array = np.ndarray
SEED = 0


@dataclass(frozen=True)
class Reading:
    """What a pipeline makes of facts that are asked for: `votes` float[facts, charges] are probabilities; `known`
    float[told cases, dimensions] and `asked` float[facts, dimensions], rows of length 1, are how it encodes both.
    """

    votes: Array
    known: Array
    asked: Array


Read = Callable[[Cases, Sequence[str]], Reading]
"""Of cases whose charges are told, and facts that are asked for."""
Tell = Callable[[Cases, Sequence[str]], Array]
"""Its votes alone."""


@dataclass(frozen=True)
class Asked:
    """`facts[i]` is called `ids[i]`; `key` tells this table from any other, and `note` is what it is known to be."""

    ids: tuple[str, ...]
    facts: tuple[str, ...]
    key: str
    note: str


@dataclass(frozen=True)
class Answers:
    """`told` int[cases] are places among `charges`, -1 where a case has no facts; `confidence` is float[cases]."""

    told: Array
    confidence: Array
    charges: tuple[str, ...]

    def charge(self, place: int) -> str:
        """Empty where none is told."""
        return self.charges[self.told[place]] if self.told[place] >= 0 else ""

    def every(self) -> list[str]:
        """The charge of each case."""
        return [self.charge(place) for place in range(len(self.told))]


def pipeline_reads(pipeline: Pipeline, networks: int = 0, evidence: Evidence = NOTHING) -> Read:
    """The encoder's base is made of the told cases' texts, and of those that `evidence` has beside; of told cases'
    charges so many adapters and heads are trained, each with other draws, and their votes are averaged (0: the base
    votes). Encoded is by the first.
    """

    def read(cases: Cases, facts: Sequence[str]) -> Reading:
        threadpool_limits(limits=1)  # as in a run (backend.py)
        reader = Reader(evidence.beside(cases.facts))
        told, asked = (reader.rows([windowed(fact, pipeline) for fact in each]) for each in (cases.facts, facts))
        described = reader.rows(evidence.descriptions(cases.charges))
        made = _networks(make_base(reader, SEED), told, cases, networks)
        every = [_read(network, told, asked, described, cases, pipeline) for network in made]
        return replace(every[0], votes=np.mean([each.votes for each in every], axis=0))

    return read


def pipeline_tells(pipeline: Pipeline, networks: int = 0, evidence: Evidence = NOTHING) -> Tell:
    """The votes of `pipeline_reads`."""
    read = pipeline_reads(pipeline, networks, evidence)
    return lambda cases, facts: read(cases, facts).votes


def _read(
    network: Mapping[str, Array], told: Any, asked: Any, described: Any, cases: Cases, pipeline: Pipeline
) -> Reading:
    known, wanted, names = (encoded(network, rows) for rows in (told, asked, described))
    return Reading(classify(known, cases.labels, wanted, names, pipeline, network), known, wanted)


def _networks(base: Mapping[str, Array], told: Any, cases: Cases, count: int) -> list[Mapping[str, Array]]:
    return [_adapted(base, told, cases, SEED + number) for number in range(count)] or [base]


def _adapted(base: Mapping[str, Array], told: Any, cases: Cases, seed: int) -> Mapping[str, Array]:
    with TemporaryDirectory() as place:
        labels = cases.labels.astype(np.int64)
        train_adapter(base, None, told, labels, len(cases.charges), Path(place), seed, 1.0)
        return merged(base, read_delta(Path(place)))


def read_asked(path: Path) -> Asked:
    """A .csv with `text`, and `id` where cases have names (else they are numbered from 0); a column of labels is not
    looked at. Raises BadInput.
    """
    source = open_source(path, TEST)
    if source.form != "csv":
        raise BadInput(f"--test {path} is no table; give a .csv with the columns id and text")
    rows = _table(path, source.content, ("text",))
    if not rows:
        raise BadInput(f"--test {path} has no case; give a .csv with the columns id and text")
    ids = _ids(rows, path)
    return Asked(ids, tuple(row["text"][:LONGEST] for row in rows), source.key, source.said)


def _table(path: Path, content: bytes, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        return list(rows_of(text_of(content), columns))
    except (ValueError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read ({error}); its form is told in docs/domains.md") from error


def _ids(rows: Sequence[dict[str, str]], path: Path) -> tuple[str, ...]:
    ids = tuple(row.get("id", str(place)).strip() for place, row in enumerate(rows))
    name, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise BadInput(f"{path} calls {count} cases {name[:40]!r}; give each an id of its own")
    return ids


def answers(votes: Array, facts: Sequence[str], charges: tuple[str, ...]) -> Answers:
    """The likeliest charge of each; of a case without facts none is told. `votes` are float[facts, charges]."""
    silent = np.array([not fact.strip() for fact in facts])
    told = np.where(silent, -1, votes.argmax(axis=1))
    return Answers(told, np.where(silent, 0.0, votes.max(axis=1)), charges)


def write_answers(path: Path, asked: Asked, found: Answers) -> None:
    """A .csv with id, label and confidence, on disk when this returns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("id", "label", "confidence"))
        for place, name in enumerate(asked.ids):
            rows.writerow((name, found.charge(place), f"{found.confidence[place]:.4f}"))
        file.flush()
        os.fsync(file.fileno())


def read_labels(path: Path, asked: Asked) -> list[str]:
    """The charges of the cases asked for, in their order: a .csv with `label`, and `id` where its order may differ.
    Raises BadInput unless every case has one.
    """
    if not path.is_file():
        raise BadInput(f"--labels {path} is no file; give a .csv with the columns id and label")
    rows = _table(path, open_source(path).content, ("label",))
    if len(rows) != len(asked.ids):
        told = f"{counted(len(rows), 'label')} of {counted(len(asked.ids), 'case')}"
        raise BadInput(f"--labels {path} has {told}; give one of each")
    by_id = dict(zip(_ids(rows, path) if "id" in rows[0] else asked.ids, rows, strict=True))
    for name in asked.ids:
        if name not in by_id or not by_id[name]["label"].strip():
            raise BadInput(f"--labels {path} has no label of the case {name[:40]!r}; give one of each")
    return [by_id[name]["label"].strip() for name in asked.ids]
