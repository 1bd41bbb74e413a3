"""The scorecard: what became of every attack and its control, and of every row.

attack    holds      it failed, and its control without the defence succeeded
          open       it got through
          unproven   it failed, and so did its control: nothing shows that the defence is what stopped it
          skipped    it could not be made on this machine
row       open       an attack of it is open or unproven, or none could be made where it claims to be caught
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.range import Range
from kernelevo.redteam.row import Row

State = Literal["holds", "open", "unproven", "skipped"]


@dataclass(frozen=True)
class Scored:
    """One attack with both outcomes."""

    attack: Attack
    defended: Outcome | Skipped
    control: Outcome | Skipped

    @property
    def state(self) -> State:
        if isinstance(self.defended, Skipped) or isinstance(self.control, Skipped):
            return "skipped"
        if self.defended.got_through:
            return "open"
        return "holds" if self.control.got_through else "unproven"

    @property
    def reason(self) -> str:
        """Why it was skipped, or what an attack that does not hold came to."""
        for each in (self.defended, self.control):
            if isinstance(each, Skipped):
                return each.reason
        shown = self.defended if self.state == "open" else self.control
        return "" if self.state == "holds" or isinstance(shown, Skipped) else f"{shown.status}: {shown.words}"

    @property
    def status(self) -> str:
        return "skipped" if isinstance(self.defended, Skipped) else self.defended.status


@dataclass(frozen=True)
class RowScore:
    """One row with the attacks on it."""

    row: Row
    attacks: tuple[Scored, ...]

    @property
    def open(self) -> bool:
        return any(each.state in ("open", "unproven") for each in self.attacks)

    @property
    def shown(self) -> bool:
        """Whether an attack of it holds here."""
        return any(each.state == "holds" for each in self.attacks)


def score_attack(attack: Attack, range_: Range) -> Scored:
    """Makes an attack on the installation as it is, and once more without its defence."""
    defended = attack.run(range_, True)
    return Scored(attack, defended, defended if isinstance(defended, Skipped) else attack.run(range_, False))


def score_all(attacks: Sequence[Attack], range_: Range, tell: Callable[[Scored], None]) -> list[Scored]:
    """Every attack, told as it ends."""
    scored = []
    for attack in attacks:
        scored.append(score_attack(attack, range_))
        tell(scored[-1])
    return scored


def by_row(rows: Sequence[Row], scored: Sequence[Scored]) -> Iterator[RowScore]:
    for row in rows:
        yield RowScore(row, tuple(each for each in scored if row.number in each.attack.rows))
