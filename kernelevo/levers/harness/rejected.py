"""What became of a harness lever's earlier changes: its memory, read from the record, and no part of any harness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelevo.learning import Change
from kernelevo.learning_interfaces import LoopRecord


@dataclass(frozen=True)
class PastEdit:
    """An edit that was proposed, as it is in the record, and what the gate said of its change."""

    edit: Mapping[str, str]
    said: str


def past_edits(record: LoopRecord) -> list[PastEdit]:
    """Every edit of this lever, the oldest first."""
    return [PastEdit(edit, said) for change, said in own_changes(record) for edit in _edits(change)]


def rejected_keys(record: LoopRecord) -> frozenset[str]:
    """Keys of edits whose change was rejected. What is undecided may be tried again."""
    return frozenset(past.edit["key"] for past in past_edits(record) if past.said == "reject")


def own_notes(record: LoopRecord) -> str:
    """What the evolver last noted for itself; it is told to nobody else and is in no harness."""
    notes = [str(change.details.get("notes", "")) for change, _ in own_changes(record)]
    return next((note for note in reversed(notes) if note), "")


def own_changes(record: LoopRecord) -> list[tuple[Change, str]]:
    """This lever's changes so far, each with what the gate said."""
    return [(change, said) for change, said in record.changes() if change.lever == "harness"]


def _edits(change: Change) -> Sequence[Mapping[str, str]]:
    edits = change.details.get("edits", ())
    return edits if isinstance(edits, (list, tuple)) else ()
