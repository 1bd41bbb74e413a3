"""What was learned beyond one task: memory/lessons.jsonl, one JSON object a line, the oldest first.

    {"lesson": "A row that fits into registers is read once.", "about": "kernels"}

`about` says where it holds: a backend, or BACKEND/FAMILY. What belongs to one task alone is no lesson.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from kernelevo.errors import BadInput

LONGEST_LESSON, MOST_LESSONS = 400, 200
_ABOUT = re.compile(r"[a-z0-9_-]{1,64}(?:/[a-z0-9_-]{1,64})?")


@dataclass(frozen=True)
class Lesson:
    lesson: str
    about: str

    def line(self) -> str:
        return json.dumps({"lesson": self.lesson, "about": self.about}) + "\n"


def read_lessons(text: str, where: str) -> tuple[Lesson, ...]:
    """The lessons in the text of a lessons.jsonl; raises BadInput naming the file `where` and the line."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST_LESSONS:
        raise BadInput(f"{where} has {len(lines)} lessons; keep at most {MOST_LESSONS}")
    return tuple(_lesson(line, f"{where}:{number}") for number, line in lines)


def _lesson(line: str, where: str) -> Lesson:
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: this is no JSON object in one line") from error
    if not isinstance(plain, dict) or plain.keys() != {"lesson", "about"}:
        raise BadInput(f"{where}: a lesson is an object with lesson and about")
    lesson, about = plain["lesson"], plain["about"]
    if not isinstance(lesson, str) or not 0 < len(lesson.strip()) <= LONGEST_LESSON or "\n" in lesson:
        raise BadInput(f"{where}: lesson must be one line of at most {LONGEST_LESSON} characters")
    if not isinstance(about, str) or _ABOUT.fullmatch(about) is None:
        raise BadInput(f"{where}: about must name a backend, or BACKEND/FAMILY, in small letters")
    return Lesson(lesson, about)
