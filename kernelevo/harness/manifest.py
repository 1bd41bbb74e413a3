"""The head of a harness: what it is for, and what a lever may do with each part of it.

    version = 2
    why = "One sentence for whoever reads or changes the folder."
    system = "system.md"        # the first message to a language model

    [scopes]                    # of a lever: read; append (add at the end); write
    system = "write"
    skills = "write"            # SKILL.md files; what a skill is checked by stays as it is
    references = "write"
    scripts = "read"            # always: what is executed is written by people
    dialogue = "write"
    decisions = "write"
    memory = "append"
    pipelines = "write"         # may be missing: read

The manifest itself is no part: no lever changes what it may change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kernelevo.errors import BadInput
from kernelevo.harness.tables import read_toml, require_keys, sentence, word
from kernelevo.harness.texts import read_text

MANIFEST, DIALOGUE, DECISIONS, LESSONS = "manifest.toml", "dialogue.toml", "decisions.toml", "memory/lessons.jsonl"
VERSION = 2
_NAME = "[a-z0-9][a-z0-9_-]{0,63}"
_FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
_PLACES = {
    "skills": re.compile(rf"skills/{_NAME}/SKILL\.md"),
    "references": re.compile(rf"skills/{_NAME}/references/{_FILE}"),
    "scripts": re.compile(rf"skills/{_NAME}/scripts/{_FILE}"),
    "dialogue": re.compile(re.escape(DIALOGUE)),
    "decisions": re.compile(re.escape(DECISIONS)),
    "memory": re.compile(re.escape(LESSONS)),
    "pipelines": re.compile(rf"pipelines/{_NAME}\.txt"),
}
PARTS = ("system", *_PLACES)
MAY_MISS = ("pipelines",)
"""Parts that harnesses were written without: these may be read only."""
NEVER_WRITTEN = frozenset(["scripts"])
"""What a lever writes is told to models and never executed, not even behind the wall, so that no scope opens these."""


class Scope(StrEnum):
    """What a lever may do with a part."""

    READ = "read"
    APPEND = "append"
    WRITE = "write"


@dataclass(frozen=True)
class Manifest:
    why: str
    system: str
    scopes: Mapping[str, Scope]

    def scope_of(self, name: str) -> Scope:
        """What a lever may do with the file of this name; what belongs to no part is read only."""
        part = part_of(name, self.system)
        return Scope.READ if part is None else self.scopes[part]


def pipeline_file(backend: str) -> str:
    """Where a harness keeps the text that the agent of this domain goes by."""
    return f"pipelines/{backend}.txt"


def part_of(name: str, system: str) -> str | None:
    """The part of a harness that a file belongs to, by its path in the folder."""
    if name == system:
        return "system"
    return next((part for part, place in _PLACES.items() if place.fullmatch(name)), None)


def read_manifest(folder: Path) -> Manifest:
    """Raises BadInput naming the file and what is wrong with it."""
    where = f"{folder / MANIFEST}"
    table = read_toml(read_text(folder, MANIFEST), where)
    if (version := table.get("version")) != VERSION:
        raise BadInput(
            f"{where}: version {version!r} is not known, this program reads version {VERSION}; "
            "`kernelevo init` in another folder writes that"
        )
    require_keys(table, ("version", "why", "system", "scopes"), where)
    scopes = require_keys(table["scopes"], PARTS, f"{where}: [scopes]", MAY_MISS)
    scopes = {part: scopes.get(part, Scope.READ) for part in PARTS}
    read = {part: Scope(word(scopes[part], tuple(Scope), f"{where}: [scopes] {part}")) for part in PARTS}
    if wrong := next((part for part in NEVER_WRITTEN if read[part] is not Scope.READ), None):
        raise BadInput(f"{where}: [scopes] {wrong} must be read: what a lever writes is never executed")
    return Manifest(sentence(table["why"], f"{where}: why"), _system(table["system"], where), read)


def _system(value: object, where: str) -> str:
    taken = {MANIFEST, DIALOGUE, DECISIONS}
    if not isinstance(value, str) or re.fullmatch(_FILE, value) is None or value in taken:
        raise BadInput(f"{where}: system: {value!r} is no file of this folder such as system.md")
    return value
