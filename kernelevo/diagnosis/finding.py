"""What a rule says of a launch: a sentence with the counters it rests on, and what usually helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from kernelevo.diagnosis.lines import LineTotals
from kernelevo.diagnosis.subject import Subject


@dataclass(frozen=True)
class Finding:
    """`rule` is its name for machines, `weight` the share of the launch's time that it concerns, from 0 to 1: an order,
    not a promise. `lines` are those of the kernel's own file that are meant, 1-based, the worst first.
    """

    rule: str
    statement: str
    advice: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[int, ...] = ()
    weight: float = 0.0


Rule = Callable[[Subject], Iterator[Finding]]


def place(subject: Subject, *lines: LineTotals) -> str:
    """Where, for the head of a sentence: `line 12`, `lines 12 and 14`, `header.h:3`, or that the compiler gave none."""
    own = sorted({line.line for line in lines if line.file == subject.file and line.line})
    others = [f"{line.file}:{line.line}" for line in lines if line.file != subject.file and line.line]
    words = [f"line{'s' if len(own) > 1 else ''} {_listed(own)}"] if own else []
    return " and ".join([*words, *others]) or "instructions without a source line"


def own_lines(subject: Subject, *lines: LineTotals) -> tuple[int, ...]:
    return tuple(dict.fromkeys(line.line for line in lines if line.file == subject.file and line.line))


def _listed(numbers: list[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def figure(value: float) -> str:
    """4 -> 4, 31.97 -> 32, 4.5 -> 4.5: as a person would say it, to three digits."""
    return f"{value:,.0f}" if value >= 100 or abs(value - round(value)) < 0.05 else f"{value:.1f}"
