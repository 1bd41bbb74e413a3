"""Reads a reflecting model's reply: one JSON object and nothing else but what it thought and a fence around it.

    {"reflection": "...", "edits": [{"kind", "file", "anchor", "text", "reason"}], "notes": "..."}

A reply is hostile text: what is not exactly this holds no edit, and says why.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from kernelevo.language_model import Reply
from kernelevo.levers.harness.edits import Edit

MOST_CHARACTERS, MOST_EDITS, LONGEST_NOTES = 1 << 16, 16, 2000
_KEYS, _EDIT_KEYS = {"reflection", "edits", "notes"}, {"kind", "file", "anchor", "text", "reason"}
_FENCED = re.compile(r"```(?:json)?\n(.*)\n```", re.DOTALL)


@dataclass(frozen=True)
class Reflection:
    """What a reply holds; `why` says why it holds nothing."""

    reflection: str = ""
    edits: tuple[Edit, ...] = ()
    notes: str = ""
    why: str = ""


def read_reflection(reply: Reply) -> Reflection:
    text = reply.text.strip()
    if text.startswith("<think>"):
        text = text.partition("</think>")[2].strip()
    if len(text) > MOST_CHARACTERS:
        return Reflection(why="it is too long")
    if (fenced := _FENCED.fullmatch(text)) is not None:
        text = fenced[1]
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return Reflection(why="it is no JSON object")
    if not isinstance(plain, dict) or plain.keys() != _KEYS:
        return Reflection(why="it has other keys than reflection, edits and notes")
    reflection, edits, notes = plain["reflection"], plain["edits"], plain["notes"]
    if not isinstance(reflection, str) or not isinstance(notes, str) or not isinstance(edits, list):
        return Reflection(why="reflection and notes are texts, and edits is a list")
    if len(edits) > MOST_EDITS or not all(map(_is_edit, edits)):
        return Reflection(why=f"edits are at most {MOST_EDITS} objects with the texts {', '.join(sorted(_EDIT_KEYS))}")
    return Reflection(reflection, tuple(Edit(**edit) for edit in edits), notes[:LONGEST_NOTES])


def _is_edit(plain: object) -> bool:
    return isinstance(plain, dict) and plain.keys() == _EDIT_KEYS and all(isinstance(v, str) for v in plain.values())
