"""What the JSON members of a bundle say. Times are in microseconds where a name ends in `_us`; hashes are SHA-256 in
hexadecimal digits; every figure stands beside its device and how it was got.
"""

from __future__ import annotations

from typing import Literal

from kernelevo.evidence.canonical import Document

How = Literal["measured", "modelled"]
Sizes = tuple[int, int, int]


class Claim(Document):
    """`claim.json`: what is claimed. "faster": than the start, by `ratio`; "passes": all checks, at `score_us`.

    `band` is the device's: times whose ratio is under 1 + band are not told apart. `ratio_when_chosen` is by the
    judgement that the best was chosen by, before it was judged anew.
    """

    kind: Literal["faster", "passes"]
    words: str
    task: str
    device: str
    how: How
    band: float
    score_us: float
    start_us: float | None
    ratio: float | None
    ratio_when_chosen: float | None


class Asked(Document):
    """What the user asked for; a stranger needs it to do the same. `kernel` is the name of the start's file."""

    kernel: str
    compiler: str
    driver: str
    cases: list[str]
    include_folders: list[str]
    defines: dict[str, str]
    standard: str | None


class Origin(Document):
    """`origin.json`: where the claim comes from. Hashes are those of the run's record; `adapter` of a learned
    proposer's weights, null while there is none. `run` is null for a single verdict.
    """

    run: str | None
    command: str
    started: str
    kernelevo: str
    versions: dict[str, str]
    device: str
    how: How
    calibration: str
    properties: dict[str, int]
    harness: str | None
    adapter: str | None
    notes: list[str]
    asked: Asked


class Argument(Document):
    """One argument of the problem: a tensor (`shape` as expressions over dimensions) or a scalar (`value`)."""

    name: str
    dtype: str
    role: Literal["in", "out", "inout", "scalar"]
    shape: list[str]
    aligned: int
    value: int | float | None


class CaseSizes(Document):
    name: str
    dims: dict[str, int]
    weight: float


class Declaration(Document):
    """`problem/declaration.json`: what the problem file declares, so that it need not be executed to be read. `sha256`
    is the file's; `oracle` the hash, and `oracle_name` the file name, of a kernel that stands in for a reference.
    """

    name: str
    file_name: str
    sha256: str
    language: str
    suffix: str
    arguments: list[Argument]
    benchmarks: list[CaseSizes]
    tests: list[CaseSizes]
    compute_dtype: str
    tolerance: str | None
    oracle: str | None
    oracle_name: str | None


class Launch(Document):
    """One step of the plan on one case; a clear has no sizes (`grid` is null) and names its buffer."""

    kernel: str
    grid: Sizes | None
    block: Sizes | None
    shared_bytes: int
    arguments: list[str]


class Kernel(Document):
    """What the compiler said of one kernel."""

    name: str
    symbol: str
    registers: int
    spill_bytes: int
    static_shared_bytes: int
    dynamic_shared_bytes: int
    local_bytes: int


class Compiled(Document):
    """Compiled code by its hashes; the PTX itself is a member beside."""

    arch: str
    compiler: str
    key: str
    ptx_sha256: str
    cubin_sha256: str
    kernels: list[Kernel]


class CheckMade(Document):
    name: str
    passed: bool
    detail: str


class Step(Document):
    kernel: str
    time_us: float | None
    limiter: str
    counts: dict[str, int]


class CaseFigures(Document):
    """One benchmark case: its time, exact counts summed over the steps, and the largest error in tolerances."""

    name: str
    time_us: float
    limiter: str
    error_ratio: float
    counts: dict[str, int]
    steps: list[Step]


class Trial(Document):
    """One trial: which case and distribution, and hashes of the bytes that went in and came out."""

    case: str
    index: int
    timed: bool
    offset: bool
    repeat: bool
    error_ratio: float
    inputs: dict[str, str]
    outputs: dict[str, str]


class Interval(Document):
    """A median with the interval that holds the true one with this confidence."""

    value: float
    low: float
    high: float
    confidence: float
    samples: int


class State(Document):
    """The card around one call; null: not to be learned there. MHz, degrees Celsius, watts."""

    sm_mhz: int | None
    memory_mhz: int | None
    celsius: int | None
    watts: float | None
    throttled: list[str] | None
    others: list[int] | None
    ecc_errors: int | None


class Call(Document):
    """One raw sample: side, case, order within the session, three clocks, and whether figures rest on it (`fresh`: on
    content that no call had before), unless the card was not well.
    """

    side: Literal["candidate", "start"]
    case: str
    order: int
    event_us: float
    host_us: float
    outer_us: float
    fresh: bool
    state: State | None


class MeasuredCase(Document):
    """The figure of one case, and the orders of the calls, and of the blocks A B B A, that it was worked out from."""

    case: str
    us: Interval
    ratio: Interval | None
    floor_us: float | None
    left_out: int
    calls: list[int]
    blocks: list[tuple[int, int, int, int]]


class CardSeen(Document):
    name: str
    uuid: str
    arch: str
    properties: dict[str, int]
    versions: dict[str, str]


class Measured(Document):
    """What figures rest on where calls were timed one by one."""

    cases: list[MeasuredCase]
    samples: list[Call]
    card: CardSeen
    watch: str
    notes: list[str]


class Judgement(Document):
    """`SIDE/judgement.json`: one verdict, as judged, and what was judged. `seed` is that of the generator that drew
    everything, in hexadecimal digits; `launches` are the steps of the plan by case; `macros` the tuned values and
    defines as the plan's expressions see them.
    """

    candidate: str
    text_sha256: str
    defines: dict[str, int]
    proposer: str
    moves: list[str]
    device: str
    how: How
    status: str
    feedback: str
    score_us: float
    checks: list[CheckMade]
    remarks: list[str]
    not_checked: list[str]
    cases: list[CaseFigures]
    seed: str | None
    mode: str | None
    trials: list[Trial]
    measured: Measured | None
    compiled: Compiled | None
    macros: dict[str, int]
    launches: dict[str, list[Launch]]
    seconds: float
