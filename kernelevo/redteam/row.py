"""The noun of the scorecard: one known way of cheating an evaluator, and this installation's answer to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Answer = Literal["construction", "caught", "outside"]

ANSWERS: dict[Answer, str] = {
    "construction": "stopped by construction",
    "caught": "caught at run time",
    "outside": "out of scope",
}


@dataclass(frozen=True)
class Row:
    """`number` is H1 to H105 of the table of known attacks, or K and a number of our own. `why` says what stops it, by
    nature or at run time, or why it is out of scope. Only `caught` rows are shown by attacks.
    """

    number: str
    title: str
    answer: Answer
    why: str


def stopped(number: str, title: str, why: str) -> Row:
    return Row(number, title, "construction", why)


def caught(number: str, title: str, why: str) -> Row:
    return Row(number, title, "caught", why)


def outside(number: str, title: str, why: str) -> Row:
    return Row(number, title, "outside", why)
