"""A whole harness, read and checked at once: what a policy goes by, and what its lever may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kernelevo.errors import BadInput
from kernelevo.harness.decision_file import DecisionFile, read_decision_file
from kernelevo.harness.dialogue import DialogueSettings, read_dialogue
from kernelevo.harness.lessons import Lesson, read_lessons
from kernelevo.harness.manifest import DECISIONS, DIALOGUE, LESSONS, Manifest, read_manifest
from kernelevo.harness.skills import NAME, Skill, read_skill
from kernelevo.harness.texts import harness_files, key_of


@dataclass(frozen=True)
class Harness:
    """`files` are all texts by their path in the folder, `key` is the hash of all of them; the rest is what they say.
    `skills` are all that lie in the folder; `dialogue` says which of them are told, and how.
    """

    manifest: Manifest
    system: str
    skills: Mapping[str, Skill]
    dialogue: DialogueSettings
    decisions: DecisionFile
    lessons: tuple[Lesson, ...]
    files: Mapping[str, str]
    key: str


def read_harness(folder: Path) -> Harness:
    """The harness in `folder`; raises BadInput naming the file and what is wrong with it."""
    manifest = read_manifest(folder)
    files = harness_files(folder)
    for name in (manifest.system, DIALOGUE, DECISIONS):
        if name not in files:
            raise BadInput(f"{folder / name} cannot be read (it is not there); `kernelevo init` writes the default")
    skills = {name: read_skill(folder, name) for name in _skill_names(folder, files)}
    dialogue = read_dialogue(files[DIALOGUE], str(folder / DIALOGUE))
    if missing := next((name for name in dialogue.skills if name not in skills), None):
        place = folder / "skills" / missing / "SKILL.md"
        raise BadInput(f"{folder / DIALOGUE}: [skills] {missing!r} is no skill: {place} cannot be read")
    return Harness(
        manifest=manifest,
        system=files[manifest.system],
        skills=skills,
        dialogue=dialogue,
        decisions=read_decision_file(files[DECISIONS], str(folder / DECISIONS)),
        lessons=read_lessons(files.get(LESSONS, ""), str(folder / LESSONS)),
        files=files,
        key=key_of(files),
    )


def _skill_names(folder: Path, files: Mapping[str, str]) -> list[str]:
    names = sorted({name.split("/")[1] for name in files if name.startswith("skills/")})
    if wrong := next((name for name in names if NAME.fullmatch(name) is None), None):
        raise BadInput(f"{folder / 'skills' / wrong}: a skill's folder has a name of small letters, digits, - and _")
    return names
