"""What `verify` found, as data and for a person. Rows come from `evidence`; here they only get their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape

from kernelevo.wire.words import visible_line

CONSISTENT_ONLY = "Hashes alone show consistency only: not who made it, and not that it happened."


class RowLike(Protocol):
    @property
    def part(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def words(self) -> str: ...


def rows_json(rows: Sequence[RowLike]) -> list[dict[str, Any]]:
    return [{"part": row.part, "state": row.state, "words": row.words} for row in rows]


def print_rows_of(console: Console, rows: Sequence[RowLike]) -> None:
    """One line a row, what was refused in bold. Words of a stranger do not move the cursor."""
    for row in rows:
        line = visible_line(f"  {row.state:11}  {row.part}: {row.words}")
        console.print(f"[bold]{escape(line)}[/bold]" if row.state == "refused" else escape(line), soft_wrap=True)


def summary_of(rows: Sequence[RowLike]) -> str:
    """`12 hold, 5 could not be checked`, or what was refused."""
    counts = Counter(row.state for row in rows)
    if counts["refused"]:
        first = next(row for row in rows if row.state == "refused")
        return visible_line(f"Refused: {first.part}: {first.words}")
    signed = any(row.part == "signature" and row.state == "holds" for row in rows)
    told = f"It agrees with itself: {counts['holds']} checks hold, {counts['not checked']} could not be made here."
    return told if signed else f"{told} {CONSISTENT_ONLY}"
