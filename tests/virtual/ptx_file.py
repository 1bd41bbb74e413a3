"""The format of the behaviour files in tests/virtual/ptx: PTX whose head says how to run it and what must come out.

    // run: kernel=NAME grid=1 block=32 [shared=BYTES] [budget=WARP_INSTRUCTIONS] [track] [cooperative]
    // arg: out u32[32]                    an array that nobody has written
    // arg: in f32[4] [skew=4] = 1 2x0 9   an array with values: numbers, NxVALUE (repeated), A..B (both ends included)
    // arg: 7                              a number
    // arg: bytes 0100 ff00                a struct by value
    // expect: out = 0..31                 content afterwards; `out[0:1]` a part of it, `out sorted` in rising order
    // expect: count barriers = 3          an exact count
    // expect: printed = "text\n"          output of printf
    // expect: clean                       nothing but: no fault
    // expect: races REASON                a launch with the check of races finds some
    // expect: fault KIND [at MARK] [space=.. thread=x,y,z bytes=.. allocation=.. offset=.. address=.. says=TEXT ...]

A run without a fault line must have no fault. MARK names the one line of the PTX that ends in `// <- MARK`. Every other
word of a fault line is a field of kernelevo.types.Fault and must be equal; `instruction` must start like that, `says`
must be in the message.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {
    **{f"u{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"s{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"f{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
DEFAULT_BUDGET = 1_000_000


@dataclass(frozen=True)
class ArrayArg:
    name: str
    dtype: np.dtype[Any]
    length: int
    skew: int
    values: np.ndarray[Any, Any] | None


@dataclass(frozen=True)
class Run:
    """One `run:` with its arguments and expectations; `arguments` are ArrayArg, int, float or bytes."""

    options: dict[str, str]
    arguments: list[Any] = field(default_factory=list)
    expectations: list[str] = field(default_factory=list)

    @property
    def fault(self) -> str | None:
        """The words after `fault`, if this run must end in one."""
        for expectation in self.expectations:
            if expectation.startswith("fault "):
                return expectation.removeprefix("fault ")
        return None

    @property
    def has_races(self) -> bool:
        return any(expectation.startswith("races ") for expectation in self.expectations)


@dataclass(frozen=True)
class PtxFile:
    path: Path
    text: str
    runs: list[Run]

    def line_of(self, mark: str) -> int:
        """1-based number of the one line that ends in `// <- mark`."""
        lines = [number for number, line in enumerate(self.text.splitlines(), 1) if line.endswith(f"// <- {mark}")]
        assert len(lines) == 1, f"{self.path.name}: {len(lines)} lines are marked {mark}"
        return lines[0]


def read(path: Path) -> PtxFile:
    text = path.read_text()
    runs: list[Run] = []
    for key, rest in _header(text):
        if key == "run":
            runs.append(Run(dict(_option(word) for word in rest.split())))
        elif key == "arg":
            runs[-1].arguments.append(_argument(rest))
        else:
            runs[-1].expectations.append(rest)
    assert runs, f"{path.name} has no run"
    assert all(run.expectations for run in runs), f"{path.name} has a run that expects nothing"
    return PtxFile(path, text, runs)


def numbers(text: str, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Reads `1 0x10 3x7 0..4`."""
    values: list[int | float] = []
    for word in text.split():
        if match := re.fullmatch(r"(-?\w+)\.\.(-?\w+)", word):
            first, last = int(match[1], 0), int(match[2], 0)
            values.extend(range(first, last + 1) if first <= last else range(first, last - 1, -1))
        elif match := re.fullmatch(r"([1-9]\d*)x(\S+)", word):
            values.extend([_number(match[2])] * int(match[1]))
        else:
            values.append(_number(word))
    return np.array(values, dtype)


def words_of_fault(text: str) -> tuple[str, dict[str, str]]:
    """Kind and fields of a fault line; `at MARK` comes back as the field "at"."""
    kind, _, rest = text.partition(" ")
    rest = re.sub(r"^at (\S+)", r"at=\1", rest)
    return kind, dict(_option(word) for word in rest.split())


def text_value(text: str) -> str:
    """The value of a quoted string, with its escapes."""
    return str(ast.literal_eval(text))


def _header(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if match := re.match(r"// (run|arg|expect): (.*)", line):
            yield match[1], match[2].strip()


def _option(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _argument(text: str) -> ArrayArg | int | float | bytes:
    if text.startswith("bytes "):
        return bytes.fromhex(text.removeprefix("bytes "))
    match = re.fullmatch(r"(\w+) ([usf]\d+)\[(\d+)\](?: skew=(\d+))?(?: = (.*))?", text)
    if not match:
        return _number(text)
    dtype, length = DTYPES[match[2]], int(match[3])
    values = None if match[5] is None else numbers(match[5], dtype)
    assert values is None or len(values) == length, f"{text}: {len(values)} values"
    return ArrayArg(match[1], dtype, length, int(match[4] or 0), values)


def _number(word: str) -> int | float:
    try:
        return int(word, 0)
    except ValueError:
        return float(word)
