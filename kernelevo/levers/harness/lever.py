"""The harness lever: drafts edits, applies them whole or not at all, and writes the harness that comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelevo.errors import Infrastructure
from kernelevo.harness import Harness, read_harness, write_files
from kernelevo.learning import Change, PolicyVersion
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness.drafts import Draft, Drafter
from kernelevo.levers.harness.edits import Applied, EditBudget, Refused, apply_edits
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.rejected import own_changes, rejected_keys


class HarnessLever:
    """`drafters` are asked in order until one has a draft that can be applied; `said` tells why none had."""

    name = "harness"

    def __init__(self, drafters: Sequence[Drafter], pace: Pace) -> None:
        self.said = ""
        self._drafters = tuple(drafters)
        self._pace = pace

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Path, adapter: Path | None, into: Path, seed: int,
        beside: Sequence[Change] = (),
    ) -> Change | None:  # fmt: skip
        """The change, its harness written into the empty folder `into`. Raises BadInput where `harness` is none."""
        present = read_harness(harness)
        budget = self._pace.budget(len(own_changes(record)))
        said = []
        for drafter in self._drafters:
            draft = drafter.draft(record, policy, present, budget, seed)
            if draft is None:
                said.append(f"{drafter.name}: {drafter.said}")
                continue
            applied = apply_edits(present, draft.edits, budget, rejected_keys(record))
            if isinstance(applied, Refused):
                said.append(f"{drafter.name}: {_refused_words(applied)}")
                continue
            self.said = draft.reason
            return self._written(into, present, draft, applied, _details(drafter.name, draft, budget, said))
        self.said = "; ".join(said)
        return None

    def _written(
        self, into: Path, present: Harness, draft: Draft, applied: Applied, details: Mapping[str, object]
    ) -> Change:
        if into.exists() and any(into.iterdir()):
            raise Infrastructure(f"{into} is not empty; a change is written into a folder of its own")
        write_files(into, applied.files)
        return Change(self.name, str(into), present.key, applied.key, draft.reason, applied.patch, details)


def _details(name: str, draft: Draft, budget: EditBudget, said: Sequence[str]) -> dict[str, object]:
    return {
        "drafter": name, "edits": [edit.plain() for edit in draft.edits],
        "budget": {"edits": budget.edits, "characters": budget.characters}, "others": list(said), **draft.details,
    }  # fmt: skip


def _refused_words(refused: Refused) -> str:
    which = "" if refused.edit is None else f"edit {refused.edit + 1}: "
    return f"its draft is refused: {which}{refused.why}"
