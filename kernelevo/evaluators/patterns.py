"""Where wrong elements lie and what they hold, in sentences: hints at the mistake for a person or a proposer.

Each hint is a fact about the elements (which rows, which lanes, what factor), never a guess that is stated as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Array = np.ndarray
PERIODS = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2)
SAMPLE = 1 << 16


def describe(got: Array, expected: Array, wrong: Array) -> list[str]:
    """Sentences on the elements marked in `wrong` (bool, the shape of got and expected); at least one is marked."""
    return [*_places(wrong), *_values(got[wrong][:SAMPLE], expected[wrong][:SAMPLE])]


def _places(wrong: Array) -> Iterator[str]:
    for hint in _PLACE_HINTS:
        sentence = hint(wrong)
        if sentence:
            yield sentence
            return


def _all(wrong: Array) -> str:
    return "No element is right." if wrong.all() else ""


def _whole_rows(wrong: Array) -> str:
    if wrong.ndim < 2 or wrong.shape[-1] < 2:
        return ""
    rows = wrong.reshape(-1, wrong.shape[-1])
    bad = rows.any(axis=1)
    if not (rows[bad].all() and 0 < bad.sum() < len(bad)):
        return ""
    return f"Whole rows are wrong: {_indices(np.flatnonzero(bad))} of {len(bad)}; the other rows are right."


def _row_tails(wrong: Array) -> str:
    if wrong.ndim < 2:
        return ""
    columns = wrong.reshape(-1, wrong.shape[-1]).any(axis=0)
    first = int(columns.argmax())
    if first == 0 or not columns[first:].all():
        return ""
    return f"Only the end of rows is wrong: from column {first} of {len(columns)} on."


def _columns(wrong: Array) -> str:
    if wrong.ndim < 2 or wrong[..., 0].size < 2:
        return ""
    rows = wrong.reshape(-1, wrong.shape[-1])
    bad = rows.any(axis=0)
    if bad.all() or not rows[:, bad].all():
        return ""
    return f"Whole columns are wrong: {_indices(np.flatnonzero(bad))} of {len(bad)}; the other columns are right."


def _tail(wrong: Array) -> str:
    flat = wrong.reshape(-1)
    first = int(flat.argmax())
    if first == 0 or not flat[first:].all():
        return ""
    return f"Only the last {flat.size - first} of {flat.size} elements (in memory order) are wrong."


def _head(wrong: Array) -> str:
    flat = wrong.reshape(-1)
    count = int(flat.sum())
    return f"Only the first {count} of {flat.size} elements (in memory order) are wrong." if flat[:count].all() else ""


def _lanes(wrong: Array) -> str:
    places = np.flatnonzero(wrong)
    if len(places) < 3:
        return ""
    for period in PERIODS:
        if len(set((places[:SAMPLE] % period).tolist())) == 1:
            return f"Every wrong element lies at {int(places[0] % period)} modulo {period} (in memory order)."
    return ""


_PLACE_HINTS: tuple[Callable[[Array], str], ...] = (_all, _whole_rows, _tail, _row_tails, _columns, _head, _lanes)


def _values(got: Array, expected: Array) -> Iterator[str]:
    nans = int(np.isnan(got).sum()) if got.dtype.kind == "f" else 0
    if nans:
        yield f"{nans} of the wrong values are NaN." if nans < len(got) else "Every wrong value is NaN."
    elif len(got) > 1 and (got == got[0]).all():
        yield f"Every wrong value is {float(got[0]):.8g}."
    else:
        yield from _factor(got, expected)


def _factor(got: Array, expected: Array) -> Iterator[str]:
    usable = np.isfinite(got) & np.isfinite(expected) & (expected != 0)
    if usable.sum() < 3:
        return
    with np.errstate(over="ignore"):
        factors = got[usable].astype(np.float64) / expected[usable].astype(np.float64)
    if not np.isfinite(factors).all():
        return
    middle = float(np.median(factors))
    if middle != 0 and abs(middle - 1) > 1e-3 and np.ptp(factors) <= 1e-3 * abs(middle):
        yield f"Every wrong value is {middle:.6g} times what is expected."


def _indices(places: Array) -> str:
    shown = ", ".join(str(int(place)) for place in places[:6])
    return shown if len(places) <= 6 else f"{shown}, ... ({len(places)} in all)"
