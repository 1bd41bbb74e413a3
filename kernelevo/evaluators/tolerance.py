"""The tolerance of an output: how far an honest kernel at the declared precision may be from the float64 reference.

It is derived, not typed. The reference is evaluated at the compute dtype in several styles (`summation`: orders of
summation, and results moved by an ulp), which are so many honest implementations, and each is compared with the
float64 result e. For element i of an output

    local_i = max over styles of |style_i - e_i|
    scale_i = max(local_i, max of local over the aligned run of NEIGHBOURS elements that holds i, median of local)
    bound_i = safety * scale_i  +  ulps * ulp_compute(e_i)  +  1 * ulp_storage(e_i)  +  tiny_storage

safety and ulps are 8 and 8 for f64 and f32, 3 and 3 for tf32, f16 and bf16 (`ALLOWANCES`). A run and the median keep a
lucky zero error from becoming a zero bound; an ulp is 2 * epsilon * |e|. The ulps cover what styles do not show. The
storage term is there only where an output is stored more coarsely than it is computed, and is what one rounding to it
may move. An output that every style gets exactly was not computed but copied or selected, and must be exact (but for a
coarser storage). Integers are exact.

A bound that rests on fewer styles is nowhere wider than one that rests on all, so an output within it needs no more of
them: FIRST_STYLES are asked first, and the others only where these would refuse it (`expected.py`).

A style that overflows where float64 does not has no say: the bound gets tighter by it, never laxer. A factor of 8
leaves several hundred to the next precision down for f32 (2^-24 against 2^-11). From tf32 and f16 to bf16 it is 8 in
all, from bf16 to fp8 it is 16, and so less may be allowed there. The checker's self-test says for every problem whether
the next precision down is refused. A problem may override all this with numbers and a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kernelevo.errors import BadInput
from kernelevo.evaluators.styles import PRECISIONS, SHUFFLED, STYLES, Precision
from kernelevo.evaluators.summation import Rounded
from kernelevo.kernel.problem import Tolerance

NEIGHBOURS = 32
LARGE = 1 << 18
"""Outputs with more elements than this are judged by fewer orders: with so many neighbours two show the scale."""
LARGE_STYLES = ("sequential", "jitter")
FIRST_STYLES = LARGE_STYLES
"""Those that tell most about the scale of honest errors."""


@dataclass(frozen=True)
class Allowance:
    """What is allowed beyond the styles: a factor on their error, and ulps of the compute dtype at |e|."""

    safety: float
    ulps: float


_NARROW = Allowance(3.0, 3.0)
ALLOWANCES = {
    "f64": Allowance(8.0, 8.0), "f32": Allowance(8.0, 8.0), "tf32": _NARROW, "f16": _NARROW, "bf16": _NARROW,
}  # fmt: skip

Array = np.ndarray
Evaluate = Callable[[Callable[[Array], Array]], Sequence[Array]]
"""Runs the reference on its inputs, each float input first passed through the function given; returns the float
outputs.
"""


def derive(
    evaluate: Evaluate,
    expected: Sequence[Array],
    compute: str,
    storage: Sequence[str],
    styles: Sequence[str] | None = None,
) -> list[Array | None]:
    """Bounds (float64, the outputs' shapes; None: exactly) for the float outputs `expected` of a reference.

    Raises BadInput if the reference computes in float64 whatever it is given. `compute` is the dtype name that the
    kernel computes in, `storage` those that the outputs are stored as. With `styles`, the bounds rest on these alone.
    """
    precision = PRECISIONS[compute]
    scales = [np.zeros(output.shape) for output in expected]
    for style in styles or styles_for(max(output.size for output in expected)):
        results = evaluate(partial(Rounded.of, style=(STYLES | SHUFFLED)[style](precision)))
        for scale, result, wanted in zip(scales, results, expected, strict=True):
            _raise_to(scale, result, wanted)
            _require_some_finite(result, wanted, compute)
    return [_bound(*each, precision) for each in zip(scales, expected, storage, strict=True)]


def _require_some_finite(result: Array, wanted: Array, compute: str) -> None:
    """Where nothing that is finite in float64 stays so, no scale can be told, and no kernel could be right."""
    finite = np.isfinite(wanted)
    with np.errstate(over="ignore"):
        lost = finite.any() and not np.isfinite(np.asarray(result, dtype=np.float64)[finite]).any()
    if lost:
        raise BadInput(
            f"no tolerance can be derived, because the reference has no finite value in {compute} where it has one in "
            "float64; keep its inputs away from where it divides by zero or overflows, or declare "
            "tolerance=Tolerance(...)"
        )


def _bound(scale: Array, expected: Array, storage: str, precision: Precision) -> Array | None:
    if scale.any():
        allowed = ALLOWANCES[precision.name]
        return allowed.safety * _smooth(scale) + roundings(expected, precision, allowed.ulps, storage)
    if not np.array_equal(precision.round(expected), expected, equal_nan=True):
        raise BadInput(
            "no tolerance can be derived, because the reference computes in float64 whatever its inputs are; "
            "take out conversions such as np.asarray(x, float), or declare tolerance=Tolerance(...)"
        )
    coarser = storage in PRECISIONS and PRECISIONS[storage].bits < precision.bits
    return roundings(expected, precision, 0.0, storage) if coarser else None


def declared(expected: Array, tolerance: Tolerance) -> Array:
    """The bound that a problem declares itself: absolute + relative * |expected|."""
    return tolerance.absolute + tolerance.relative * np.abs(expected)


def styles_for(elements: int) -> tuple[str, ...]:
    """The styles that a tolerance is derived from, where the largest output has so many elements. A lone element has
    no neighbours that show the scale: of two sums in an order of chance, both are within an eighth of a third one's
    error once in a hundred, of eight practically never.
    """
    if elements > LARGE:
        return LARGE_STYLES
    return tuple(STYLES) if elements >= NEIGHBOURS else (*STYLES, *SHUFFLED)


def _raise_to(scale: Array, result: Array, wanted: Array) -> None:
    """scale = max(scale, |result - wanted|), leaving out what is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.subtract(result, wanted, dtype=np.float64)
    np.abs(error, out=error)
    if not np.isfinite(error.max(initial=0.0)):
        error[~np.isfinite(error)] = 0.0
    np.maximum(scale, error, out=scale)


def _smooth(local: Array) -> Array:
    """max(local, its run's maximum, its median), in the shape of `local`."""
    flat = local.reshape(-1)
    whole = flat.size - flat.size % NEIGHBOURS
    out = np.empty_like(flat)
    runs = flat[:whole].reshape(-1, NEIGHBOURS)
    np.copyto(out[:whole].reshape(-1, NEIGHBOURS), runs.max(axis=1, keepdims=True) if whole else 0.0)
    out[whole:] = flat[-NEIGHBOURS:].max(initial=0.0)
    step = max(1, flat.size // LARGE)
    np.maximum(out, median(flat[::step]), out=out)
    return out.reshape(local.shape)


def median(values: Array) -> float:
    """np.median of finite numbers (0 of none), without its care for axes and NaN, which takes longer than sorting."""
    if not values.size:
        return 0.0
    upper = values.size // 2
    lower = upper if values.size % 2 else upper - 1
    parted = np.partition(values, (lower, upper))
    return float((parted[lower] + parted[upper]) / 2)


def roundings(expected: Array, precision: Precision, ulps: float, storage: str) -> Array:
    """`ulps` of the compute dtype at |expected|, and one of a coarser storage dtype; zero where expected is not
    finite.
    """
    held = PRECISIONS.get(storage, precision)
    relative = 2 * precision.epsilon * ulps + (2 * held.epsilon if held.bits < precision.bits else 0.0)
    magnitude = np.abs(expected)
    if not np.isfinite(magnitude.max(initial=0.0)):
        magnitude[~np.isfinite(magnitude)] = 0.0
    magnitude *= relative
    magnitude += _TINY[held.name]
    return magnitude


_TINY = {"f64": 2.0**-1022, "f32": 2.0**-126, "bf16": 2.0**-126, "f16": 2.0**-24}
"""Below the smallest normal number a kernel may flush to zero (f16: the smallest subnormal, which GPUs keep)."""
