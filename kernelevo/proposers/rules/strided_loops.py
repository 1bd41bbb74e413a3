"""Loops that the threads of a group share out: `for (int j = lane; j < cols; j += 32)` and its kin.

Neighbouring threads take neighbouring iterations, or portions of them (`j = lane * 4; ...; j += 128`), beginning at
0. row_per_group and grid_stride write such loops, and many kernels have them already.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.proposers.rules.accesses import Access
from kernelevo.proposers.rules.parallel_loops import ParallelLoop, loops_below, parallel_loop
from kernelevo.proposers.rules.polynomials import Polynomial
from kernelevo.proposers.rules.subject import WARP, Launched, Subject

_WIDTHS = (1, 2, 4, 8)


@dataclass(frozen=True, eq=False)
class StridedLoop:
    """A parallel loop shared out among `members`, "warp", "block" or "grid", `width` neighbouring counts for each."""

    parallel: ParallelLoop
    members: str
    width: int

    @property
    def counter(self) -> str:
        return self.parallel.loop.counter.name


def strided_loops(subject: Subject, launched: Launched, accesses: list[Access]) -> list[StridedLoop]:
    """The strided loops of a kernel that are inside no other loop, in source order."""
    found = []
    for node in loops_below(launched.kernel.body):
        parallel = parallel_loop(launched.kernel, launched.forms, node, accesses, dict(subject.functions))
        shared = None if parallel is None else _sharing(launched, parallel)
        if parallel is not None and shared is not None:
            found.append(StridedLoop(parallel, *shared))
    return found


def _sharing(launched: Launched, parallel: ParallelLoop) -> tuple[str, int] | None:
    """Among whom the loop is shared out and in what portions, from its start and step."""
    forms = launched.forms
    thread, block = Polynomial.atom("threadIdx.x"), Polynomial.atom("blockIdx.x")
    size, grid = forms.sizes["blockDim.x"], Polynomial.atom("gridDim.x")
    lane = Polynomial.atom(f"({thread} % {Polynomial.constant(WARP)})")
    header = forms.of(parallel.loop.start), parallel.loop.step_form(forms)
    kinds = {
        "warp": (lane, Polynomial.constant(WARP)),
        "block": (thread, size),
        "grid": (block * size + thread, grid * size),
    }
    for width in _WIDTHS:
        times = Polynomial.constant(width)
        for name, (start, step) in kinds.items():
            if header == (start * times, step * times):
                return name, width
    return None
