"""Several kernels after each other, each reading the plane that the one before wrote: what there is to be done stands
in several places, and the largest gain comes from where most of the time goes.

A stage is a problem of another family on the pipeline's plane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernelevo.backends.kernels.generated import elementwise, planes, rows
from kernelevo.backends.kernels.generated.assembling import Step, extents_of, reference_of, text_of
from kernelevo.backends.kernels.generated.drafting import PLANES, Draft, Pen, given, made
from kernelevo.kernel.arguments import Argument

STAGES: Sequence[Callable[[Pen], Draft]] = (
    elementwise.broadcast, rows.row_map, planes.stencil, planes.permutation,
)  # fmt: skip


@dataclass(frozen=True)
class _OnPlane(Pen):
    """Draws everything but the plane, which is the pipeline's."""

    rows: int = 0
    cols: int = 0

    def plane(self, large: bool = False) -> tuple[int, int]:
        return self.rows, self.cols


def pipeline(pen: Pen) -> Draft:
    """Two to four stages over a plane, of which the last may make one number of each row."""
    shape = pen.plane()
    drawn = _OnPlane(pen.rng, pen.pool, *shape)
    makers = [pen.pick(*STAGES) for _ in range(pen.pick(2, 3, 3, 4))]
    if pen.pick(True, False):
        makers[-1] = rows.row_fold
    steps: list[Step] = []
    factors: list[Argument] = []
    sizes = ("rows", "cols")
    for number, maker in enumerate(makers, 1):
        draft = maker(drawn)
        reads = ["x" if number == 1 else f"t{number - 1}"]
        if len(draft.arguments) == 3:
            along = extents_of(draft.arguments[1])[0]
            factors.append(given(f"b{number}", sizes[0] if along == "rows" else sizes[1]))
            reads.append(factors[-1].name)
        target = "y" if number == len(makers) else f"t{number}"
        named = dict(zip(("rows", "cols"), sizes, strict=True))
        steps.append(Step(draft, number, tuple(reads), target, "rows * cols", named))
        written = [named[extent] for extent in extents_of(draft.arguments[-1])]
        sizes = (written[0], written[-1])
    inputs = [given("x", "rows, cols"), *factors]
    reference = reference_of(steps, [argument.name for argument in inputs])
    style = "_".join(maker.__name__ for maker in makers)
    arguments = (*inputs, made("y", ", ".join(written)))
    return Draft(style, text_of(steps), arguments, reference, f"rows={shape[0]}, cols={shape[1]}", PLANES)
