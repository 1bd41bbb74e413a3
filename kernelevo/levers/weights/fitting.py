"""The weights lever of an agent with a network of its own: it is trained on the training split, and the gate decides
whether its adapter is used. The agent knows how (`Agent.fit`); here is how far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernelevo.learning import Change, PolicyVersion, folder_key
from kernelevo.learning_interfaces import Agent, Lever, LoopRecord

LEAST_STRENGTH, MOST_STRENGTH = 0.25, 4.0


@dataclass
class FittingLever(Lever):
    """`text` tells what the harness in a folder has for the domain. Where a harness is drafted beside it, the adapter
    is trained behind that one: both are used together, or neither is.
    """

    agent: Agent
    text: Callable[[Path], str]
    name: str = "weights"
    said: str = ""

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Path, adapter: Path | None, into: Path, seed: int,
        beside: Sequence[Change] = (),
    ) -> Change | None:  # fmt: skip
        if not record.generations():
            self.said = "the policy has not acted yet"
            return None
        behind = next((Path(change.folder) for change in beside if change.lever == "harness"), harness)
        fitted = self.agent.fit(self.text(behind), adapter, into, seed, _strength(record, policy))
        self.said = fitted.said
        return Change("weights", str(into), policy.adapter, folder_key(into), fitted.said, details=fitted.details)


def _strength(record: LoopRecord, policy: PolicyVersion) -> float:
    """Half after each time that the gate rejected a change of this adapter; twice as much where it could not tell."""
    said = [
        result for change, result in record.changes()
        if change.lever == "weights" and change.before == policy.adapter
    ]  # fmt: skip
    wanted = 0.5 ** said.count("reject") * 2.0 ** said.count("undecided")
    return min(max(wanted, LEAST_STRENGTH), MOST_STRENGTH)
