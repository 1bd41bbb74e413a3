"""Evaluating a NumPy reference at a lower precision, as several honest implementations of it would.

A reference is a black box of NumPy calls. `Rounded` is an ndarray that goes through it: every result is rounded to the
compute dtype, and every sum, mean, product, dot, matmul, tensordot or einsum that it meets is added up in the order of
its `Style`. So one reference gives the results of several implementations, which differ only where floating point does.

Limits: scans (cumsum) are always sequential. A call that NumPy does not dispatch (correlate, fft, Python loops over
scalars) keeps NumPy's own order. `np.asarray` in a reference strips the class: then all styles agree, and the tolerance
rests on its other terms. `contractions` says how products are approximated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelevo.evaluators.contractions import CONTRACTIONS, matmul
from kernelevo.evaluators.styles import Style, is_float

Array = np.ndarray

_SELECTIONS = (np.maximum, np.minimum, np.fmax, np.fmin, np.copysign)
_SIGNS = (np.negative, np.positive, np.absolute, np.fabs, np.sign)
_WHOLE_NUMBERS = (np.rint, np.floor, np.ceil, np.trunc)
EXACT_UFUNCS = frozenset((*_SELECTIONS, *_SIGNS, *_WHOLE_NUMBERS))
"""Operations whose result any implementation gets exactly."""


class Rounded(np.ndarray):
    """An ndarray whose results are those of an implementation of the given style."""

    style: Style

    @classmethod
    def of(cls, values: Array, style: Style) -> Rounded:
        """`values` (any shape, float) as a Rounded; it may share their memory where no rounding is needed."""
        made = style.precision.round(values).view(cls)
        made.style = style
        return made

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(source, Rounded) and hasattr(source, "style"):
            self.style = source.style

    def _wrap(self, result: Any, exact: bool) -> Any:
        if isinstance(result, tuple | list):
            return type(result)(self._wrap(part, exact) for part in result)
        settled = self.style.settle(_bare(result), exact=exact)
        if not isinstance(settled, np.ndarray) or not is_float(settled):
            return settled
        made = settled.view(Rounded)
        made.style = self.style
        return made

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.pop("out", (None,))[0]
        bare = [_bare(array) for array in inputs]
        result = self._wrap(_apply(self.style, ufunc, method, bare, _bare_options(options)), ufunc in EXACT_UFUNCS)
        if out is None:
            return result
        _bare(out)[...] = _bare(result)
        return out

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, options: Any) -> Any:
        contraction = CONTRACTIONS.get(function)
        if contraction is not None:
            arrays = (_bare(array) for array in args)
            return self._wrap(contraction(self.style, *arrays, **_bare_options(options)), exact=False)
        # Any other function computes by calls that come back here, so its result is settled already.
        return self._wrap(super().__array_function__(function, types, args, options), exact=True)

    def dot(self, other: Any, out: Any = None) -> Any:
        """As ndarray.dot, which NumPy does not dispatch."""
        return np.dot(self, other)


def _bare(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_bare(part) for part in value)
    return value.view(np.ndarray) if isinstance(value, Rounded) else value


def _bare_options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: _bare(value) for name, value in options.items()}


def _apply(style: Style, ufunc: np.ufunc, method: str, inputs: list[Any], options: dict[str, Any]) -> Any:
    if ufunc is np.matmul and method == "__call__":
        return matmul(style, *inputs)
    if method == "reduce" and ufunc in (np.add, np.multiply) and np.asarray(inputs[0]).dtype.kind == "f":
        return _reduce(style, ufunc, np.asarray(inputs[0]), **options)
    return getattr(ufunc, method)(*inputs, **options)


def _reduce(
    style: Style,
    ufunc: np.ufunc,
    array: Array,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """ufunc.reduce in the style's order; masked and initial terms as NumPy defines them."""
    axes = _axes(axis, array.ndim)
    kept = [each for each in range(array.ndim) if each not in axes]
    masked = array if where is True else np.where(where, array, np.asarray(ufunc.identity, array.dtype))
    terms = masked.transpose(*kept, *axes).reshape(*(array.shape[each] for each in kept), -1)
    empty = terms.shape[-1] == 0
    result = (
        ufunc.reduce(terms, axis=-1) if empty else style.precision.round(style.order.fold(style.total(ufunc), terms))
    )
    if initial is not None and initial is not np._NoValue:
        result = ufunc(result, array.dtype.type(initial))
    if not keepdims:
        return result
    return np.asarray(result).reshape([1 if each in axes else array.shape[each] for each in range(array.ndim)])


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    return tuple(each % ndim for each in given) if ndim else ()
