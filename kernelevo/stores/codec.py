"""Nouns to JSON text and back. What is read back equals what was written; NaN and infinities survive (as JSON5 spells
them).

A value that has no JSON form (a NumPy scalar, say) raises Infrastructure: it must not reach the record silently
changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from kernelevo.errors import Infrastructure, StoreConflict

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Noun = TypeVar("Noun")


def to_json(value: Any, kind: type) -> str:
    """JSON in ASCII, so that any text a candidate holds can be stored."""
    try:
        plain = _adapter(kind).dump_python(value, warnings="error")
        return json.dumps(plain, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Infrastructure(
            f"a {kind.__name__} cannot be recorded: {error}; this is a fault of the part that made it"
        ) from error


def from_json(text: str | bytes, kind: type[Noun]) -> Noun:
    try:
        noun: Noun = _adapter(kind).validate_python(json.loads(text))
        return noun
    except ValueError as error:  # pydantic's ValidationError is one
        raise StoreConflict(
            f"a stored {kind.__name__} cannot be read back ({error}); the run's file is damaged or of another version"
        ) from error


def payload_to_json(payload: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(payload), separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Infrastructure(f"a note cannot be recorded: {error}; this is a fault of the part that made it") from error


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # late: `kernelevo --help` records nothing

    return TypeAdapter(kind)
