"""Products of arrays (dot, matmul, inner, tensordot, einsum) whose sums are added up in the order of a style.

A contraction is cut into `EXACT_TERMS` slices (fewer where results are large), each multiplied by BLAS, and the slices
are added in the style's order. Where a slice holds one term, that is exactly what such an implementation computes.
Where it holds more, the error misses a factor of about sqrt(slice), which is applied to the difference from the
float64 result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelevo.evaluators.styles import Style

Array = np.ndarray

EXACT_TERMS = 64
SLICED_ELEMENTS = 1 << 22
"""Bound on the elements held while a contraction is cut into slices."""


def matmul(style: Style, left: Array, right: Array) -> Array:
    left, right = np.asarray(left), np.asarray(right)
    return _contract(style, np.matmul, left, right, left.ndim - 1, max(right.ndim - 2, 0))


def dot(style: Style, left: Any, right: Any, out: Any = None) -> Any:
    left, right = np.asarray(left), np.asarray(right)
    if left.ndim == 0 or right.ndim == 0:
        return style.precision.round(left * right)
    return _contract(style, np.dot, left, right, left.ndim - 1, max(right.ndim - 2, 0))


def inner(style: Style, left: Any, right: Any) -> Any:
    left, right = np.asarray(left), np.asarray(right)
    return _contract(style, np.inner, left, right, left.ndim - 1, right.ndim - 1)


def vdot(style: Style, left: Any, right: Any) -> Any:
    return dot(style, np.ravel(left), np.ravel(right))


def tensordot(style: Style, left: Any, right: Any, axes: Any = 2) -> Any:
    left, right = np.asarray(left), np.asarray(right)
    if isinstance(axes, int):
        axes = (list(range(left.ndim - axes, left.ndim)), list(range(axes)))
    of_left, of_right = (np.atleast_1d(side).tolist() for side in axes)
    free_left = [each for each in range(left.ndim) if each not in [one % left.ndim for one in of_left]]
    free_right = [each for each in range(right.ndim) if each not in [one % right.ndim for one in of_right]]
    shape = [left.shape[each] for each in free_left] + [right.shape[each] for each in free_right]
    terms = int(np.prod([left.shape[each] for each in of_left], dtype=np.int64))
    rows = left.transpose(*free_left, *of_left).reshape(-1, terms)
    columns = right.transpose(*of_right, *free_right).reshape(terms, -1)
    return matmul(style, rows, columns).reshape(shape)


def einsum(style: Style, subscripts: str, *operands: Any, **options: Any) -> Any:
    """Cut along the longest summed label; the other labels are summed by NumPy within a slice."""
    arrays = [np.asarray(operand) for operand in operands]
    terms, _, kept = subscripts.replace(" ", "").partition("->")
    labels = terms.split(",")
    summed = sorted(set("".join(labels)) - set(kept) - {",", "."})
    repeated = any(len(set(names)) < len(names) for names in labels)
    if not kept or not summed or repeated or "." in subscripts:
        return np.einsum(subscripts, *arrays, **options)
    sizes = {
        label: array.shape[at] for names, array in zip(labels, arrays, strict=True) for at, label in enumerate(names)
    }
    longest = max(summed, key=lambda label: sizes[label])
    arrays = [style.precision.factor(array) for array in arrays]

    def part(cut: slice, dtype: np.dtype) -> Array:
        pieces = [
            _cut(array, names.find(longest), cut).astype(dtype) for names, array in zip(labels, arrays, strict=True)
        ]
        return np.einsum(subscripts, *pieces)

    results = int(np.prod([sizes[label] for label in kept], dtype=np.int64))
    return _fold_slices(style, part, sizes[longest], results)


def _contract(style: Style, product: Callable[..., Any], left: Array, right: Array, at_left: int, at_right: int) -> Any:
    """product(left, right), where axis at_left of left is summed against axis at_right of right."""

    def part(cut: slice, dtype: np.dtype) -> Array:
        return product(_cut(left, at_left, cut).astype(dtype), _cut(right, at_right, cut).astype(dtype))

    left, right = style.precision.factor(left), style.precision.factor(right)
    results = left.size * right.size // max(left.shape[at_left], 1) ** 2
    return _fold_slices(style, part, left.shape[at_left], results)


def _cut(array: Array, axis: int, cut: slice) -> Array:
    return array if axis < 0 else array[(slice(None),) * axis + (cut,)]


def _fold_slices(style: Style, part: Callable[[slice, np.dtype], Any], terms: int, results: int) -> Any:
    """The sum of part(slice) over slices of range(terms), folded in the style's order at its precision."""
    count = min(EXACT_TERMS, max(4, SLICED_ELEMENTS // max(results, 1)))
    width = max(1, -(-terms // count))
    starts = range(0, max(terms, 1), width)
    narrow = np.dtype(np.float32) if style.precision.carrier.itemsize < 4 else style.precision.carrier
    slices = [style.precision.round(part(slice(start, start + width), narrow)) for start in starts]
    folded = style.precision.round(style.order.add(style.total(np.add), slices))
    if width == 1:
        return folded
    exact = part(slice(None), np.dtype(np.float64))
    return exact + np.sqrt(width) * (folded - exact)


CONTRACTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.dot: dot,
    np.inner: inner,
    np.vdot: vdot,
    np.tensordot: tensordot,
    np.einsum: einsum,
}
"""By the NumPy function that each takes the place of."""
