"""Files of criminal cases as users get them, and what each is known to be.

    .csv             columns `text` and `label` (sia-agent's train.csv)
    .json, .jsonl    LawBench's task 3-3: a list of {question, answer}; or CAIL2018: one {fact, meta: {accusation}} a
                     line. Those with one charge are taken
    .whl             the wheel of the package sia-agent: the train.csv in it
    sia-agent        that package, where it is installed
    folder           an unpacked sia-agent, a checkout of LawBench, or CAIL2018's files

Text is UTF-8 or GB18030. Each file is known by its SHA-256: KNOWN tells what it is and under which licence. None of
these texts is in the package.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from kernelevo.backends.legal.scoring import PREFIX
from kernelevo.counting import counted
from kernelevo.errors import BadInput

LARGEST = 1 << 30
"""Bytes of a file."""
PACKAGE = "sia-agent"
TRAIN, TEST = "train.csv", "test.csv"
"""What its cases are called in it: with charges, and without."""
QUESTION = "事实:"
"""How LawBench's questions begin."""
GIVE = (
    "give a .csv with text and label, CAIL2018's or LawBench's .json, a folder of these, or the wheel of "
    f"{PACKAGE} (docs/domains.md)"
)
_TEXTS = "the texts are CAIL2018's, whose licence is unknown"
KNOWN = {
    "aba2b6fbf1f7942d92a85520621f3ebcc4d99285e9c4beb9d3a4927cd83f9de0": (
        "sia-train", f"the 5,332 training cases of sia-agent 0.6.0 (MIT; {_TEXTS})"
    ),
    "889a486485e42e131e26a910c7ad3eb8d41ce5a4bbf474862e6c563b52cc3d75": (
        "sia-test", f"the 913 test cases of sia-agent 0.6.0 (MIT; {_TEXTS})"
    ),
    "64378a7d7c3548cbe336d989f50a1301ba531ef53fc97b4dd879fda7e6fec755": (
        "lawbench-3-3", f"LawBench's task 3-3, zero-shot (Apache-2.0; {_TEXTS})"
    ),
}  # fmt: skip
"""By SHA-256: a short name, and what the file is."""
_IN_FOLDERS = (
    "training_data/train.csv", "train.csv", "data/zero_shot/3-3.json", "zero_shot/3-3.json", "data_train.json",
    "exercise_contest/data_train.json", "data_valid.json", "data_test.json",
)  # fmt: skip
"""Of an unpacked sia-agent, LawBench and CAIL2018, in the order in which they are looked for."""
Pair = tuple[str, str]


@dataclass(frozen=True)
class Source:
    """A file's bytes; `where` names it in messages, and `form` is csv or json."""

    where: str
    form: str
    content: bytes

    @property
    def key(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """Short, of the registry or of the file."""
        return KNOWN[self.key][0] if self.key in KNOWN else Path(self.where).stem

    @property
    def said(self) -> str:
        """What it is known to be."""
        if self.key in KNOWN:
            return f"{self.where} is {KNOWN[self.key][1]}"
        return f"{self.where} is no file that is known here (SHA-256 {self.key[:16]}...); its licence is yours to know"


@dataclass(frozen=True)
class Told:
    """Facts and their charges, in the order of the file; `several` cases with other than one charge are left out."""

    source: Source
    pairs: tuple[Pair, ...]
    several: int

    @property
    def notes(self) -> tuple[str, ...]:
        left = f"{counted(self.several, 'case')} with several charges or none {are(self.several)} left out"
        return (self.source.said, *([left] if self.several else []))


def are(count: int) -> str:
    return "is" if count == 1 else "are"


def open_source(path: Path, member: str = TRAIN) -> Source:
    """The file of cases that `path` names, which in a package is called `member`; raises BadInput for what is
    none, or too large.
    """
    if not path.exists() and path.name == PACKAGE:
        return _installed(member)
    if path.is_dir():
        return _in_folder(path, member)
    if not path.is_file():
        raise BadInput(f"{path} is no file; {GIVE}")
    if path.suffix == ".whl":
        return _in_wheel(path, member)
    if path.suffix not in (".csv", ".json", ".jsonl"):
        raise BadInput(f"{path}: files end in .csv, .json, .jsonl or .whl; {GIVE}")
    require_small(path, path.stat().st_size)
    try:
        return Source(str(path), path.suffix[1:].removesuffix("l"), path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); make it readable, or give another") from error


def require_small(path: Path | str, size: int) -> None:
    """Raises BadInput for more than LARGEST bytes."""
    if size > LARGEST:
        raise BadInput(f"{path} has {size:,} bytes, and may have {LARGEST:,}; give less")


def _installed(member: str) -> Source:
    try:
        files = distribution(PACKAGE).files or ()
    except PackageNotFoundError as error:
        raise BadInput(f"the package {PACKAGE} is not installed here; install it, or give its wheel") from error
    for file in files:
        if _is_member(str(file), member):
            return open_source(Path(str(file.locate())))
    raise BadInput(f"the package {PACKAGE} that is installed here has no lawbench/.../{member}; {GIVE}")


def _is_member(name: str, member: str) -> bool:
    return "lawbench" in Path(name).parts and Path(name).name == member


def _in_wheel(path: Path, member: str) -> Source:
    try:
        with zipfile.ZipFile(path) as wheel:
            found = [each for each in wheel.infolist() if _is_member(each.filename, member)]
            if not found:
                raise BadInput(f"{path} holds no lawbench/.../{member}; {GIVE}")
            require_small(f"{path}:{found[0].filename}", found[0].file_size)
            return Source(f"{path}:{found[0].filename}", "csv", wheel.read(found[0]))
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{path} is no wheel that can be read ({error}); {GIVE}") from error


def _in_folder(folder: Path, member: str) -> Source:
    names = _IN_FOLDERS if member == TRAIN else (f"public/{member}", member)
    for name in names:
        if (folder / name).is_file():
            return open_source(folder / name)
    raise BadInput(f"{folder} holds none of {', '.join(names)}; {GIVE}")


def read(source: Source) -> Told:
    """Its cases; raises BadInput for what is none, naming the line where there is one."""
    try:
        text = text_of(source.content)
        every = list(_FORMS[source.form](text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadInput(f"{source.where} cannot be read ({said}); its form is told in docs/domains.md") from error
    pairs = tuple((fact, charges[0]) for fact, charges in every if len(charges) == 1)
    return Told(source, pairs, len(every) - len(pairs))


def text_of(content: bytes) -> str:
    """UTF-8, with or without its mark, or GB18030; raises ValueError for neither."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as first:
        try:
            return content.decode("gb18030")
        except UnicodeDecodeError:
            raise ValueError(f"it is neither UTF-8 (byte {first.start}) nor GB18030") from first


def rows_of(text: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Of a table with a head; raises ValueError without one of `columns`. A field that is missing is empty."""
    csv.field_size_limit(min(sys.maxsize, LARGEST))
    rows = csv.DictReader(io.StringIO(text, newline=""))
    for column in columns:
        if column not in (rows.fieldnames or ()):
            raise ValueError(f"it has no column {column}, but {', '.join(rows.fieldnames or ()) or 'none'}"[:150])
    for row in rows:
        yield {name: value or "" for name, value in row.items() if isinstance(name, str)}


def _csv(text: str) -> Iterator[tuple[str, list[str]]]:
    for row in rows_of(text, ("text", "label")):
        yield row["text"], [row["label"].strip()]


def _json(text: str) -> Iterator[tuple[str, list[str]]]:
    return _lawbench(json.loads(text)) if text.lstrip()[:1] == "[" else _cail(text)


def _lawbench(items: Any) -> Iterator[tuple[str, list[str]]]:
    for item in items:
        yield item["question"].removeprefix(QUESTION).strip(), item["answer"].removeprefix(PREFIX).split(";")


def _cail(text: str) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                item = json.loads(line)
                fact, told = item["fact"].strip(), item.get("meta", item)["accusation"]
                charges = [told] if isinstance(told, str) else list(told)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise ValueError(f"line {number}: {type(error).__name__}: {error}") from error
            yield fact, charges


_FORMS: dict[str, Callable[[str], Iterator[tuple[str, list[str]]]]] = {"csv": _csv, "json": _json}


def repeated(pairs: Sequence[Pair]) -> str | None:
    """What is to be said of facts that are told more than once, or nothing."""
    charges: dict[str, set[str]] = {}
    for fact, charge in pairs:
        charges.setdefault(fact, set()).add(charge)
    again, torn = len(pairs) - len(charges), sum(len(each) > 1 for each in charges.values())
    if not again:
        return None
    said = f"{counted(again, 'case')} {are(again)} told again word by word"
    return said + (f", {torn} of them with another charge" if torn else "")
