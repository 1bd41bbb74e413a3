"""Drafts remedies: where telemetry says that a harness is not gone by, a setting of dialogue.toml is changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kernelevo.harness import Harness
from kernelevo.harness.manifest import DIALOGUE
from kernelevo.learning import PolicyVersion, Step
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.harness.drafts import Draft
from kernelevo.levers.harness.edits import Edit, EditBudget
from kernelevo.levers.harness.rejected import rejected_keys
from kernelevo.telemetry import Remedy, remedies, telemetry


class RemedyDrafter:
    """Looks at the last generation that this very harness acted in."""

    name = "remedies"

    def __init__(self) -> None:
        self.said = ""

    def draft(
        self, record: LoopRecord, policy: PolicyVersion, harness: Harness, budget: EditBudget, seed: int
    ) -> Draft | None:
        steps = _last_steps(record, harness.key)
        self.said = "no generation acted by this harness yet"
        if not steps:
            return None
        seen = telemetry(steps, harness)
        self.said = "no rate is so low that a setting would help"
        rejected = rejected_keys(record)
        edits = [edit for each in remedies(seen, harness) for edit in _edits(harness.files[DIALOGUE], harness, each)]
        edits = [edit for edit in edits if edit.key not in rejected]
        if not edits:
            return None
        return Draft(tuple(edits), edits[0].reason, {"telemetry": seen.plain()})


def _last_steps(record: LoopRecord, key: str) -> Sequence[Step]:
    for generation in reversed(range(record.generations())):
        own = [step for step in record.steps(generation) if step.policy.harness == key]
        if own:
            return own
    return []


def _edits(text: str, harness: Harness, remedy: Remedy) -> list[Edit]:
    """The remedy as changes of lines; none where the file does not have the setting in one line of its own."""
    if remedy.setting == "inline":
        changes = {"inline": _listed(harness.dialogue.skills), "on_demand": "[]"}
    else:
        value = remedy.value
        changes = {remedy.setting: f'"{value}"' if isinstance(value, str) else str(value)}
    edits = []
    for setting, value in changes.items():
        lines = re.findall(rf"^{setting} = .*$", text, re.MULTILINE)
        if len(lines) != 1:
            return []
        edits.append(Edit("replace", DIALOGUE, f"\n{lines[0]}\n", f"\n{setting} = {value}\n", remedy.reason))
    return edits


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
