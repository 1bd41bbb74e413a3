"""The part of the harness that a model is told: `harness/default/`, whose manifest says what belongs to it.

version = 1
why = "One sentence for whoever reads or changes the folder."
system = "system.md"                # the first message
skills = ["coalescing"]             # folders of skills/, each with a SKILL.md; all of them are told, in this order

[sampling]
replies = 4                         # at most so many at a time
max_tokens = 8192                   # of one reply
temperature = 0.8                   # may be left out: the model's own
log_probabilities = false

[turns]
fruitless = 2                       # a parent is left alone after so many questions in a row that gave nothing new

[prompt]
tried = 12                          # how many earlier changes are told
findings = 4                        # how many sentences of the diagnosis, of each launch
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.language_model import Sampling

MANIFEST, SKILL = "manifest.toml", "SKILL.md"
MOST_REPLIES = 64
MOST_BYTES = 1 << 16
"""Of one text: a prompt has to fit a model's context."""
_SECTIONS = {
    "": {"version", "why", "system", "skills"},
    "sampling": {"replies", "max_tokens", "log_probabilities", "temperature"},
    "turns": {"fruitless"},
    "prompt": {"tried", "findings"},
}
_MAY_MISS = {"temperature"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FRONT = re.compile(r"---\nname: ([^\n]{1,100})\ndescription: ([^\n]{1,1000})\n---\n")


@dataclass(frozen=True)
class Skill:
    """What a SKILL.md says: its name, when it helps, and how."""

    name: str
    description: str
    body: str


@dataclass(frozen=True)
class PolicyHarness:
    """See the module. `key` changes with any of its texts or settings."""

    system: str
    skills: tuple[Skill, ...]
    sampling: Sampling
    replies: int
    fruitless: int
    tried: int
    findings: int
    key: str


def read_policy_harness(folder: Path) -> PolicyHarness:
    """The harness in `folder`; raises BadInput naming the file and what is wrong with it."""
    file = folder / MANIFEST
    text = _read(file)
    try:
        manifest = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file}: this is no TOML ({error}); correct it or copy the default file") from error
    _check_keys(manifest, file)
    system = _read(_inside(folder, manifest["system"], file))
    skills = tuple(_read_skill(folder, name, file) for name in _names(manifest["skills"], file))
    sampling, turns, prompt = (manifest[section] for section in ("sampling", "turns", "prompt"))
    texts = [text, system, *(part for skill in skills for part in (skill.name, skill.description, skill.body))]
    return PolicyHarness(
        system=system,
        skills=skills,
        sampling=_sampling(sampling, file),
        replies=_whole(sampling["replies"], 1, MOST_REPLIES, f"{file}: [sampling] replies"),
        fruitless=_whole(turns["fruitless"], 1, 100, f"{file}: [turns] fruitless"),
        tried=_whole(prompt["tried"], 0, 1000, f"{file}: [prompt] tried"),
        findings=_whole(prompt["findings"], 0, 100, f"{file}: [prompt] findings"),
        key=hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
    )


def _check_keys(manifest: dict[str, Any], file: Path) -> None:
    tables = {"": {name: value for name, value in manifest.items() if not isinstance(value, dict)}}
    tables |= {name: value for name, value in manifest.items() if isinstance(value, dict)}
    for name in tables.keys() | _SECTIONS.keys():
        known, given = _SECTIONS.get(name, set()), set(tables.get(name, {}))
        if wrong := sorted((given - known) | (known - given - _MAY_MISS)):
            where = f"{file}: [{name}]" if name else f"{file}"
            raise BadInput(
                f"{where} must have the keys {', '.join(sorted(known)) or 'of no table'}; look at {wrong[0]}"
            )
    if manifest["version"] != 1:
        raise BadInput(f"{file}: version {manifest['version']!r} is not known; this program reads version 1")


def _sampling(table: dict[str, Any], file: Path) -> Sampling:
    most = _whole(table["max_tokens"], 1, 1 << 20, f"{file}: [sampling] max_tokens")
    temperature, logarithms = table.get("temperature"), table["log_probabilities"]
    if isinstance(temperature, bool) or not isinstance(temperature, (int, float, type(None))):
        raise BadInput(f"{file}: [sampling] temperature must be a number, such as 0.8")
    if not isinstance(logarithms, bool):
        raise BadInput(f"{file}: [sampling] log_probabilities must be true or false")
    try:
        return Sampling(most, temperature, logarithms)
    except ValueError as error:
        raise BadInput(f"{file}: [sampling] {error}") from error


def _whole(value: Any, least: int, most: int, where: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadInput(f"{where} must be a whole number from {least} to {most}, not {value!r}")
    return value


def _names(value: Any, file: Path) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in value):
        raise BadInput(f"{file}: skills must be a list of folder names in small letters")
    if len(set(value)) < len(value):
        raise BadInput(f"{file}: a skill is named twice")
    return value


def _read_skill(folder: Path, name: str, file: Path) -> Skill:
    place = _inside(folder, f"skills/{name}/{SKILL}", file)
    text = _read(place)
    front = _FRONT.match(text)
    if front is None or front[1] != name:
        raise BadInput(f"{place}: it must begin with the lines ---, name: {name}, description: ..., ---")
    return Skill(name, front[2].strip(), text[front.end() :].strip())


def _inside(folder: Path, name: Any, file: Path) -> Path:
    """A file of this folder and of no other, whatever links say."""
    place = folder / name if isinstance(name, str) else folder
    if not isinstance(name, str) or not place.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{file}: {name!r} is no file of this folder")
    return place


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read ({error}); `kernelevo init` writes the default") from error
    if len(content) > MOST_BYTES:
        raise BadInput(f"{file} has {counted(len(content), 'byte')}; what a model is told has at most {MOST_BYTES:,}")
    return text.replace("\r\n", "\n")
