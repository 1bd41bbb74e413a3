"""How many bytes lie between the addresses of neighbouring lanes, followed through the PTX of a kernel.

A register's step is by how much it grows from one threadIdx.x to the next: 1 for %tid.x, 0 for what all lanes share;
sums add, a product with a value that is known to the launch (a parameter, a size of the grid, a number) scales. All
definitions of a register must agree, or its step is unknown. Paths that only some lanes take are not followed, so a
step is a claim that callers hold against the counts: `explains_sectors`, `explains_wavefronts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from kernelevo.diagnosis.access import SECTOR, access, opcode
from kernelevo.types import LineCounts

MOST_ROUNDS = 20
_WITHIN = 0.1
"""How far counts may be from what a step predicts, as a share: rows begin anywhere, and warps have tails."""
_SPLIT = re.compile(r",(?![^{\[]*[}\]])")
_COPIES = ("mov", "cvt", "cvta")
_SAME_FOR_ALL = ("%ctaid", "%nctaid", "%ntid", "%tid.y", "%tid.z", "%warpid", "%nwarpid", "%smid", "%gridid")


@dataclass(frozen=True)
class Value:
    """`step` from lane to lane, None if unknown; `known` the value itself where all lanes share it and it is known."""

    step: int | None
    known: int | None = None


UNKNOWN, UNIFORM = Value(None), Value(0)


@dataclass(frozen=True)
class _Operation:
    words: tuple[str, ...]
    targets: tuple[str, ...]
    sources: tuple[str, ...]


def lane_steps(
    lines: Sequence[LineCounts], arguments: Sequence[int | float | None], sizes: Mapping[str, int]
) -> dict[int, int]:
    """PTX line of each memory instruction -> bytes between neighbouring lanes; those that are unknown are left out.

    `arguments` are the kernel's parameters in order, None for a buffer; `sizes` values of special registers, like
    "%ntid.x".
    """
    operations = [found for line in lines if (found := _operation(line.instruction))]
    values: dict[str, Value] = {}
    for _ in range(MOST_ROUNDS):
        if not _round(operations, values, arguments, sizes):
            break
    else:
        return {}
    defined = {target for each in operations for target in each.targets}
    moves = [(line.ptx_line, moved.address) for line in lines if (moved := access(line.instruction))]
    steps = {place: _value(address, values, defined, sizes) for place, address in moves}
    return {place: value.step for place, value in steps.items() if value is not None and value.step is not None}


def explains_sectors(step: int, width: int, lanes: float, per_request: float) -> bool:
    """Whether lanes `step` bytes apart that move `width` bytes each would touch so many sectors."""
    apart = abs(step)
    touched = lanes * -(-width // SECTOR) if apart >= SECTOR else ((lanes - 1) * apart + width) / SECTOR
    return abs(per_request - touched) <= max(1.0, _WITHIN * touched)


def explains_wavefronts(step: int, width: int, per_request: float) -> bool:
    """Whether a full warp with lanes `step` bytes apart would take so many wavefronts, by 32 banks of 4 bytes."""
    unit = max(width, 4)
    if step % unit:
        return False
    lanes = 128 // unit
    degree = gcd(step // unit, lanes) if step else 1
    return abs(per_request - degree * unit // 4) <= _WITHIN * per_request


def _round(
    operations: Sequence[_Operation],
    values: dict[str, Value],
    arguments: Sequence[int | float | None],
    sizes: Mapping[str, int],
) -> bool:
    """Follows every operation once; whether anything became known or unknown."""
    before = dict(values)
    defined = {target for each in operations for target in each.targets}
    for each in operations:
        found = _result(each, values, defined, arguments, sizes)
        for target in each.targets if found else ():
            values[target] = _join(values.get(target), found)  # type: ignore[arg-type]
    return values != before


def _join(old: Value | None, new: Value) -> Value:
    if old is None or old == new:
        return new
    return UNIFORM if old.step == new.step == 0 else Value(old.step if old.step == new.step else None)


def _operation(instruction: str) -> _Operation | None:
    words = opcode(instruction)
    written = instruction.rstrip("; ").partition(".".join(words))[2]
    operands = [part.strip() for part in _SPLIT.split(written) if part.strip()]
    if not words or not operands or words[0] in ("st", "bra", "bar", "barrier", "red", "ret", "call"):
        return None
    targets = tuple(name.strip() for name in re.split(r"[,|]", operands[0].strip("{} ")) if name.strip())
    return _Operation(words, targets, tuple(operands[1:]))


def _result(
    each: _Operation,
    values: Mapping[str, Value],
    defined: set[str],
    arguments: Sequence[int | float | None],
    sizes: Mapping[str, int],
) -> Value | None:
    """What the operation gives; None as long as one of its operands has no value yet."""
    if each.words[:2] == ("ld", "param"):
        return _parameter(each.sources[0], arguments)
    if each.words[0] in ("ld", "ldu"):
        address = _value(each.sources[0].strip("[] "), values, defined, sizes, wait=True)
        return address and (UNIFORM if address.step == 0 else UNKNOWN)
    sources = [_value(source, values, defined, sizes, wait=True) for source in each.sources]
    if any(source is None for source in sources):
        return None
    words = ("unpack",) if len(each.targets) > 1 else each.words
    return _computed(words, [source for source in sources if source])


def _parameter(source: str, arguments: Sequence[int | float | None]) -> Value:
    found = re.search(r"_param_(\d+)", source)
    place = int(found[1]) if found else len(arguments)
    value = arguments[place] if place < len(arguments) else None
    return Value(0, int(value)) if value is not None and value == int(value) else UNIFORM


def _value(
    text: str, values: Mapping[str, Value], defined: set[str], sizes: Mapping[str, int], wait: bool = False
) -> Value | None:
    """Of an operand or an address `register + number`; a name that nothing defines is one address for all lanes."""
    name = re.sub(r"\s*\+\s*-?\d+$", "", text.strip())
    if name in defined:
        return values.get(name, None if wait else UNKNOWN)
    if re.fullmatch(r"-?\d+", name) or re.fullmatch(r"0[xX][0-9a-fA-F]+", name):
        return Value(0, int(name, 0))
    if name in ("%tid.x", "%laneid"):
        return Value(1)
    if name in sizes:
        return Value(0, sizes[name])
    return UNIFORM if name.startswith(_SAME_FOR_ALL) or not name.startswith(("%", "{")) else UNKNOWN


def _computed(words: tuple[str, ...], sources: list[Value]) -> Value:
    """The step of a result from those of its operands."""
    name = words[0]
    if name in _COPIES:
        return sources[0]
    if name in ("add", "sub") and len(sources) == 2:
        return _sum(sources[0], sources[1], -1 if name == "sub" else 1)
    if name in ("mul", "mad") and "hi" not in words:
        product = _product(sources[0], sources[1])
        return _sum(product, sources[2], 1) if name == "mad" else product
    if name == "shl" and len(sources) == 2 and sources[1].known is not None and sources[1].known < 64:
        return _product(sources[0], Value(0, 1 << sources[1].known))
    if name in ("and", "shr") and len(sources) == 2:
        return _masked(name, sources[0], sources[1])
    if name in ("shfl", "atom", "match", "activemask", "vote", "elect"):
        return UNKNOWN
    return UNIFORM if all(source.step == 0 for source in sources) else UNKNOWN


def _sum(one: Value, other: Value, sign: int) -> Value:
    if one.step is None or other.step is None:
        return UNKNOWN
    known = one.known + sign * other.known if one.known is not None and other.known is not None else None
    return Value(one.step + sign * other.step, known)


def _product(one: Value, other: Value) -> Value:
    if one.step == 0 and other.step == 0:
        return Value(0, one.known * other.known if one.known is not None and other.known is not None else None)
    lanes, factor = (one, other) if other.step == 0 else (other, one)
    if lanes.step is None or factor.step != 0 or factor.known is None:
        return UNKNOWN
    return Value(lanes.step * factor.known)


def _masked(name: str, one: Value, other: Value) -> Value:
    """`and` and `shr` take a thread's number apart: the lower five bits are the lane, those above are the warp's."""
    if one.step == 0:
        return UNIFORM if other.step == 0 else UNKNOWN
    if one.step != 1 or other.known is None:
        return UNKNOWN
    if name == "shr":
        return UNIFORM if other.known >= 5 else UNKNOWN
    lower = other.known & 31
    return Value(1) if lower == 31 else UNIFORM if lower == 0 else UNKNOWN


def special_sizes(block: Sequence[int], grid: Sequence[int]) -> dict[str, int]:
    """Values of %ntid and %nctaid for a launch of this size."""
    return dict(_axes("%ntid", block)) | dict(_axes("%nctaid", grid))


def _axes(name: str, extent: Sequence[int]) -> Iterator[tuple[str, int]]:
    return ((f"{name}.{axis}", size) for axis, size in zip("xyz", extent, strict=False))
