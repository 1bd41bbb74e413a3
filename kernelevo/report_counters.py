"""Times in one unit, and the counters that a person looks at first: what every form of the report is made of."""

from __future__ import annotations

from collections.abc import Mapping

from kernelevo.answer import Answer
from kernelevo.types import CaseResult, Figure, StepReport

COUNTERS: Mapping[str, tuple[str, ...]] = {
    "warp instructions": ("warp_instructions",),
    "global requests": ("global_load_requests", "global_store_requests", "global_atomic_requests"),
    "global sectors": ("global_load_sectors", "global_store_sectors", "global_atomic_sectors"),
    "DRAM sectors": ("dram_read_sectors", "dram_write_sectors"),
    "local sectors": ("local_sectors",),
    "shared wavefronts": ("shared_load_wavefronts", "shared_store_wavefronts", "shared_atomic_wavefronts"),
    "divergent branches": ("divergent_branches",),
    "barriers": ("barriers",),
}
"""What a person looks at first, and the device's counters that it is the sum of. A sector is 32 bytes."""


def microseconds(figure: Figure) -> float:
    return figure.microseconds


def counters(of: CaseResult | StepReport) -> dict[str, int]:
    """The counters that a person looks at; one that the device does not count is left out, never zero."""
    counts = of.counters if isinstance(of, CaseResult) else of.counts
    return {
        label: sum(counts[name] for name in names)
        for label, names in COUNTERS.items()
        if all(n in counts for n in names)
    }


def case_pairs(answer: Answer) -> list[tuple[CaseResult, CaseResult]]:
    """The cases that start and best have both been timed on, in the problem's order."""
    best = {case.name: case for case in answer.best.verdict.cases}
    return [(case, best[case.name]) for case in answer.start.verdict.cases if case.name in best]
