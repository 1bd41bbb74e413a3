"""Proposes other values for what a kernel file declares tunable: macros in CUDA, names of the plan in Triton.

    #pragma kernelevo tune BLOCK 64 128 256
    # kernelevo: tune num_warps 2 4 8 = 4

The neighbours of a candidate are those that differ in one macro; the next value up or down comes first, since times
mostly change smoothly along a list of values, and the far ends last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kernelevo.kernel.languages import CUDA, Language
from kernelevo.kernel.plan import TuneLine
from kernelevo.types import Attempt, Candidate


class TuneProposer:
    """One change of one value at a time, in files of `language`."""

    name = "tune"

    def __init__(self, language: Language = CUDA) -> None:
        self._language = language

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        """At most `limit` untried neighbours of the parent, nearest values first.

        Raises PlanError if the parent's pragma lines cannot be read, which a parent that passed does not have.
        """
        candidate, read_plan = parent.candidate, self._language.read_plan
        plan = read_plan(candidate.text, "candidate", candidate.defines)
        useful = [tune for tune in plan.tunes if self._language is not CUDA or _is_used(tune.macro, candidate.text)]
        moves = [move for tune in useful for move in _moves(tune, plan.macros[tune.macro])]
        own = read_plan(candidate.text, "candidate", {}).macros
        found: dict[str, Candidate] = {}
        for _, macro, value in sorted(moves, key=lambda move: move[0]):
            # A value that the file gives the macro anyway is left out: it would be the same program by another name.
            defines = {name: now for name, now in candidate.defines.items() if name != macro}
            if own.get(macro) != value:
                defines[macro] = value
            moved = (*candidate.moves, f"tune({macro}={value})")
            fresh = Candidate(candidate.text, defines, self.name, candidate.id, moved)
            if fresh.id not in tried:
                found.setdefault(fresh.id, fresh)
        return list(found.values())[:limit]


def _is_used(macro: str, text: str) -> bool:
    """Whether anything but its definition and its own line mentions the macro: rewrites may leave one idle. (A Triton
    plan whose tuned name nothing uses is refused.)
    """
    own = re.compile(rf"\s*#\s*(?:ifndef|define|pragma\s+kernelevo\s+tune)\s+{macro}\b")
    return any(re.search(rf"\b{macro}\b", line) for line in text.splitlines() if not own.match(line))


def _moves(tune: TuneLine, now: int) -> Iterator[tuple[int, str, int]]:
    """(distance along the sorted list of values, macro, value) for every value but the present one."""
    values = sorted({*tune.values, now})
    place = values.index(now)
    for index, value in enumerate(values):
        if index != place and value in tune.values:
            yield abs(index - place), tune.macro, value
