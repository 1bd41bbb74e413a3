"""What a diagnosis is made of: one launch with all that is known of it, and what is known of the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from kernelevo.answer import Floor
from kernelevo.diagnosis.bounds import kernel_limiter
from kernelevo.diagnosis.lines import LineTotals, line_totals
from kernelevo.diagnosis.strides import lane_steps, special_sizes
from kernelevo.types import CaseResult, StepReport, Verdict

MAY_MATTER = 0.3
"""Share of the time that is assumed of what no bound is known for."""
BlocksPerSm = Callable[[int, int, int], int]


@dataclass(frozen=True)
class Card:
    """What is known of a GPU. Rates are of the whole chip: bytes, FLOP (a fused multiply-add is two) and warp
    instructions per microsecond, by "L1", "shared memory", "L2" and "DRAM", and by "FP32", "FP64", "FP16" and "tensor".

    `blocks_per_sm(threads, registers, shared_bytes)` is how many blocks of that size an SM holds; 0: not even one.
    """

    title: str
    sms: int
    warps_per_sm: int
    launch_us: float
    bytes_per_us: Mapping[str, float]
    flop_per_us: Mapping[str, float]
    instructions_per_us: float
    blocks_per_sm: BlocksPerSm


@dataclass(frozen=True)
class Resources:
    """What one launch takes: registers of a thread, bytes of shared memory of a block, bytes that a thread spills."""

    registers: int
    shared_bytes: int
    spill_bytes: int


@dataclass(frozen=True)
class Subject:
    """One launch (or clearing) of a case. `name` is the kernel as the plan spells it; `arguments` the values of its
    parameters in order, None for a buffer; `least_bytes` what any kernel must move in one call of the case, 0 if that
    is not known. `buffer_bytes` are those of all buffers that it is given (0: not known); it is `warm` if an earlier
    step of the plan was given one of them, so that L2 may hold parts of it. `tile` is how many elements the largest
    tile of a Triton program holds at most, 0 if that is not known. What is not known is None, and nothing is said of
    it.
    """

    step: StepReport
    name: str
    file: str
    dims: Mapping[str, int] = field(default_factory=dict)
    resources: Resources | None = None
    arguments: tuple[int | float | None, ...] = ()
    card: Card | None = None
    least_bytes: int = 0
    buffer_bytes: int = 0
    warm: bool = False
    tile: int = 0

    @cached_property
    def by_line(self) -> list[LineTotals]:
        """Counts by source line, in order of file and line."""
        return line_totals(self.step.lines)

    @cached_property
    def lane_steps(self) -> Mapping[int, int]:
        """Bytes between the addresses of neighbouring lanes by PTX line, where they can be told."""
        sizes = special_sizes(self.block, self.step.details.get("grid", ()))
        return lane_steps(self.step.lines, self.arguments, sizes)

    @property
    def counts(self) -> Mapping[str, int]:
        return self.step.counts

    @property
    def bounds_us(self) -> Mapping[str, float]:
        found: Mapping[str, float] = self.step.details.get("bounds_us", {})
        return found

    @property
    def block(self) -> tuple[int, ...]:
        return tuple(self.step.details.get("block", ()))

    @cached_property
    def spilled(self) -> LineTotals | None:
        """What spilling costs, which belongs to no line of the source: the sectors of local memory that are charged for
        it. None where nothing is spilled.
        """
        sectors = self.step.details.get("spill_sectors", 0)
        if not sectors and not (self.resources and self.resources.spill_bytes):
            return None
        return LineTotals("", 0, (), sectors=sectors, least_sectors=sectors)

    @property
    def threads(self) -> int:
        """Of a block; 0 if the device does not say."""
        product = 1 if self.block else 0
        for extent in self.block:
            product *= extent
        return product

    @property
    def warps(self) -> int:
        """Of a block."""
        return -(-self.threads // 32)

    @property
    def kernel_limiter(self) -> str:
        """What bounds the kernel itself, whatever launching takes."""
        return kernel_limiter(self.step)

    @property
    def kernel_share(self) -> float:
        """Share of the time that is not launching; 1 where that is not known."""
        longest, time = max(self.bounds_us.values(), default=0.0), self.step.time
        return min(1.0, longest / time.microseconds) if longest and time and time.microseconds else 1.0

    def share_of_time(self, *names: str) -> float:
        """The longest of these bounds as a share of the longest of all (`kernel_share` says what launching leaves).
        Where the device gives none, what it says to limit the launch counts in full, and anything else may matter.
        """
        longest = max(self.bounds_us.values(), default=0.0)
        if not longest:
            return 1.0 if self.kernel_limiter in names else MAY_MATTER
        return max((self.bounds_us.get(name, 0.0) for name in names), default=0.0) / longest


@dataclass(frozen=True)
class Profile:
    """One kernel file with its verdict and the subjects of each case, as a report shows them. `file` is as the user
    wrote it; `made` says what all comes from: versions, hashes, the card, as label and value.
    """

    file: str
    text: str
    verdict: Verdict
    floors: Mapping[str, Floor]
    subjects: Mapping[str, Sequence[Subject]]
    band: float
    made: Mapping[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """Of the text, as a compiler counts them."""
        return [line.rstrip("\r") for line in self.text.split("\n")]

    def case(self, name: str) -> CaseResult | None:
        return next((case for case in self.verdict.cases if case.name == name), None)
