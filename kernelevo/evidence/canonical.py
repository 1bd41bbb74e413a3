"""JSON that has exactly one form: sorted keys, one space of indentation, ASCII, no NaN, a line feed at the end.

What is read must be in that form, byte for byte, and hold what its model declares and nothing else; so a key given
twice, a number spelled otherwise or a field nobody knows is found.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kernelevo.evidence.rows import Tampered


class Document(BaseModel):
    """Base of what JSON members hold: frozen, nothing converted, no unknown field, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=Document)


def written(value: Any) -> bytes:
    """The one form of plain JSON data; raises ValueError for NaN and infinities."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def write(document: Document) -> bytes:
    return written(document.model_dump(mode="python"))


def read(part: str, content: bytes, kind: type[Kind]) -> Kind:
    """The document; raises Tampered naming `part`."""
    try:
        document = kind.model_validate_json(content)
        again = write(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Tampered(part, f"{place or 'it'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Tampered(part, f"it is no JSON of a bundle ({error})") from error
    if again != content:
        raise Tampered(part, "it is not in the one form that a bundle's JSON has (order, spelling or a key twice)")
    return document
