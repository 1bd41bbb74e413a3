"""The nouns. Everything that passes between parts is one of these: frozen, and impossible to build wrong.

Plans and problems (what a kernel file says) are nouns of `kernelevo.kernel`; these are what all the rest sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from kernelevo.counting import counted
from kernelevo.fault import Diagnostic as Diagnostic
from kernelevo.fault import Fault as Fault
from kernelevo.fault import Party as Party
from kernelevo.fault import SourceLine as SourceLine
from kernelevo.measurement import Measurements
from kernelevo.provenance import Provenance as Provenance

How = Literal["measured", "modelled"]
Capability = Literal["order", "uninitialised", "races", "many faults"]
"""What of a Job a device may be able to do: another order of threads, tracking of bytes that nobody wrote, a search for
accesses that nothing orders, and going on after a fault.
"""


class Status(StrEnum):
    """What became of a candidate. Only PASSED has a score."""

    PASSED = "passed"
    WRONG = "wrong"
    TRAPPED = "trapped"
    RACE = "race"
    TIMEOUT = "timeout"
    BUILD_ERROR = "build_error"
    RULE_BROKEN = "rule_broken"
    DECOY = "decoy"
    IMPOSSIBLE = "impossible"
    CLOCKS_DISAGREE = "clocks_disagree"
    UNSUPPORTED = "unsupported"
    INCONCLUSIVE = "inconclusive"
    INFRA = "infra"

    @property
    def sentence(self) -> str:
        return _STATUS_SENTENCES[self]

    @property
    def blames_candidate(self) -> bool:
        """Whether the candidate did something wrong; what we or the device could not tell is not held against it."""
        return self not in (Status.PASSED, Status.INFRA, Status.UNSUPPORTED, Status.INCONCLUSIVE)


_STATUS_SENTENCES = {
    Status.PASSED: "Every check passed, and the figures are of the very calls that were checked.",
    Status.WRONG: "It ran to its end, but an output differs from the reference by more than the tolerance.",
    Status.TRAPPED: "It stopped at a fault: an access out of bounds or misaligned, a value never written, a trap.",
    Status.RACE: "Nothing orders accesses of its threads to the same bytes, or its outputs depend on the order.",
    Status.TIMEOUT: "It did not end within its budget of instructions or time.",
    Status.BUILD_ERROR: "The compiler refused it.",
    Status.RULE_BROKEN: "Its text or plan breaks a rule: a bad pragma, host code, a launch beyond the device's limits.",
    Status.DECOY: "A kernel of its plan does nothing: with it left out, every output is the same.",
    Status.IMPOSSIBLE: "It was timed below what the card can do: less than its least bytes and operations take.",
    Status.CLOCKS_DISAGREE: "The card's events and our own clock tell different times, so that neither is believed.",
    Status.UNSUPPORTED: "This device cannot execute it; the candidate is not wrong, and gets no score.",
    Status.INCONCLUSIVE: "The card was not quiet enough to tell: throttled, shared with others, or too noisy.",
    Status.INFRA: "We failed, not the candidate: nothing is learned from this verdict.",
}


_MICROSECONDS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True)
class Figure:
    """A number with its unit, the device it belongs to, and whether it was measured or modelled."""

    value: float
    unit: str
    device: str
    how: How

    def __post_init__(self) -> None:
        if not self.value >= 0:
            raise ValueError(f"a figure must be a non-negative number, not {self.value}")

    @property
    def microseconds(self) -> float:
        """The value in microseconds; raises ValueError if this is not a time."""
        if self.unit not in _MICROSECONDS:
            raise ValueError(f"{self} is not a time")
        return self.value * _MICROSECONDS[self.unit]

    def ratio(self, other: Figure) -> float:
        """self / other; raises ValueError unless unit, device and how agree: modelled never ranks against measured."""
        if (self.unit, self.device, self.how) != (other.unit, other.device, other.how):
            raise ValueError(f"{self} cannot be compared with {other}")
        return self.value / other.value

    def __str__(self) -> str:
        return f"{self.value:.4g} {self.unit} ({self.how}, {self.device})"


@dataclass(frozen=True)
class Budget:
    """What one evaluation may use; a limit really kills."""

    seconds: float
    memory_bytes: int
    warp_instructions: int

    def __post_init__(self) -> None:
        if not (self.seconds > 0 and self.memory_bytes > 0 and self.warp_instructions > 0):
            raise ValueError(f"every budget is positive, but this is {self}")
        if not (self.seconds <= 1e6 and self.memory_bytes < 1 << 62 and self.warp_instructions < 1 << 62):
            raise ValueError(f"a budget is at most 1e6 seconds, 2^62 bytes and 2^62 instructions, but this is {self}")


@dataclass(frozen=True)
class Candidate:
    """Program text to be judged, and where it came from. Its id is the hash of what is judged, not of who wrote it."""

    text: str
    defines: Mapping[str, int] = field(default_factory=dict)
    proposer: str = "user"
    parent: str | None = None
    moves: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any("\ud800" <= letter <= "\udfff" for letter in self.text):
            raise ValueError("the text holds half of a surrogate pair, which no file can; remove it")
        # Other names could make two candidates look the same: "A=1;B" set to 2, and A and B set to 1 and 2.
        if (wrong := next((name for name in self.defines if not name.isidentifier()), None)) is not None:
            raise ValueError(f"{wrong!a} can be no macro's name; give one of letters, digits and _")

    @property
    def id(self) -> str:
        defines = ";".join(f"{name}={value}" for name, value in sorted(self.defines.items()))
        return hashlib.sha256(f"{defines}\0{self.text}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Parameter:
    """One kernel parameter as PTX declares it: type like "u64", "f32", "b8"; size and place in the block in bytes."""

    type: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class KernelImage:
    """What the compiler says of one kernel. `name` is the symbol in the image; `spelled` how the plan writes it.

    `dynamic_shared_bytes` is what its compiler wants in each launch besides the plan's own; `scratch_bytes` holds, for
    each pointer to scratch that the compiler has added after the kernel's own parameters, the bytes that one block
    needs there (0: a null pointer will do).
    """

    name: str
    spelled: str
    parameters: tuple[Parameter, ...]
    registers: int
    spill_bytes: int
    static_shared_bytes: int
    local_bytes: int
    max_threads: int
    dynamic_shared_bytes: int = 0
    scratch_bytes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Image:
    """Compiled device code, content-addressed: PTX that the virtual GPU executes, and the cubin for exactly `arch`."""

    key: str
    arch: str
    ptx: str
    cubin: bytes
    kernels: tuple[KernelImage, ...]
    compiler: str
    diagnostics: tuple[Diagnostic, ...] = ()

    def kernel(self, spelled: str) -> KernelImage:
        """The kernel that the plan writes as `spelled`; raises KeyError with the names there are."""
        for kernel in self.kernels:
            if kernel.spelled == spelled:
                return kernel
        raise KeyError(f"no kernel {spelled}; there are {[kernel.spelled for kernel in self.kernels]}")


@dataclass(frozen=True)
class MachineInstruction:
    """One instruction of machine code: its opcode with modifiers ("LDS.128"), the line of the image's PTX that it
    stands for (0 where unknown), and the function that a call goes to.
    """

    opcode: str
    ptx_line: int
    target: str = ""


@dataclass(frozen=True)
class MachineCode:
    """What the assembler made of an image. `functions` are by symbol, `entries` the symbols that are kernels; `source`
    says who read it, with its version.
    """

    source: str
    functions: Mapping[str, tuple[MachineInstruction, ...]]
    entries: frozenset[str]


@dataclass(frozen=True)
class BuildRequest:
    """Candidate text on its way to a compiler. `names` are the kernels that the plan launches, as it spells them."""

    text: str
    file_name: str
    names: tuple[str, ...]
    arch: str
    defines: Mapping[str, int] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    include_folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildFailure:
    """The compiler refused the text: the candidate's fault, so a value."""

    diagnostics: tuple[Diagnostic, ...]


Dim3 = tuple[int, int, int]


@dataclass(frozen=True)
class Buffer:
    """Device memory of a job. With `data` it starts as these bytes; without, it is poisoned (uninitialised).

    `skew` bytes are added to the 256-byte aligned start. `read_back` asks for its bytes after the launches.
    """

    name: str
    bytes: int
    data: bytes | memoryview | None = None
    skew: int = 0
    read_back: bool = False

    def __post_init__(self) -> None:
        if self.data is not None and len(self.data) != self.bytes:
            raise ValueError(f"buffer {self.name} has {self.bytes} bytes but {counted(len(self.data), 'byte')} of data")


@dataclass(frozen=True)
class BufferArgument:
    """Passes the address of a buffer."""

    buffer: str


@dataclass(frozen=True)
class ScalarArgument:
    """Passes a number; it is converted to the type that the kernel declares."""

    value: int | float


@dataclass(frozen=True)
class Launch:
    """One launch, all sizes resolved. `kernel` is the symbol in the image."""

    kernel: str
    grid: Dim3
    block: Dim3
    shared_bytes: int
    arguments: tuple[BufferArgument | ScalarArgument, ...]
    cooperative: bool = False
    cluster: Dim3 = (1, 1, 1)


@dataclass(frozen=True)
class Clear:
    """Sets every byte of a buffer to zero, as a timed step of the plan."""

    buffer: str


@dataclass(frozen=True)
class Sample:
    """About how many blocks of a launch L1 and the scoreboard are modelled for, drawn by `seed`. With `only` the others
    do not run at all.
    """

    blocks: int
    seed: int
    only: bool = False


@dataclass(frozen=True)
class Job:
    """One run of a plan on one case: buffers made, steps in order, buffers read back. `order` is the seed of another
    order of threads than the usual one, where the device can choose it, or 0. `check_races` looks for accesses that
    nothing orders, `max_faults` is how many different faults a step may report before it stops. A profiled job with a
    `sample` is watched closely on some blocks only.
    """

    buffers: tuple[Buffer, ...]
    steps: tuple[Launch | Clear, ...]
    poison: int
    profile: bool
    track_uninitialised: bool
    order: int = 0
    check_races: bool = False
    max_faults: int = 1
    sample: Sample | None = None


@dataclass(frozen=True)
class LineCounts:
    """Counts of one PTX instruction (vgpu::LineCounts). `kind` is its class as in the counts' names, `slots` the
    machine instructions it is taken for; the merged ones are those of shared memory once neighbours are merged.
    """

    source: SourceLine
    ptx_line: int
    instruction: str
    warp_instructions: int
    thread_instructions: int
    requests: int
    sectors: int
    wavefronts: int
    divergent: int
    kind: str = ""
    slots: int = 0
    requests_merged: int = 0
    wavefronts_merged: int = 0


@dataclass(frozen=True)
class StepReport:
    """What one launch did. `counts` holds the exact integers of vgpu::Counts, classes as "warp.fp32" and the like.

    `time` is the launch's time on the device, `limiter` what bounds it (modelled; "launch" is launching itself) or ""
    (measured). Where it rests on a sample of blocks, details["sampled"] says so.
    """

    kernel: str
    counts: Mapping[str, int]
    lines: tuple[LineCounts, ...] = ()
    printed: str = ""
    time: Figure | None = None
    limiter: str = ""
    occupancy: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunReport:
    """What became of a Job. Without fault, `outputs` holds the bytes of every buffer to be read back.

    `ended` says how: "done", "fault" (see `fault`), "budget" (instructions), "killed" (time or memory, see `reason`).
    `faults` are all that its last step reported, `fault` the first of them (one of kind budget, which says where the
    run was stopped, is in `faults` alone); `remarks` what was suspicious in any step.
    """

    ended: Literal["done", "fault", "budget", "killed"]
    outputs: Mapping[str, bytes]
    steps: tuple[StepReport, ...]
    fault: Fault | None = None
    reason: str = ""
    faults: tuple[Fault, ...] = ()
    remarks: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if (self.ended == "fault") != (self.fault is not None):
            raise ValueError(f"a run that ended by {self.ended!r} with fault {self.fault}")

    @property
    def time(self) -> Figure | None:
        """Sum over the steps; None unless every step has a time."""
        times = [step.time for step in self.steps]
        if not times or any(time is None for time in times):
            return None
        first = times[0]
        return Figure(sum(time.value for time in times), first.unit, first.device, first.how)


@dataclass(frozen=True)
class CaseResult:
    """One case of a passed candidate: dimensions, time, counters (summed over the steps) and what bounds it."""

    name: str
    dims: Mapping[str, int]
    time: Figure
    counters: Mapping[str, int]
    limiter: str
    max_error_ratio: float
    steps: tuple[StepReport, ...] = ()


@dataclass(frozen=True)
class Check:
    """One check that was made, and how it ended; `passed` has no default."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Sanitizing:
    """What a search for faults covered: the cases that ran, in how many `runs` (one each of the candidate's whole
    plan), in how many orders of threads, what was looked for, and in words what was not. `left_out` counts findings
    beyond those that are kept.
    """

    cases: tuple[str, ...]
    runs: int
    orders: int
    looked_for: tuple[str, ...]
    not_checked: tuple[str, ...]
    left_out: int
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """The judgement of one candidate on one device. `score` is a time: smaller is better; only a passed one has it.

    `findings` are all errors that were found, `fault` the one that decided; `remarks` are suspicious and decide
    nothing. `sanitizing` says what was searched for them (None: no more than what stopped a run was looked for),
    `measurements` the samples that the figures rest on, where calls were timed one by one, `provenance` on which draws
    it rests (None: nothing was drawn, or it was not recorded).
    """

    candidate: str
    device: str
    status: Status
    feedback: str
    score: Figure | None = None
    cases: tuple[CaseResult, ...] = ()
    checks: tuple[Check, ...] = ()
    fault: Fault | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    image: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    findings: tuple[Fault, ...] = ()
    remarks: tuple[Fault, ...] = ()
    sanitizing: Sanitizing | None = None
    measurements: Measurements | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        if (self.status is Status.PASSED) != (self.score is not None):
            raise ValueError(f"{self.status} with score {self.score}: a passed verdict has one, and no other")
        if self.status is Status.PASSED and (not self.checks or not all(check.passed for check in self.checks)):
            raise ValueError("a passed verdict names its checks, and all of them passed")
        if self.status is Status.PASSED and self.findings:
            raise ValueError(f"a passed verdict has no findings, but this one has {len(self.findings)}")

    @property
    def provisional(self) -> bool:
        """Whether some time rests on a sample of blocks; such a verdict guides a search and is not what is reported."""
        return any("sampled" in step.details for case in self.cases for step in case.steps)


@dataclass(frozen=True)
class Attempt:
    """A candidate with its verdict: what proposers see of the past."""

    candidate: Candidate
    verdict: Verdict


@dataclass(frozen=True)
class RunRecord:
    """The head of a run: what was asked, on what, with which versions and hashes. Written first, never changed."""

    id: str
    command: str
    started: str
    device: str
    how: How
    task: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    hashes: Mapping[str, str]
