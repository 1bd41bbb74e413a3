"""Skills: a folder each, with facts for whoever writes kernels.

    ---
    name: vector_loads
    description: when each lane moves 4 bytes or fewer in a request
    checks: float4 | int4 | uint4
    ---
    The facts.

`checks` may be left out. It says how a program shows that the skill was followed: it holds one of these words as a
whole word, outside comments. Words, not patterns: a harness is text that a model may have written, and a pattern can
take for ever. `references/` are texts that are loaded by name; `scripts/` are Python files that are run by name, behind
the wall, with a kernel file on their standard input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kernelevo.errors import BadInput
from kernelevo.harness.texts import read_text

SKILL = "SKILL.md"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FRONT = re.compile(r"---\nname: ([^\n]{1,100})\ndescription: ([^\n]{1,1000})\n(?:checks: ([^\n]{1,1000})\n)?---\n")
_CHECK = re.compile(r"[A-Za-z0-9_.:<>@#]{2,64}")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
MOST_CHECKS = 32


@dataclass(frozen=True)
class Skill:
    """What a SKILL.md says: its name, when it helps, how, and which words of a program show that it was followed.
    `references` and `scripts` are names of files beside it.
    """

    name: str
    description: str
    body: str
    checks: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    def followed_by(self, program: str) -> bool | None:
        """Whether the program shows that the skill was followed; None where the skill names no check."""
        if not self.checks:
            return None
        code = _COMMENT.sub(" ", program)
        return any(re.search(rf"(?<!\w){re.escape(check)}(?!\w)", code) for check in self.checks)


def read_skill(folder: Path, name: str) -> Skill:
    """The skill of this name in the harness `folder`; raises BadInput."""
    own = f"skills/{name}"
    place, text = folder / own / SKILL, read_text(folder, f"{own}/{SKILL}")
    front = _FRONT.match(text)
    if front is None or front[1] != name:
        raise BadInput(
            f"{place}: it must begin with the lines ---, name: {name}, description: ..., if you like checks: ..., ---"
        )
    checks = tuple(check.strip() for check in front[3].split("|")) if front[3] else ()
    if wrong := next((check for check in checks if _CHECK.fullmatch(check) is None), None):
        raise BadInput(f"{place}: checks: {wrong!r} is no word of a program; write words with | between them")
    if len(checks) > MOST_CHECKS:
        raise BadInput(f"{place}: checks: {len(checks)} words are too many; give at most {MOST_CHECKS}")
    references, scripts = (_beside(folder / own / kind) for kind in ("references", "scripts"))
    return Skill(name, front[2].strip(), text[front.end() :].strip(), checks, references, scripts)


def _beside(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(file.name for file in folder.iterdir())) if folder.is_dir() else ()
