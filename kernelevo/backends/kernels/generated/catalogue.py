"""The families, and a problem of one by its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from kernelevo.backends.kernels.generated import elementwise, layers, pipelines, planes, products, rows, whole
from kernelevo.backends.kernels.generated.drafting import DISTRIBUTIONS, Draft, Pen
from kernelevo.backends.kernels.generated.maps import FIRST, SECOND
from kernelevo.errors import BadInput
from kernelevo.kernel.problem import Problem

FAMILIES: Mapping[str, Callable[[Pen], Draft]] = {
    "elementwise": elementwise.elementwise,
    "broadcast": elementwise.broadcast,
    "row_fold": rows.row_fold,
    "row_map": rows.row_map,
    "whole_sum": whole.whole_sum,
    "permutation": planes.permutation,
    "stencil": planes.stencil,
    "difference": planes.difference,
    "matrix_vector": products.matrix_vector,
    "matrix_product": products.matrix_product,
    "outer": products.outer,
    "pipeline": pipelines.pipeline,
    "layers": layers.layers,
}
SECOND_POOL = 2000
"""Problems from this number on are made of the maps of the second pool."""
MOST = 4000


@dataclass(frozen=True)
class GeneratedProblem:
    """`problem` is judged in a search, at few sizes; `audited` is the same for every size, with its usual edges."""

    name: str
    family: str
    style: str
    text: str
    problem: Problem
    audited: Problem


def generate(name: str) -> GeneratedProblem:
    """The problem of this name, such as row_map-17; raises BadInput for a name that is none."""
    family, _, number = name.rpartition("-")
    if family not in FAMILIES or not number.isdigit() or str(int(number)) != number or int(number) >= MOST:
        families = ", ".join(FAMILIES)
        raise BadInput(f"there is no generated problem {name!r}; write FAMILY-NUMBER below {MOST}, of {families}")
    pool = FIRST if int(number) < SECOND_POOL else SECOND
    draft = FAMILIES[family](Pen(Random(name), pool))
    searched, audited = _problem(name, draft, draft.small), _problem(name, draft, ())
    return GeneratedProblem(name, family, draft.style, draft.text, searched, audited)


def _problem(name: str, draft: Draft, tests: tuple[str, ...]) -> Problem:
    inputs = {argument.name: DISTRIBUTIONS for argument in draft.arguments if getattr(argument, "role", "") == "in"}
    problem = Problem(draft.arguments, draft.reference, [draft.dims], tests=tests, inputs=inputs)
    return problem.named(name.replace("-", "_"))
