"""How far one change of a harness may go: far at first, then ever less, so that what was won is not thrown about.

The number of edits falls along a half cosine from `most` to `least` over `changes` (SkillOpt's schedule, whose 4 to 2
are for texts: a number is a smaller edit), and characters with it. Numbers move only a part of their way to what the
record suggests (the slow update): one generation's luck is worth no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kernelevo.levers.harness.edits import EditBudget


@dataclass(frozen=True)
class Pace:
    """`rate` is the part of its way that a number moves; `divergence` the most that the chosen rules' distribution may
    be changed by, in nats, at first.
    """

    most: int = 8
    least: int = 2
    characters: int = 4000
    changes: int = 8
    rate: float = 0.75
    divergence: float = 0.5

    def budget(self, drafted: int) -> EditBudget:
        part = self._part(drafted)
        return EditBudget(round(self.least + (self.most - self.least) * part), round(self.characters * (1 + part) / 2))

    def divergence_at(self, drafted: int) -> float:
        return self.divergence * (1 + self._part(drafted)) / 2

    def _part(self, drafted: int) -> float:
        """From 1 at the first change to 0 at the last, after so many changes were drafted."""
        return (1 + math.cos(math.pi * min(drafted / max(self.changes - 1, 1), 1))) / 2
