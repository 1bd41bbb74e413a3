"""Values of a TOML file, checked one by one: what is wrong is said with the file, the key and what would do."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping
from typing import Any

from kernelevo.errors import BadInput


def read_toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where}: this is no TOML ({error}); correct it or copy the default file") from error


def require_keys(table: Any, known: Collection[str], where: str, may_miss: Collection[str] = ()) -> dict[str, Any]:
    """The table, which has exactly these keys but for those that may be missing."""
    if not isinstance(table, dict):
        raise BadInput(f"{where} must be a table with the keys {', '.join(sorted(known))}")
    if wrong := sorted((table.keys() - set(known)) | (set(known) - table.keys() - set(may_miss))):
        raise BadInput(f"{where} must have the keys {', '.join(sorted(known)) or 'of no table'}; look at {wrong[0]}")
    return table


def whole(value: Any, least: int, most: int, where: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadInput(f"{where} must be a whole number from {least} to {most}, not {value!r}")
    return value


def number(value: Any, least: float, most: float, where: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
        raise BadInput(f"{where} must be a number from {least:g} to {most:g}, not {value!r}")
    return float(value)


def flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"{where} must be true or false, not {value!r}")
    return value


def word(value: Any, known: Collection[str], where: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise BadInput(f"{where} must be one of {', '.join(known)}, not {value!r}")
    return value


def sentence(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value or len(value) > 1000:
        raise BadInput(f"{where} must be a sentence in one line")
    return value


def words(value: Any, where: str, known: Collection[str] | None = None) -> tuple[str, ...]:
    """A list of different texts, of those that are known."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadInput(f"{where} must be a list of names")
    if wrong := [each for each in value if known is not None and each not in known]:
        raise BadInput(f"{where}: {wrong[0]!r} is not known; there are {', '.join(sorted(known or ())) or 'none'}")
    if len(set(value)) < len(value):
        raise BadInput(f"{where}: {next(each for each in value if value.count(each) > 1)!r} is named twice")
    return tuple(value)


def numbers(table: Any, least: float, most: float, where: str) -> Mapping[str, float]:
    if not isinstance(table, dict):
        raise BadInput(f"{where} must be a table of numbers")
    return {name: number(value, least, most, f"{where} {name}") for name, value in table.items()}
