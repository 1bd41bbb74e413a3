"""What is known beside told cases: a text that describes each charge, and texts that nobody labelled.

    KERNELEVO_LEGAL_STATUTES    charges and the texts of their statutes: .json, an object by charge; .csv, columns
                                `charge` and `text`. Charges without one are described by their names
    KERNELEVO_LEGAL_TEXTS       further texts: .txt, one a line; .csv, the column `text`; .json or .jsonl, LawBench's
                                questions or CAIL2018's facts. No label in them is looked at

None of either is in the package.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kernelevo.backends.legal.data import LONGEST
from kernelevo.backends.legal.loaders import QUESTION, are, require_small, rows_of, text_of
from kernelevo.counting import counted
from kernelevo.errors import BadInput

STATUTES, TEXTS = "KERNELEVO_LEGAL_STATUTES", "KERNELEVO_LEGAL_TEXTS"
MOST_TEXTS = 20_000
"""Further texts that are read: the base is made of all of them at once."""
What = TypeVar("What")
_STATUTES_FORM = "give a .json, an object of texts by charge, or a .csv with the columns charge and text"
_TEXTS_FORM = "give a .txt with a text a line, a .csv with the column text, or LawBench's or CAIL2018's .json"


@dataclass(frozen=True)
class Evidence:
    """`statutes` are texts by charge, `texts` such as have no label; `keys` tell the content of each file by its
    variable, `files` their names, and `notes` are sentences on them.
    """

    statutes: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Of all files; empty without any."""
        return " ".join(f"{name}={key}" for name, key in sorted(self.keys.items()))

    @property
    def base_key(self) -> str:
        """Tells the bases that are made of these texts, too, from others; empty without any."""
        return f"-{self.keys[TEXTS][:16]}" if TEXTS in self.keys else ""

    def descriptions(self, charges: Sequence[str]) -> tuple[str, ...]:
        """The statute's text of each charge, or its name."""
        return tuple(self.statutes.get(charge, charge) for charge in charges)

    def of_charges(self, charges: Sequence[str]) -> tuple[str, ...]:
        """`notes`, with how many of these charges have a statute."""
        if not self.statutes:
            return self.notes
        there = len(set(self.statutes) & set(charges))
        others = len(self.statutes) - there
        left = f"; {counted(others, 'text')} of other charges {are(others)} not used" if others else ""
        return (*self.notes, f"{there:,} of {counted(len(charges), 'charge')} are described by a statute{left}")

    def beside(self, facts: Sequence[str]) -> tuple[str, ...]:
        """All texts that the base is made of: these facts, and what of the further texts is none of them."""
        return tuple(dict.fromkeys([*facts, *self.texts])) if self.texts else tuple(facts)


NOTHING = Evidence()


def open_evidence(statutes: Path | None, texts: Path | None) -> Evidence:
    """Raises BadInput for a file that is none of its kind."""
    found, keys, files = dict[str, str](), dict[str, str](), dict[str, str]()
    further: tuple[str, ...] = ()
    notes = []
    if statutes is not None:
        content = _content(STATUTES, statutes, (".json", ".csv"), _STATUTES_FORM)
        found = _read(STATUTES, statutes, content, _statutes, _STATUTES_FORM)
        keys[STATUTES], files[STATUTES] = hashlib.sha256(content).hexdigest(), statutes.name
        notes.append(f"{STATUTES}: {counted(len(found), 'statute')} of {statutes.name} {_known_by(keys[STATUTES])}")
    if texts is not None:
        content = _content(TEXTS, texts, (".txt", ".csv", ".json", ".jsonl"), _TEXTS_FORM)
        every = _read(TEXTS, texts, content, _texts, _TEXTS_FORM)
        further = every[:MOST_TEXTS]
        keys[TEXTS], files[TEXTS] = hashlib.sha256(content).hexdigest(), texts.name
        first = f"the first {len(further):,} of " if len(further) < len(every) else ""
        told = f"{first}{counted(len(every), 'text')} of {texts.name} {_known_by(keys[TEXTS])}"
        notes.append(f"{TEXTS}: the network's base is made of {told}, too, without labels")
    return Evidence(found, further, keys, files, tuple(notes))


def _known_by(key: str) -> str:
    return f"(SHA-256 {key[:16]}...)"


def _content(given: str, path: Path, endings: Sequence[str], form: str) -> bytes:
    if not path.is_file():
        raise BadInput(f"{given}={path} is no file; {form}")
    if path.suffix not in endings:
        raise BadInput(f"{given}={path}: files end in {', '.join(endings)}; {form}")
    require_small(path, path.stat().st_size)
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{given}={path} cannot be read ({error.strerror}); make it readable") from error


def _read(given: str, path: Path, content: bytes, read: Callable[[str, str], What], form: str) -> What:
    try:
        return read(text_of(content), path.suffix)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadInput(f"{given}={path} cannot be read ({said}); {form}") from error


def _statutes(text: str, suffix: str) -> dict[str, str]:
    """Raises ValueError for what is none, and for a charge that has two."""
    if suffix == ".csv":
        return _once((row["charge"], row["text"]) for row in rows_of(text, ("charge", "text")))
    found = json.loads(text, object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise ValueError("it is no object of texts by charge")
    return found


def _once(pairs: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for charge, text in pairs:
        if not isinstance(text, str) or not charge.strip() or not text.strip():
            raise ValueError(f"the charge {charge[:40]!r} has no text")
        if charge.strip() in found:
            raise ValueError(f"the charge {charge[:40]!r} has two texts")
        found[charge.strip()] = text.strip()[:LONGEST]
    if not found:
        raise ValueError("it has no text")
    return found


def _texts(text: str, suffix: str) -> tuple[str, ...]:
    """Different ones, in their order; raises ValueError where there is none."""
    found = tuple(dict.fromkeys(each.strip()[:LONGEST] for each in _every(text, suffix) if each.strip()))
    if not found:
        raise ValueError("it has no text")
    return found


def _every(text: str, suffix: str) -> Iterator[str]:
    if suffix == ".txt":
        yield from text.splitlines()
    elif suffix == ".csv":
        yield from (row["text"] for row in rows_of(text, ("text",)))
    elif text.lstrip()[:1] == "[":
        yield from (item["question"].removeprefix(QUESTION) for item in json.loads(text))
    else:
        yield from (json.loads(line)["fact"] for line in text.split("\n") if line.strip())
