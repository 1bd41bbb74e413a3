"""The nouns of the red team: an attack, what became of it, and what a range offers to attack.

An attack runs twice: against the installation as it is, and with the defence that it names switched off. It counts
as stopped only if the first fails and the second succeeds: an attack that nothing lets through proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kernelevo.redteam.range import Range

Door = Literal["device code", "compiler", "launch plan", "triton import", "wall", "result", "cache", "problem file",
               "evidence", "program"]  # fmt: skip
"""How an attack comes in."""


@dataclass(frozen=True)
class Outcome:
    """What an attack came to. `got_through`: it reached its aim (an undeserved score, a secret, a forged result).
    `status` is what stopped it ("wrong", "trapped", "build_error", "refused by the wall", ...), "" if nothing did.
    """

    got_through: bool
    status: str
    words: str


@dataclass(frozen=True)
class Skipped:
    """An attack or control that could not be made on this machine, and why; skips are printed and counted."""

    reason: str


@dataclass(frozen=True)
class Attack:
    """`rows` are numbers of the table of known attacks ("H42") or our own ("K7"); `rows.py` has both. `defences` name
    what must be switched off together for the control: fields of kernelevo.defences.Defences, or words for what has
    no switch there. `run(range, defended)` makes the attack.
    """

    name: str
    rows: tuple[str, ...]
    title: str
    door: Door
    defences: tuple[str, ...]
    run: Callable[[Range, bool], Outcome | Skipped]
