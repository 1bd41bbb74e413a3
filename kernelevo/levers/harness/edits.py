"""Bounded edits of a harness: what a lever may do to its texts, checked before anything is written.

    insert    after `anchor` (at the end of the file without one; a file that is not there begins)
    replace   `anchor` by `text`
    delete    `anchor`

An anchor stands exactly once in the file as the edits before it have left it. A batch is applied whole or not at all;
what is refused is a value that says which edit and why, since edits are a model's words and as hostile as any. The
harness that comes out is read and checked like any other before it counts.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.harness import Harness, Scope, part_of, read_harness, unified, write_files
from kernelevo.wire.words import visible

Kind = Literal["insert", "replace", "delete"]
KINDS: tuple[Kind, ...] = ("insert", "replace", "delete")
LONGEST_REASON = 600


@dataclass(frozen=True)
class Edit:
    kind: Kind
    file: str
    anchor: str
    text: str
    reason: str

    @property
    def key(self) -> str:
        """The same for edits that do the same, whatever their reasons."""
        return hashlib.sha256(json.dumps([self.kind, self.file, self.anchor, self.text]).encode()).hexdigest()[:16]

    @property
    def characters(self) -> int:
        """How much it changes: what is put in, and what is taken out."""
        return len(self.text) + (len(self.anchor) if self.kind != "insert" else 0)

    def plain(self) -> dict[str, str]:
        return {
            "kind": self.kind, "file": self.file, "anchor": self.anchor, "text": self.text, "reason": self.reason,
            "key": self.key,
        }  # fmt: skip


@dataclass(frozen=True)
class EditBudget:
    """How many edits one change may hold, and how many characters these may put in and take out."""

    edits: int
    characters: int


@dataclass(frozen=True)
class Applied:
    """The harness after the edits: its files, its hash, and the unified diff."""

    files: Mapping[str, str]
    key: str
    patch: str


@dataclass(frozen=True)
class Refused:
    """Why a batch is not applied; `edit` is the number of the edit that it fails at, None of the batch as a whole."""

    why: str
    edit: int | None = None


def apply_edits(
    harness: Harness, edits: Sequence[Edit], budget: EditBudget, rejected: Collection[str] = ()
) -> Applied | Refused:
    """The harness as the edits, in order, would have it. `rejected` are the keys of edits that are not tried again."""
    if (why := _beyond(edits, budget)) is not None:
        return Refused(why)
    files = dict(harness.files)
    for number, edit in enumerate(edits):
        why = "it was rejected before" if edit.key in rejected else _refusal(harness, files, edit)
        if why is not None:
            return Refused(why, number)
        files[edit.file] = _edited(files.get(edit.file, ""), edit)
    if files == dict(harness.files):
        return Refused("the edits change nothing")
    return _checked(harness, files)


def _beyond(edits: Sequence[Edit], budget: EditBudget) -> str | None:
    if not edits:
        return "there is no edit"
    if len(edits) > budget.edits:
        return f"{counted(len(edits), 'edit')} are more than the budget of {budget.edits}"
    if (size := sum(edit.characters for edit in edits)) > budget.characters:
        return f"the edits change {size:,} characters, more than the budget of {budget.characters:,}"
    return None


def _refusal(harness: Harness, files: Mapping[str, str], edit: Edit) -> str | None:
    """Why this edit of these files is none, or is not allowed."""
    scope = harness.manifest.scope_of(edit.file)
    present = files.get(edit.file)
    if edit.kind not in KINDS:
        return f"{edit.kind!a} is no kind of edit; there are {', '.join(KINDS)}"
    if part_of(edit.file, harness.manifest.system) is None:
        return f"{edit.file[:200]!a} belongs to no part of a harness that can be edited"
    if scope is Scope.READ:
        return f"{edit.file} may be read only"
    if scope is Scope.APPEND and not (edit.kind == "insert" and not edit.anchor):
        return f"{edit.file} may only be added to at its end"
    if visible(edit.text) != edit.text:
        return "its text holds hidden or controlling characters"
    if not edit.reason.strip() or len(edit.reason) > LONGEST_REASON or visible(edit.reason) != edit.reason:
        return f"it needs a reason of at most {LONGEST_REASON} plain characters"
    if (edit.kind == "delete") == bool(edit.text):
        return "a deletion has no text, and any other edit has one"
    if not edit.anchor:
        return None if edit.kind == "insert" else "without an anchor nothing is replaced or deleted"
    stands = present.count(edit.anchor) if present is not None else 0
    return None if stands == 1 else f"its anchor stands {counted(stands, 'time')} in {edit.file}, not once"


def _edited(text: str, edit: Edit) -> str:
    if edit.kind == "insert" and not edit.anchor:
        apart = "" if not text or text.endswith("\n") else "\n"
        return text + apart + edit.text + ("" if edit.text.endswith("\n") else "\n")
    added = edit.anchor + edit.text if edit.kind == "insert" else edit.text
    return text.replace(edit.anchor, added, 1)


def _checked(harness: Harness, files: dict[str, str]) -> Applied | Refused:
    """The files, once they were read as a harness whose checks of skills are the old ones."""
    with tempfile.TemporaryDirectory(prefix="kernelevo-harness-") as place:
        folder = Path(place) / "harness"
        write_files(folder, files)
        try:
            changed = read_harness(folder)
        except BadInput as fault:
            return Refused(f"it would be no harness any more: {str(fault).replace(str(folder), 'harness')}")
    for name, skill in harness.skills.items():
        now = changed.skills.get(name)
        if now is not None and now.checks != skill.checks:
            return Refused(f"it would change what following the skill {name} is checked by")
    return Applied(dict(sorted(files.items())), changed.key, unified(harness.files, files))
