"""One row, two rows: no sentence says `1 rows`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernelevo.counting import counted, nouns

PACKAGE = Path(__file__).parent.parent / "kernelevo"
NOUNS = ("rows", "attacks", "checks", "cases", "trials", "kernels", "launches", "files", "bytes", "arguments")
WRITTEN_OUT = re.compile(rf"\{{len\([^{{}}]*\)(:,)?\}} ({'|'.join(NOUNS)})\b")
"""A number that may be one, before a noun that says it is not."""


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (0, "row", "0 rows"), (1, "row", "1 row"), (2, "row", "2 rows"), (1, "launch", "1 launch"),
        (3, "launch", "3 launches"), (2, "box", "2 boxes"), (1024, "byte", "1,024 bytes"),
    ],
)  # fmt: skip
def test_a_noun_goes_with_its_number(count: int, noun: str, words: str) -> None:
    assert counted(count, noun) == words


def test_seconds_need_not_be_whole() -> None:
    assert (nouns(1.0, "second"), nouns(0.5, "second")) == ("second", "seconds")


def test_no_sentence_writes_a_plural_after_a_length() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {match[0]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for match in WRITTEN_OUT.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
