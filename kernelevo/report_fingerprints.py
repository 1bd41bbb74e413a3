"""Fingerprints of source lines, by which GitHub's code scanning knows an alert again when lines above it are added.

The same numbers as its own uploader computes (github/codeql-action, src/fingerprints.ts), so that both agree: of each
line, a polynomial hash of the 100 characters that begin there, without spaces and tabs, and how often that hash has
occurred in the file so far.
"""

from __future__ import annotations

import re
from collections import Counter

_CHARACTERS = 100
_FACTOR = 37
_WORD = 1 << 64
_END = 65535
"""Stands for the end of the file, which is followed by zeros."""


def line_fingerprints(text: str) -> list[str]:
    """One "hash:number" for each line of the text; lines end as editors count them (LF, CR or both)."""
    ended = re.sub(r"\r\n|\r", "\n", text)
    lines = [_utf16(re.sub(r"[ \t]", "", line)) for line in ended.split("\n")]
    stream = [unit for line in lines[:-1] for unit in (*line, ord("\n"))] + [*lines[-1], _END]
    seen: Counter[str] = Counter()
    found, start = [], 0
    for line in lines:
        value = _hash(stream[start : start + _CHARACTERS])
        seen[value] += 1
        found.append(f"{value}:{seen[value]}")
        start += len(line) + 1
    return found


def _utf16(line: str) -> list[int]:
    """UTF-16 code units, as JavaScript counts characters."""
    raw = line.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]


def _hash(units: list[int]) -> str:
    value = 0
    for unit in units:
        value = (value * _FACTOR + unit) % _WORD
    return f"{value * pow(_FACTOR, _CHARACTERS - len(units), _WORD) % _WORD:x}"
