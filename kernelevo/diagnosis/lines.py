"""Counts by source line: sums over the PTX instructions that a line became, and which line is hot.

An instruction belongs to the innermost position that the compiler recorded for it, so a line of an inlined function
has the counts of all its callers, and line 0 is what the compiler gave no line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernelevo.diagnosis.access import access, least_sectors, least_wavefronts
from kernelevo.diagnosis.bounds import kernel_limiter
from kernelevo.types import LineCounts, StepReport

BY_WAVEFRONTS = ("shared memory",)
BY_SECTORS = ("latency", "L1 sectors", "L2 bandwidth", "DRAM bandwidth", "atomics")


@dataclass(frozen=True)
class LineTotals:
    """Sums over the instructions `ptx` of one source line. `requests` counts global and local accesses, which move
    `sectors`; `shared_requests` those of shared memory, which move `wavefronts`. `least_...` is what the same bytes
    would take if neighbouring lanes had neighbouring addresses and no two met at a bank.
    """

    file: str
    line: int
    ptx: tuple[LineCounts, ...]
    warp_instructions: int = 0
    thread_instructions: int = 0
    slots: int = 0
    requests: int = 0
    sectors: int = 0
    least_sectors: int = 0
    shared_requests: int = 0
    wavefronts: int = 0
    least_wavefronts: int = 0
    divergent: int = 0

    @property
    def lanes(self) -> float:
        """Active lanes of 32, on average over the instructions."""
        return self.thread_instructions / self.warp_instructions if self.warp_instructions else 0.0

    @property
    def sectors_per_request(self) -> float:
        return self.sectors / self.requests if self.requests else 0.0

    @property
    def wavefronts_per_request(self) -> float:
        return self.wavefronts / self.shared_requests if self.shared_requests else 0.0


def line_totals(lines: Iterable[LineCounts]) -> list[LineTotals]:
    """By file and line, in order of both; instructions keep the order of the PTX."""
    found: dict[tuple[str, int], list[LineCounts]] = defaultdict(list)
    for line in lines:
        found[line.source.file, line.source.line].append(line)
    return [totals(file, number, ptx) for (file, number), ptx in sorted(found.items())]


def totals(file: str, number: int, ptx: Sequence[LineCounts]) -> LineTotals:
    """The sums of these instructions."""
    moves = [(line, moved) for line in ptx if (moved := access(line.instruction))]
    shared = [(line, moved) for line, moved in moves if moved.space == "shared"]
    outside = [(line, moved) for line, moved in moves if moved.space != "shared"]
    return LineTotals(
        file,
        number,
        tuple(sorted(ptx, key=lambda line: line.ptx_line)),
        warp_instructions=sum(line.warp_instructions for line in ptx),
        thread_instructions=sum(line.thread_instructions for line in ptx),
        slots=sum(line.slots * line.warp_instructions for line in ptx),
        # Accesses that this module does not know by their text (matrix loads, bulk copies) count by what they moved.
        requests=sum(line.requests for line in ptx if line.sectors or not line.wavefronts),
        sectors=sum(line.sectors for line in ptx),
        least_sectors=sum(least_sectors(*each) for each in outside) + _unknown(ptx, "sectors"),
        shared_requests=sum(line.requests for line in ptx if line.wavefronts),
        wavefronts=sum(line.wavefronts for line in ptx),
        least_wavefronts=sum(least_wavefronts(*each) for each in shared) + _unknown(ptx, "wavefronts"),
        divergent=sum(line.divergent for line in ptx),
    )


def _unknown(ptx: Iterable[LineCounts], what: str) -> int:
    """What instructions moved whose text says nothing of it: no less is claimed to do."""
    unread = [line for line in ptx if access(line.instruction) is None]
    return sum(line.sectors if what == "sectors" else line.wavefronts for line in unread)


def decisive(step: StepReport) -> str:
    """The bound that lines are judged by: what limits the kernel, or what comes next where that is latency, which
    nothing counts by line.
    """
    bounds = {name: us for name, us in step.details.get("bounds_us", {}).items() if name != "latency" and us > 0}
    limiter = kernel_limiter(step)
    if limiter != "latency" or not bounds:
        return limiter
    return max(bounds, key=lambda name: bounds[name])


def heat_measure(limiter: str) -> str:
    """What a line is hot by: the counts that make this bound as long as it is."""
    if limiter in BY_WAVEFRONTS:
        return "wavefronts"
    return "sectors" if limiter in BY_SECTORS else "warp instructions"


def heat(line: LineTotals, limiter: str) -> tuple[int, int]:
    """How hot the line is, for comparing; of equal heat, more instructions are hotter."""
    value = {"wavefronts": line.wavefronts, "sectors": line.sectors, "warp instructions": line.warp_instructions}
    return value[heat_measure(limiter)], line.warp_instructions


def hottest(lines: Sequence[LineTotals], limiter: str, count: int) -> list[LineTotals]:
    """The lines that cause most of what the launch is bound by, worst first."""
    return sorted(lines, key=lambda line: (*(-part for part in heat(line, limiter)), line.file, line.line))[:count]
