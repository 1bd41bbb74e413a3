"""What a check of evidence says: a row for each thing that was looked at, and the exception that ends reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["holds", "refused", "not checked"]


@dataclass(frozen=True)
class Row:
    """One thing that was checked, or could not be. `part` is the member or the figure that it is about."""

    part: str
    state: State
    words: str


class Tampered(Exception):
    """A bundle is not what a bundle must be; `part` says where. A value for the user, never a fault of ours."""

    def __init__(self, part: str, words: str) -> None:
        super().__init__(f"{part}: {words}")
        self.part = part
        self.words = words

    @property
    def row(self) -> Row:
        return Row(self.part, "refused", self.words)


def holds(part: str, words: str) -> Row:
    return Row(part, "holds", words)


def refused(part: str, words: str) -> Row:
    return Row(part, "refused", words)


def unchecked(part: str, words: str) -> Row:
    return Row(part, "not checked", words)
