"""Programs of several kernels as people write them: products of matrices between stages that take rows, columns or
elements one by one, and statistics (a fold of rows, of columns, or of everything) that a map over the plane then uses.

Which kernel is the dearest differs from one to the next: a product by rows takes nearly all of the time, one by a plane
of threads less than a walk along rows. Some products are in tiles already, and leave nothing to be done there. Two
products may be launches of one kernel, as layers of a network are.

What stands between two products is never a function of single elements: with a vector added by each that would be the
shipped mlp with another function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kernelevo.backends.kernels.generated import elementwise, planes, rows
from kernelevo.backends.kernels.generated.assembling import Step, extents_of, reference_of, text_of
from kernelevo.backends.kernels.generated.drafting import PLANES, Draft, Pen, given, made
from kernelevo.backends.kernels.generated.products import product
from kernelevo.backends.kernels.generated.statistics import applied, column_fold, whole_fold

_FORMS: Mapping[str, Sequence[Sequence[str]]] = {
    "one": (
        ("", "", "flat", "row_map", "broadcast", "permutation", "statistic"),
        ("product",),
        ("flat", "row_map", "broadcast", "stencil", "statistic", "row_fold", "column_fold"),
    ),
    "two": (
        ("", "", "flat", "row_map"),
        ("product",),
        ("row_map", "statistic", "permutation", "stencil", "broadcast"),
        ("product",),
        ("", "", "residual", "row_map", "row_fold"),
    ),
    "statistics": (
        ("", "flat", "row_map", "stencil", "permutation"),
        ("statistic",),
        ("", "residual", "row_map", "row_fold", "column_fold"),
    ),
}
"""What may stand at each place of a program; "" is nothing."""
_STYLES = ("plane", "plane", "swapped", "swapped", "swapped", "by_rows", "by_rows", "tiled")
_KINDS = ("bias", "bias", "plain", "plain", "plain", "second", "first")
"""Of products: mostly what people write first, the matrices as they lie."""
_SIZES = (
    (192, 160, 128), (256, 192, 128), (512, 128, 96), (1024, 64, 96), (256, 64, 256), (512, 48, 256), (300, 100, 200),
)  # fmt: skip
"""rows, cols, hidden: few multiplications, as each costs the virtual device some nanoseconds; from wide to high."""
_LARGE = ((512, 64, 384), (768, 48, 384), (1024, 32, 320))
"""Where there is one product: enough results to fill the device."""
_SMALL = ("rows=1, cols=1, hidden=1", "rows=33, cols=20, hidden=17", "rows=64, cols=36, hidden=65")
_ON_PLANES: Mapping[str, Callable[[Pen], Draft]] = {
    "broadcast": elementwise.broadcast, "row_map": rows.row_map, "stencil": planes.stencil,
    "permutation": planes.permutation, "row_fold": rows.row_fold, "column_fold": column_fold,
}  # fmt: skip
_FOLDS: Mapping[str, Callable[[Pen], Draft]] = {"r": rows.row_fold, "c": column_fold, "0": whole_fold}


def layers(pen: Pen) -> Draft:
    """Two to six launches around one product, around two, or around a statistic."""
    form = pen.pick("one", "one", "two", "two", "statistics")
    program = _Program(pen)
    for kinds in _FORMS[form]:
        program.add(pen.pick(*kinds))
    if form == "statistics":
        height, width = pen.plane()
        return program.draft(f"rows={height}, cols={width}", PLANES)
    height, width, hidden = pen.pick(*_SIZES, *(_LARGE if form == "one" else ()))
    return program.draft(f"rows={height}, cols={width}, hidden={hidden}", _SMALL)


class _Program:
    """Grows launch by launch: `_at` is the array that was written last, and `_shape` how it lies."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._steps: list[Step] = []
        self._inputs = [given("x", "rows, cols")]
        self._kinds: list[str] = []
        self._at = "x"
        self._shape: tuple[str, ...] = ("rows", "cols")
        self._products: list[Step] = []

    def draft(self, dims: str, small: tuple[str, ...]) -> Draft:
        steps = [*self._steps[:-1], replace(self._steps[-1], writes="y")]
        reference = reference_of(steps, [argument.name for argument in self._inputs])
        arguments = (*self._inputs, made("y", ", ".join(self._shape)))
        return Draft("_".join(self._kinds), text_of(steps), arguments, reference, dims, small)

    def add(self, kind: str) -> None:
        if kind == "residual" and self._shape != ("rows", "cols"):
            kind = "flat"
        if kind == "product":
            self._add_product()
        elif kind == "statistic":
            self._add_statistic()
        elif kind in ("flat", "residual"):
            self._add_flat(kind)
        elif kind:
            self._launch(kind, _ON_PLANES[kind](self._pen), self._plane())

    def _plane(self) -> dict[str, str]:
        return dict(zip(("rows", "cols"), self._shape, strict=True))

    def _add_product(self) -> None:
        """A product with a matrix of the problem's. The second may be another launch of the first one's kernel."""
        pen, first = self._pen, self._products[0] if self._products else None
        shared = first is not None and pen.pick(True, False)
        if first is not None and shared:
            draft, number = first.draft, first.number
        else:
            style = pen.pick(*_STYLES)
            kind = pen.pick(*_KINDS)
            draft, number = product(pen, style, kind, pen.names()[0], (1, 1, 1)), 0
        height, width = self._shape
        kind = draft.style.partition("_")[0]
        m, k = (width, height) if kind == "first" else (height, width)
        n = "cols" if self._shape[1] == "hidden" else "hidden"
        self._launch("again" if shared else draft.style, draft, {"m": m, "n": n, "k": k}, number=number)
        self._products.append(self._steps[-1])

    def _add_statistic(self) -> None:
        """A fold, and a map over what was folded that reads it."""
        along, folded, shape = self._pen.pick("r", "r", "c", "c", "0"), self._at, self._shape
        fold = _FOLDS[along](self._pen)
        self._launch(f"fold{along}", fold, self._flat() if extents_of(fold.arguments[0]) == ["n"] else self._plane())
        statistic, self._at, self._shape = self._at, folded, shape
        self._launch("applied", applied(self._pen, along), self._plane(), statistic)

    def _add_flat(self, kind: str) -> None:
        """A function of each element, or of it and the element of x that lies where it does."""
        others = ("x",) if kind == "residual" else ()
        while len((draft := elementwise.elementwise(self._pen)).arguments) != 2 + len(others):
            continue
        shape = self._shape
        self._launch(kind, draft, self._flat(), *others)
        self._shape = shape

    def _flat(self) -> dict[str, str]:
        return {"n": " * ".join(self._shape)}

    def _launch(self, kind: str, draft: Draft, sizes: Mapping[str, str], *others: str, number: int = 0) -> None:
        """The next launch. What `others` do not give of its second and further inputs, the problem gets."""
        place = len(self._steps) + 1
        reads = [self._at, *others]
        for argument in draft.arguments[len(reads) : -1]:
            extents = [sizes[extent] for extent in extents_of(argument)]
            reads.append(f"{'w' if len(extents) == 2 else 'b'}{place}")
            self._inputs.append(given(reads[-1], ", ".join(extents)))
        written = tuple(sizes.get(extent, extent) for extent in extents_of(draft.arguments[-1]))
        self._steps.append(Step(draft, number or place, tuple(reads), f"t{place}", " * ".join(written), sizes))
        self._kinds.append(kind)
        self._at, self._shape = f"t{place}", written
