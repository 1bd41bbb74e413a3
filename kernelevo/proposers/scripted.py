"""Proposes what it was told to: the twin of real proposers in tests, and a way to replay a recorded search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kernelevo.types import Attempt, Candidate


class ScriptedProposer:
    """`script` maps the id of a parent to the candidates that come from it; other parents have none."""

    name = "scripted"

    def __init__(self, script: Mapping[str, Sequence[Candidate]]) -> None:
        self._script = {parent: tuple(candidates) for parent, candidates in script.items()}

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]:
        """The untried candidates of the parent's script in its order, at most `limit`."""
        planned = self._script.get(parent.candidate.id, ())
        fresh = [candidate for candidate in planned if candidate.id not in tried]
        return [replace(candidate, proposer=self.name, parent=parent.candidate.id) for candidate in fresh[:limit]]
