"""The legal decisions of an attempt, each with the program that it makes.

Proposers say in a candidate's last move what they did: `vector_loads(copy, width=4)`, `tune(BLOCK=64)`. Here that is a
decision: the rule, the site it was applied to, and the value of the one parameter that was tried.

    vector_loads(copy, width=4)      vector_loads(copy) = 4
    block_shape(copy, x=32, y=8)     block_shape(copy) = 32      (parameters join the site where need be)
    tile(copy, rows=BLOCK / 32)      tile(copy)                  (an expression is no value)
    tune(BLOCK=64)                   tune(BLOCK) = 64
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kernelevo.backends.kernels.grammar import TUNE
from kernelevo.decisions import MOST_OPTIONS, Decision
from kernelevo.interfaces import Proposer
from kernelevo.types import Attempt, Candidate

_MOVE = re.compile(r"(\w+)(?:\((.*)\))?\Z", re.DOTALL)
_WHOLE = re.compile(r"-?\d{1,18}\Z")
_MANY = 4 * MOST_OPTIONS


def legal_moves(
    attempt: Attempt, proposers: Sequence[Proposer], rules: Sequence[str], signed: str
) -> dict[Decision, Candidate]:
    """Every decision with its program, by rule in the order of `rules`; what makes a program that another does, or the
    parent's own, is left out.
    """
    parent = attempt.candidate
    proposed = [one for each in proposers for one in each.propose(attempt, frozenset(), _MANY)]
    proposed = [candidate for candidate in proposed if len(candidate.moves) == len(parent.moves) + 1]
    places = {rule: place for place, rule in enumerate(rules)}
    found: dict[Decision, Candidate] = {}
    seen = {parent.id}
    for candidate in proposed:
        decision = _decision(candidate.moves[-1], found)
        if candidate.id in seen or decision is None or decision.rule not in places:
            continue
        seen.add(candidate.id)
        moves = (*parent.moves, str(decision))
        found[decision] = replace(candidate, proposer=signed, moves=moves)
    ordered = sorted(found, key=lambda decision: places[decision.rule])
    return {decision: found[decision] for decision in ordered[: MOST_OPTIONS - 1]}


def _decision(move: str, taken: Mapping[Decision, Candidate]) -> Decision | None:
    """What a move says was decided; where two moves would be the same decision, all parameters join the later one's
    site. None where it cannot be written.
    """
    match = _MOVE.match(move)
    if match is None:
        return None
    words = [each.strip() for each in (match[2] or "").split(",") if each.strip()]
    site = [each for each in words if "=" not in each]
    given = [(name, number) for name, _, number in (each.partition("=") for each in words if "=" in each)]
    if match[1] == TUNE and given:
        # The macro is the place, not a parameter of the rule.
        site = [given[0][0]]
    # A parameter may be an expression of the plan's macros: then it is no value that could be chosen.
    value = int(given[0][1]) if given and _WHOLE.match(given[0][1]) else None
    longer = [*site, *(f"{name}={number}" for name, number in given)]
    for place in (site, longer):
        decision = _written(match[1], " ".join(place), value)
        if decision is not None and decision not in taken:
            return decision
    return None


def _written(rule: str, site: str, value: int | None) -> Decision | None:
    try:
        return Decision(rule, site, value)
    except ValueError:
        return None
