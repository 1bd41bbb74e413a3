"""What callers of the Python door give, checked before anything is opened: a mistake is one sentence, not an error from
deep inside. NumPy's integers are integers; True and False are not.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelevo.errors import BadInput

SEEDS = 1 << 64


def whole(name: str, value: object, least: int, limit: int) -> int:
    """An integer from `least` up to but not including `limit`; raises BadInput."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or type(value).__name__ == "bool_":
        raise BadInput(f"{name} is {value!r}, and must be an integer")
    if not least <= number < limit:
        raise BadInput(f"{name} is {number}, and must be from {least} to {limit - 1}")
    return number


def seed(value: object) -> int | None:
    return None if value is None else whole("seed", value, 0, SEEDS)


def defines(value: object) -> dict[str, int]:
    """Values of tuned macros."""
    given = {} if value is None else value
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise BadInput(f"defines is {value!r}, and must map names of macros to integers, as in {{'BLOCK': 256}}")
    if (wrong := next((name for name in given if not name.isidentifier()), None)) is not None:
        raise BadInput(f"defines holds {wrong!a}, which can be no macro's name")
    return {name: whole(f"defines[{name!r}]", number, -(1 << 63), 1 << 63) for name, number in given.items()}


def macros(value: object) -> dict[str, str]:
    """Macros for the compiler."""
    given = {} if value is None else value
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for pair in given.items() for each in pair):
        raise BadInput(f"macros is {value!r}, and must map names to texts, as in {{'FAST': '1'}}")
    return dict(given)


def texts(name: str, value: object, example: str) -> tuple[str, ...]:
    """Several texts or paths; raises BadInput for a single one, too, whose letters would be taken for several."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise BadInput(f"{name} is {value!r}; give a list, as in {name}=[{example!r}]")
    if wrong := next((each for each in value if not isinstance(each, str | Path)), None):
        raise BadInput(f"{name} holds {wrong!r}; give texts, as in {name}=[{example!r}]")
    return tuple(map(str, value))


def optional_text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{name} is {value!r}, and must be a text or None")
    return value


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"{name} is {value!r}, and must be True or False")
    return value
