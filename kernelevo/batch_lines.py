"""The lines of a batch: JSON objects, one candidate each. A line that is none is a value, not the end of the batch.

    {"text": "...", "name": "optional", "defines": {"BLOCK": 256}, "seed": 7, "cases": ["rows=64,cols=64"]}

Only "text" must be there. Lines are read as they come, each of a bounded length, and empty ones are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.types import Candidate

LONGEST_LINE = 4 << 20
"""Bytes; sixteen times the longest source that is judged."""
MOST_CASES = 64
"""Sizes that one line may ask for."""
_PART = 1 << 16
_FIELDS = ("text", "name", "defines", "seed", "cases")


@dataclass(frozen=True)
class Asked:
    """A line that can be judged; `seed` and `cases` are None and empty where the line leaves them to the batch."""

    line: int
    name: str
    candidate: Candidate
    seed: int | None = None
    cases: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, int | None, tuple[str, ...]]:
        """What the verdict depends on."""
        return (self.candidate.id, self.seed, self.cases)


@dataclass(frozen=True)
class NotAsked:
    """A line that cannot be judged, and why."""

    line: int
    name: str
    why: str


@dataclass
class LineReader:
    """Cuts lines out of what `read` gives (at most so many bytes, b"" at the end), holding one of bounded length."""

    read: Callable[[int], bytes]
    longest: int = LONGEST_LINE
    _rest: bytearray = field(default_factory=bytearray)

    def __iter__(self) -> Iterator[bytes | None]:
        """Each line without its end; None for one that is too long, whose bytes are dropped as they come."""
        dropping = False
        while part := self.read(_PART):
            *whole, rest = part.split(b"\n")
            for end in whole:
                self._rest += end
                yield None if dropping or len(self._rest) > self.longest else bytes(self._rest)
                self._rest.clear()
                dropping = False
            self._rest += rest
            if len(self._rest) > self.longest:
                dropping = True
                self._rest.clear()
        if dropping or self._rest:
            yield None if dropping else bytes(self._rest)


def requests(lines: Iterable[bytes | None], check_case: Callable[[str], object]) -> Iterator[Asked | NotAsked]:
    """What the lines ask for, numbered from 1. `check_case` gives the case that a text means, and
    raises BadInput for sizes that the problem has not.
    """
    for number, line in enumerate(lines, 1):
        if line is None:
            yield NotAsked(number, str(number), f"the line has more than {LONGEST_LINE} bytes")
        elif line.strip():
            yield _request(number, line, check_case)


class _Unreadable(Exception):
    """Why a line is no request."""


def _request(number: int, line: bytes, check_case: Callable[[str], object]) -> Asked | NotAsked:
    name = str(number)
    try:
        record = _record(line)
        name = _name(record, number)
        defines, seed, cases = _defines(record), _seed(record), _cases(record, check_case)
        return Asked(number, name, Candidate(_text(record), defines), seed, cases)
    except (_Unreadable, BadInput) as fault:
        return NotAsked(number, name, str(fault))
    except ValueError as fault:
        return NotAsked(number, name, f'"text": {fault}')


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"it is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise _Unreadable('it is no JSON object with a "text"')
    unknown = sorted(set(record) - set(_FIELDS))
    if unknown:
        raise _Unreadable(f'there is no field "{unknown[0][:100]}"; there are {", ".join(_FIELDS)}')
    return record


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no name comes twice: which of the two was meant, nobody could say."""
    record = dict(pairs)
    if len(record) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _Unreadable(f'it gives "{twice[:100]}" twice; keep one')
    return record


def _name(record: dict[str, Any], number: int) -> str:
    name = record.get("name", number)
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise _Unreadable('"name" must be a string or a whole number')
    return str(name)


def _text(record: dict[str, Any]) -> str:
    text = record.get("text")
    if not isinstance(text, str):
        raise _Unreadable('it has no "text" that is a string')
    return text


def _defines(record: dict[str, Any]) -> dict[str, int]:
    defines = record.get("defines", {})
    if not isinstance(defines, dict) or not all(type(value) is int for value in defines.values()):
        raise _Unreadable('"defines" must map names to whole numbers')
    if (wrong := next((name for name in defines if not name.isidentifier()), None)) is not None:
        raise _Unreadable(f'"defines" holds {wrong[:100]!a}, which can be no macro\'s name')
    return defines


def _seed(record: dict[str, Any]) -> int | None:
    seed = record.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed < 1 << 64):
        raise _Unreadable('"seed" must be a whole number from 0 to 2^64 - 1')
    return seed


def _cases(record: dict[str, Any], check_case: Callable[[str], object]) -> tuple[str, ...]:
    cases = record.get("cases", [])
    if not isinstance(cases, list) or not all(isinstance(case, str) for case in cases):
        raise _Unreadable('"cases" must be a list of strings like "rows=64,cols=64"')
    if len(cases) > MOST_CASES:
        raise _Unreadable(f'"cases" holds {len(cases)} sizes, and may hold {MOST_CASES}')
    read = [check_case(case) for case in cases]  # several spellings are one case
    if any(read.count(case) > 1 for case in read):
        raise _Unreadable('"cases" holds one twice; keep one')
    return tuple(cases)
