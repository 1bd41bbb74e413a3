"""Several kernels after each other, each reading the plane that the one before wrote: what there is to be done stands
in several places, and the largest gain comes from where most of the time goes.

A stage is a problem of another family on the pipeline's plane. Its kernel, macros and functions get names of their own;
its launch is given the planes between stages (temporaries of the plan) and the sizes as they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kernelevo.backends.kernels.generated import elementwise, planes, rows
from kernelevo.backends.kernels.generated.drafting import PLANES, Draft, Pen, given, made
from kernelevo.kernel.arguments import Argument

STAGES: Sequence[Callable[[Pen], Draft]] = (
    elementwise.broadcast, rows.row_map, planes.stencil, planes.permutation,
)  # fmt: skip
_LAUNCH = re.compile(r"#pragma kernelevo launch (\w+)(<<<.*>>>)\((.*)\)\n")
_OWN = re.compile(r"\b(?:BLOCK|shaped)\b")


@dataclass(frozen=True)
class _OnPlane(Pen):
    """Draws everything but the plane, which is the pipeline's."""

    rows: int = 0
    cols: int = 0

    def plane(self, large: bool = False) -> tuple[int, int]:
        return self.rows, self.cols


@dataclass(frozen=True)
class _Stage:
    """`rows` and `cols` are what the pipeline calls the sizes of the plane that is read; `factors` the stage's second
    input, if it has one.
    """

    draft: Draft
    rows: str
    cols: str
    factors: Argument | None

    @property
    def turns(self) -> bool:
        """Whether the plane that is written lies the other way."""
        return _extents(self.draft) == ["cols", "rows"]

    @property
    def folds(self) -> bool:
        return len(_extents(self.draft)) == 1


def pipeline(pen: Pen) -> Draft:
    """Two to four stages over a plane, of which the last may make one number of each row."""
    shape = pen.plane()
    drawn = _OnPlane(pen.rng, pen.pool, *shape)
    makers = [pen.pick(*STAGES) for _ in range(pen.pick(2, 3, 3, 4))]
    if pen.pick(True, False):
        makers[-1] = rows.row_fold
    stages = _stages(makers, drawn)
    launches, texts = [], []
    for number, stage in enumerate(stages, 1):
        source = "x" if number == 1 else f"t{number - 1}"
        target = "y" if number == len(stages) else f"t{number}"
        text, launch = _renamed(stage, number, source, target)
        texts.append(text)
        launches.append(launch)
    temps = "".join(f"#pragma kernelevo temp float t{number}[rows * cols]\n" for number in range(1, len(stages)))
    last = stages[-1]
    written = last.rows if last.folds else f"{last.cols}, {last.rows}" if last.turns else f"{last.rows}, {last.cols}"
    factors = [stage.factors for stage in stages if stage.factors is not None]
    arguments = (given("x", "rows, cols"), *factors, made("y", written))
    style = "_".join(maker.__name__ for maker in makers)
    text = f"{temps}{''.join(launches)}\n{''.join(texts)}"
    return Draft(style, text, arguments, _reference(stages), f"rows={shape[0]}, cols={shape[1]}", PLANES)


def _stages(makers: Sequence[Callable[[Pen], Draft]], pen: Pen) -> list[_Stage]:
    found: list[_Stage] = []
    sizes = ("rows", "cols")
    for number, maker in enumerate(makers, 1):
        draft = maker(pen)
        second = draft.arguments[1] if len(draft.arguments) == 3 else None
        factors = None
        if second is not None:
            along = _extents_of(second)[0]
            factors = given(f"b{number}", sizes[0] if along == "rows" else sizes[1])
        stage = _Stage(draft, *sizes, factors)
        found.append(stage)
        sizes = sizes[::-1] if stage.turns else sizes
    return found


def _extents(draft: Draft) -> list[str]:
    return _extents_of(draft.arguments[-1])


def _extents_of(argument: Any) -> list[str]:
    return [extent.text for extent in argument.shape]


def _renamed(stage: _Stage, number: int, source: str, target: str) -> tuple[str, str]:
    """The stage's text without its launch, and that launch as a line of the pipeline's plan."""
    text = _OWN.sub(lambda own: f"{own[0]}_{number}", stage.draft.text)
    ((name, geometry, _),) = _LAUNCH.findall(text)
    text = re.sub(rf"\b{name}\b", f"{name}_{number}", _LAUNCH.sub("", text))
    inputs = [source] if stage.factors is None else [source, stage.factors.name]
    sizes = {"rows": stage.rows, "cols": stage.cols}
    geometry = re.sub(r"\brows\b|\bcols\b", lambda size: sizes[size[0]], geometry)
    passed = ", ".join([*inputs, target, stage.rows, stage.cols])
    return text, f"#pragma kernelevo launch {name}_{number}{geometry}({passed})\n"


def _reference(stages: Sequence[_Stage]) -> Callable[..., Any]:
    def reference(first, *factors):  # type: ignore[no-untyped-def]
        left = list(factors)
        for stage in stages:
            own = [] if stage.factors is None else [left.pop(0)]
            first = stage.draft.reference(first, *own)
        return first

    return reference
