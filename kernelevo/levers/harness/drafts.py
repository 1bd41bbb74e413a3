"""What a harness lever is made of: somebody who drafts edits from the record (statistics, or a language model)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kernelevo.harness import Harness
from kernelevo.learning import PolicyVersion
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness.edits import Edit, EditBudget


@dataclass(frozen=True)
class Draft:
    """Edits with one sentence for all of them; `details` go into the record of the change."""

    edits: tuple[Edit, ...]
    reason: str
    details: Mapping[str, object] = field(default_factory=dict)


class Drafter(Protocol):
    """Drafts within the budget from the record alone: the same record, policy, harness and seed give the same draft.
    None where nothing is to be changed, with the reason in `said`.
    """

    name: str
    said: str

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Harness, budget: EditBudget, seed: int
    ) -> Draft | None: ...
