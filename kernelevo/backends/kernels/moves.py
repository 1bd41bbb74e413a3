"""The legal decisions of an attempt, each with the program that it makes.

Proposers say in a candidate's last move what they did: `vector_loads(copy, width=4)`, `tune(BLOCK=64)`. Here that is a
decision: the rule, the site it was applied to, and the value of the one parameter that was tried.

    vector_loads(copy, width=4)      vector_loads(copy) = 4
    block_shape(copy, x=32, y=8)     block_shape(copy) = 32      (further parameters join the site if need be)
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
    """What a move says was decided; where two moves would be the same decision, parameters join the later one's site.
    None where a site cannot be written.
    """
    match = _MOVE.match(move)
    if match is None:
        return None
    words = [each.strip() for each in (match[2] or "").split(",") if each.strip()]
    site = [each for each in words if "=" not in each]
    given = [(name, int(value)) for name, _, value in (each.partition("=") for each in words if "=" in each)]
    if match[1] == TUNE and given:
        # The macro is the place, not a parameter of the rule.
        site, given = [given[0][0]], [("value", given[0][1])]
    value = given[0][1] if given else None
    try:
        decision = Decision(match[1], " ".join(site), value)
        if decision in taken:
            decision = Decision(match[1], " ".join([*site, *(f"{name}={number}" for name, number in given[1:])]), value)
    except ValueError:
        return None
    return None if decision in taken else decision
