"""Every known way of cheating, by number, with this installation's answer: rows H of others, K of our own."""

from __future__ import annotations

from kernelevo.redteam.row import Row
from kernelevo.redteam.rows_of_forging import FORGING
from kernelevo.redteam.rows_of_our_own import OUR_OWN
from kernelevo.redteam.rows_of_outputs import OUTPUTS
from kernelevo.redteam.rows_of_the_judge import OF_THE_JUDGE
from kernelevo.redteam.rows_of_the_wall import OF_THE_WALL
from kernelevo.redteam.rows_of_timing import TIMING

ROWS: tuple[Row, ...] = (*TIMING, *OUTPUTS, *FORGING, *OUR_OWN, *OF_THE_WALL, *OF_THE_JUDGE)


def row(number: str) -> Row:
    """The row of this number; raises KeyError with the number."""
    for each in ROWS:
        if each.number == number:
            return each
    raise KeyError(number)
