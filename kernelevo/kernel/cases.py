"""Cases: which sizes a kernel is tested and timed at, and the edge sizes that are tested when a problem does not say.

Edge sizes are where kernels break: one element, fewer than a warp, one more than a warp, primes, one long row, many
short rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kernelevo.errors import BadInput

MAX_DIMENSION = 1 << 40
"""The largest size of a dimension; products of two then still fit in 64 bits of an expression with room for strides."""


@dataclass(frozen=True)
class Case:
    """One set of sizes. `weight` is its share when benchmark cases are combined into one score."""

    name: str
    dims: Mapping[str, int] = field(hash=False)
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise BadInput(f"case {self.name}: weight {self.weight} is not a positive number; give one, such as 1.0")


def read_case(text: str, dims: Sequence[str], weight: float = 1.0) -> Case:
    """`rows=4096, cols=1024` -> a Case that gives every dimension a size; raises BadInput naming what is missing or
    unknown.
    """
    sizes: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([A-Za-z_]\w*)\s*=\s*([0-9]{1,13})", part, re.ASCII)
        if match is None:
            raise BadInput(f"case '{text}': '{part}' is no size; write NAME=NUMBER, separated by commas")
        name, size = match.group(1), int(match.group(2))
        if name not in dims:
            raise BadInput(f"case '{text}': there is no dimension {name}; the dimensions are {', '.join(dims)}")
        if name in sizes:
            raise BadInput(f"case '{text}': {name} is given twice; keep one")
        if not 1 <= size <= MAX_DIMENSION:
            raise BadInput(f"case '{text}': {name}={size} is not between 1 and {MAX_DIMENSION}")
        sizes[name] = size
    missing = [name for name in dims if name not in sizes]
    if missing:
        verb = "has" if len(missing) == 1 else "have"
        raise BadInput(f"case '{text}': {', '.join(missing)} {verb} no size; add {missing[0]}=NUMBER")
    ordered = {name: sizes[name] for name in dims}
    return Case(",".join(f"{name}={size}" for name, size in ordered.items()), ordered, weight)


_EDGES = (
    (1, 1, 1, 1),
    (1, 33, 17, 5),
    (33, 1, 31, 3),
    (7, 129, 5, 2),
    (31, 31, 31, 7),
    (64, 64, 32, 4),
    (127, 65, 33, 3),
    (257, 100, 19, 2),
    (3, 2047, 2, 9),
    (2053, 3, 7, 1),
    (1, 4099, 3, 1),
    (5000, 2, 1, 3),
    (1024, 32, 1, 2),
    (1000, 37, 2, 1),
)
"""Rows of sizes, one column for each dimension (the columns repeat for a fifth and further ones): one, primes,
non-multiples of 32, tall, wide.
"""

_SINGLE = (1, 2, 31, 32, 33, 127, 255, 257, 1000, 1023, 1025, 4099, 10007, 65536)
"""Sizes for a problem with a single dimension."""

ENOUGH = 4
"""Default test cases with which no further scale is tried."""

MAX_TEST_ELEMENTS = 1 << 16
"""Elements of the largest tensor of a default test case, so that a full check stays cheap."""

MAX_TEST_WORK = 1 << 25
"""Operations, or bytes moved, of a default test case as the problem declares them: a tenth of a second or so of the
virtual GPU's time. A kernel of n * n steps is not tested at n=65536.
"""


def edge_cases(
    dims: Sequence[str],
    largest_tensor: Callable[[Mapping[str, int]], int],
    allowed: Callable[[Mapping[str, int]], bool],
    work: Callable[[Mapping[str, int]], int],
) -> tuple[Case, ...]:
    """The default test cases: edge sizes that the problem allows, whose largest tensor has at most MAX_TEST_ELEMENTS
    elements, and that need at most MAX_TEST_WORK of `work`; where all need more, the one that needs least.

    A problem that allows only multiples (cols % 64 == 0) gets the edges scaled by powers of two. Raises BadInput if
    that gives none.
    """
    found: dict[str, Case] = {}
    for scale in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        for sizes in _edge_sizes(dims, scale):
            if allowed(sizes) and largest_tensor(sizes) <= MAX_TEST_ELEMENTS:
                case = read_case(",".join(f"{name}={size}" for name, size in sizes.items()), dims)
                found.setdefault(case.name, case)
        if sum(work(case.dims) <= MAX_TEST_WORK for case in found.values()) >= ENOUGH:
            break
    if not found:
        raise BadInput("no edge sizes fit the problem's constraints; give it test cases with tests=[...]")
    cheap = tuple(case for case in found.values() if work(case.dims) <= MAX_TEST_WORK)
    return cheap or (min(found.values(), key=lambda case: work(case.dims)),)


def _edge_sizes(dims: Sequence[str], scale: int) -> list[dict[str, int]]:
    if len(dims) == 1:
        return [{dims[0]: size * scale} for size in _SINGLE]
    rows = [[row[index % len(row)] for index in range(len(dims))] for row in _EDGES]
    unscaled = [dict(zip(dims, row, strict=True)) for row in rows]
    if scale == 1:
        return unscaled
    # Constraints often bind one dimension only, so each is scaled alone, too.
    each = [{**sizes, name: sizes[name] * scale} for sizes in unscaled for name in dims]
    return each + [{name: size * scale for name, size in sizes.items()} for sizes in unscaled]
