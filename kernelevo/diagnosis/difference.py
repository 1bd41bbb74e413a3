"""What differs between two kernels of one problem, line by line: which lines are the same, changed, moved, gone or new,
and what each was counted with before and after.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kernelevo.diagnosis.lines import LineTotals, totals
from kernelevo.diagnosis.subject import Profile, Subject

Kind = Literal["same", "changed", "moved", "gone", "new"]
ALIKE = 0.6
"""Ratio of difflib from which on a replaced line is taken to be the same line, changed."""
_TRIVIAL = 4
"""Lines of fewer characters (braces) are never said to have moved."""


@dataclass(frozen=True)
class LinePair:
    """A line before and after, as 1-based numbers; None on the side where it is not."""

    kind: Kind
    before: int | None
    after: int | None


@dataclass(frozen=True)
class LineChange:
    """Counts of one line of a case before and after, summed over its launches; None on the side where it is not, or
    where nothing was counted. `text` is that of the line after, or before if it is gone.
    """

    pair: LinePair
    text: str
    before: LineTotals | None
    after: LineTotals | None

    def counts(self, name: str) -> tuple[int, int]:
        """A count of `LineTotals` by name, before and after."""
        return _value(self.before, name), _value(self.after, name)


def align(before: Sequence[str], after: Sequence[str]) -> list[LinePair]:
    """Pairs of lines, in the order of the text after, with what is gone where it was. Indentation does not matter."""
    old, new = [line.strip() for line in before], [line.strip() for line in after]
    pairs = list(_aligned(old, new))
    origin = {after: before for before, after in _moved(old, new, pairs)}
    left = set(origin.values())
    return [
        LinePair("moved", origin[pair.after], pair.after) if pair.kind == "new" and pair.after in origin else pair
        for pair in pairs
        if not (pair.kind == "gone" and pair.before in left)
    ]


def line_changes(before: Profile, after: Profile, case: str) -> list[LineChange]:
    """Every pair of lines of which something was counted on one side, in the order of the text after."""
    old, new = _by_line(before.subjects[case]), _by_line(after.subjects[case])
    changes = []
    for pair in align(before.lines, after.lines):
        text = after.lines[pair.after - 1] if pair.after else before.lines[(pair.before or 1) - 1]
        change = LineChange(pair, text, old.get(pair.before or 0), new.get(pair.after or 0))
        if change.before or change.after:
            changes.append(change)
    return changes


def most_changed(changes: Sequence[LineChange], weights: Mapping[str, float], count: int) -> list[LineChange]:
    """The lines that moved most, most first: by the share of each count's total that moved, times its weight."""
    wholes = {name: max(sum(sum(change.counts(name)) for change in changes), 1) for name in weights}

    def moved(change: LineChange) -> float:
        sides = {name: change.counts(name) for name in weights}
        return sum(weights[name] * abs(old - new) / wholes[name] for name, (old, new) in sides.items())

    return sorted((change for change in changes if moved(change)), key=moved, reverse=True)[:count]


def _aligned(old: Sequence[str], new: Sequence[str]) -> Iterator[LinePair]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, first, last, begin, end in matcher.get_opcodes():
        if tag == "equal":
            yield from (LinePair("same", first + i + 1, begin + i + 1) for i in range(last - first))
        else:
            yield from _replaced(old, new, range(first, last), range(begin, end))


def _replaced(old: Sequence[str], new: Sequence[str], gone: range, came: range) -> Iterator[LinePair]:
    """Of a replaced block, lines that are alike are pairs, in order; the rest is gone or new."""
    next_old = gone.start
    for j in came:
        alike = [(_ratio(old[i], new[j]), -i) for i in range(next_old, gone.stop)]
        ratio, place = max(alike, default=(0.0, 0))
        if ratio < ALIKE:
            yield LinePair("new", None, j + 1)
            continue
        yield from (LinePair("gone", i + 1, None) for i in range(next_old, -place))
        yield LinePair("changed", 1 - place, j + 1)
        next_old = 1 - place
    yield from (LinePair("gone", i + 1, None) for i in range(next_old, gone.stop))


def _ratio(one: str, other: str) -> float:
    if not one or not other:
        return 0.0
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _moved(old: Sequence[str], new: Sequence[str], pairs: Sequence[LinePair]) -> Iterator[tuple[int, int]]:
    """Line before -> line after, of equal texts that are gone in one place and new in another."""
    came: dict[str, list[int]] = {}
    for pair in pairs:
        if pair.kind == "new" and pair.after and len(new[pair.after - 1]) >= _TRIVIAL:
            came.setdefault(new[pair.after - 1], []).append(pair.after)
    for pair in pairs:
        if pair.kind == "gone" and pair.before and came.get(old[pair.before - 1]):
            yield pair.before, came[old[pair.before - 1]].pop(0)


def _by_line(subjects: Sequence[Subject]) -> dict[int, LineTotals]:
    """Counts of the kernel's own lines, summed over launches."""
    found: dict[int, list] = {}
    for subject in subjects:
        for line in subject.step.lines:
            if line.source.line and line.source.file == subject.file:
                found.setdefault(line.source.line, []).append(line)
    return {number: totals(lines[0].source.file, number, lines) for number, lines in found.items()}


def _value(line: LineTotals | None, name: str) -> int:
    value = 0 if line is None else vars(line)[name]
    return int(value)
