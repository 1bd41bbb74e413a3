"""The joints. Each is a small Protocol with a twin for tests (null or scripted) and one conformance suite.

A part imports this file, `types`, `errors` and `settings` (and `kernelevo.kernel`, what a kernel file says), never
another part. `run.py` joins them. Those of the self-improving loop are in learning_interfaces.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from socket import socket as Socket
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from kernelevo.defences import Defences
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Turn
from kernelevo.measurement import CallFailure, CallTime, Card, CardState, Ceilings, Side, TimedCall
from kernelevo.types import (
    Attempt,
    Budget,
    BuildFailure,
    BuildRequest,
    Candidate,
    Capability,
    Dim3,
    Fault,
    How,
    Image,
    Job,
    MachineCode,
    RunRecord,
    RunReport,
    Status,
    Verdict,
)

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Wall(Protocol):
    """Runs untrusted work in a jailed child. Suite: tests/conformance/wall.py.

    `call` sends a request to a fresh child and returns its answer. A child that is killed by a limit, or dies, is an
    answer (`WallAnswer.ended`); a wall that does not hold or a worker that breaks the protocol raises SandboxBroken.
    """

    def call(self, request: WallRequest, budget: Budget) -> WallAnswer: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class WallRequest:
    """One errand for a jailed child: "compile" or "run", its arguments, and blobs passed by shared memory."""

    kind: str
    head: bytes
    blobs: tuple[bytes | memoryview, ...] = ()
    answer_bytes: int = 1 << 20


@dataclass(frozen=True)
class WallAnswer:
    """How the child ended: "done", "killed" (time, memory or CPU limit, see reason) or "died" (a crash of its own)."""

    ended: str
    reason: str
    head: bytes
    blobs: tuple[bytes, ...]


class Compiler(Protocol):
    """Candidate text -> Image, behind the wall. Suite: tests/conformance/compiler.py.

    A text that the compiler refuses is a BuildFailure (a value). A missing compiler raises NotInstalled when it is
    made.
    """

    name: str
    version: str

    def target(self, arch: str) -> str:
        """The architecture that code for a device of `arch` is compiled for: `arch` itself, or an older one."""
        ...

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure: ...


class Disassembler(Protocol):
    """Reads the machine code of an image, behind the wall. Suite: tests/disassembler/.

    None where there is nothing to be read: no line of the PTX is known to belong to an instruction, the file is not
    understood, or the limits of its own were not enough. A missing program raises NotInstalled when it is made.
    """

    source: str

    def read(self, image: Image) -> MachineCode | None: ...


class Device(Protocol):
    """Runs built kernels. Suite: tests/conformance/device.py.

    `run` executes the jobs of one image in order, each in fresh memory, and stops at the first that does not end well
    (its report is the last one returned). Faults of the program are values; a lost device raises Infrastructure.

    What a device says it is capable of, it does whenever a job asks for it: `Job.order` other than 0 runs threads in
    another order ("order"), `track_uninitialised` finds values that nobody wrote ("uninitialised"), `check_races`
    accesses that nothing orders ("races"), and `max_faults` above 1 lets a launch report several ("many faults"). It
    ignores what it is not capable of. Verdicts claim no check beyond that.
    """

    name: str
    how: How
    arch: str
    properties: Mapping[str, int]
    capabilities: frozenset[Capability]
    band: float
    """Two times whose ratio is under 1 + band are not told apart (modelled: the model's own; measured: the noise)."""
    calibration: str
    """What modelled times rest on: "not calibrated", or card and date; "" where they are measured."""

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class DriverLaunch:
    """One launch as a driver takes it: the symbol, sizes, and the kernel's parameter block, packed as PTX declares."""

    kernel: str
    grid: Dim3
    block: Dim3
    shared_bytes: int
    parameters: bytes
    cooperative: bool = False
    cluster: Dim3 = (1, 1, 1)


@dataclass(frozen=True)
class DriverClear:
    """Sets `bytes` bytes at an address to zero, in order with launches."""

    address: int
    bytes: int


class Driver(Protocol):
    """One context on one card, and one image in it; no more than measuring needs. Suite: tests/conformance/driver.py.

    Operations happen in the order of the calls; `load` comes before all but `card`, and once. Addresses are device
    addresses, aligned to 256 bytes. Memory keeps what was written until it is freed; so do device globals of the image,
    from one call to the next. A fault of the program is a CallFailure (a value); after a sticky one every further call
    is one, too, and other operations than `call` and `close` raise Infrastructure. So does a driver that fails for
    other reasons, or that is used wrongly.
    """

    name: str
    how: How

    def card(self) -> Card: ...

    def load(self, image: Image) -> None:
        """Loads the cubin (or the PTX, where the driver executes that); raises Infrastructure for another card's."""
        ...

    def allocate(self, size: int) -> int: ...

    def free(self, address: int) -> None: ...

    def write(self, address: int, data: bytes | memoryview) -> None: ...

    def fill(self, address: int, size: int, pattern: int) -> None:
        """Repeats a 32-bit pattern, little-endian, from `address` on; a last part of it may be cut off."""
        ...

    def read(self, address: int, size: int) -> bytes: ...

    def stage(self, data: bytes | memoryview) -> int:
        """Keeps content where writing it is cheap, for `write_staged`; answers its number, which is never used twice.
        The process that drives the card holds it, so that what is written is not to be believed more than that.
        """
        ...

    def write_staged(self, address: int, number: int) -> None: ...

    def unstage(self, number: int) -> None: ...

    def fingerprint(self, address: int, size: int, key: int) -> int:
        """64 bits of the bytes there under a 64-bit key, computed on the card (kernelevo/devices/fingerprints.py)."""
        ...

    def reset_l2(self) -> None:
        """Gives up lines of L2 that were kept by a persisting access policy, and sets the space for them to zero."""
        ...

    def call(self, steps: Sequence[DriverLaunch | DriverClear]) -> CallTime | CallFailure:
        """Event, the steps, event, and waits for the second one."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class ProgramCall:
    """A program in Python, and a call of the function that it defines: `arguments` (arrays, texts in lists, numbers) in
    their order, then the seed. What it returns has to be an array of floats of this shape.
    """

    text: str
    function: str
    arguments: Sequence[Any]
    seed: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ProgramFailure:
    """What became of a call that gave no array, by the program's own fault; `words` may be the program's."""

    status: Status
    words: str


class ProgramRunner(Protocol):
    """Calls programs that somebody wrote, each behind the wall in a process of its own (kernelevo/sandbox_programs.py).
    Suite: tests/conformance/programs.py.

    `version` changes whenever the same call may come out otherwise, as far as this package decides that.
    """

    version: str

    def call(self, call: ProgramCall) -> Any:
        """A finite float64 array of the call's shape, or a ProgramFailure. Raises Infrastructure, NotInstalled."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class JailOrder:
    """A program to be kept behind the wall until it is killed. It starts with an empty environment but for
    `environment`, reads `readable`, opens, reads, writes and controls `devices`, and may start `threads`; files that do
    not exist are passed over. Descriptor 3 is its end of a stream socket. `data_bytes` bound its memory (0: no bound).
    """

    words: tuple[str, ...]
    readable: tuple[str, ...]
    devices: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    threads: int = 0
    data_bytes: int = 0


class JailedProcess(Protocol):
    """A program that a JailOrder has started (kernelevo/sandbox_session.py)."""

    socket: Socket

    def ids(self) -> frozenset[int]:
        """The process ids of everything in it, as this machine sees them."""
        ...

    def said(self) -> str:
        """What came on its standard error since the last call, as one line; hostile text made visible."""
        ...

    def kill(self) -> None:
        """Ends it and everything it started; may be called again."""
        ...


class CardWatch(Protocol):
    """Tells the state of a card, outside the process that drives it. Suite: tests/conformance/card_watch.py."""

    source: str

    def state(self, ours: frozenset[int]) -> CardState:
        """The state now; `ours` are the ids of processes that are not counted as others."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class CallReport:
    """What became of one call of a session. `ended` and `fault` are as in RunReport; only a call that is "done" has a
    `sample`. `outputs` are the bytes of buffers to be read back that may change. The rest names buffers: those that had
    to stay as they were and did not (`changed`), beside which something wrote (`outside`), whose bytes were not the
    same at once and when they were read, or later (`unsettled`).
    """

    ended: Literal["done", "fault", "budget", "killed"]
    outputs: Mapping[str, bytes]
    sample: TimedCall | None = None
    changed: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    fault: Fault | None = None
    reason: str = ""


@dataclass(frozen=True)
class Agreement:
    """Whether the card's events and the judge's own clock tell the same story, and the figures, in words. Not `told`:
    the clocks are too noisy for that, so that they neither agree nor disagree.
    """

    agree: bool
    words: str
    told: bool = True


class MeasuringSession(Protocol):
    """Calls of a candidate, and of the start beside it, on one card that nobody else of ours uses meanwhile."""

    card: Card
    watch: str
    """Who tells the card's state."""

    def call(self, side: Side, case: str, job: Job, constant: frozenset[str], move: bool) -> CallReport:
        """One call of `job` between two events. Buffers with data hold it, the others the job's poison; `constant` ones
        must not change. With `move` the buffers are at other addresses than in the last call of this case, where there
        was one; without, at the same. A failure that is not the program's doing raises Infrastructure.
        """
        ...

    def agreement(self) -> Agreement:
        """Of all calls of the candidate so far."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class MeasuringDevice(Device, Protocol):
    """A device whose calls are timed one by one, each checked. Suite: tests/measuring/.

    `open_session` starts a fresh process for each side; the budget is that of one call, and of all of them together.
    """

    ceilings: Ceilings

    def open_session(
        self, candidate: Image, start: Image | None, budget: Budget, defences: Defences
    ) -> MeasuringSession: ...


class Evaluator(Protocol):
    """Judges one candidate: its faults come back, ours are raised. Suite: tests/conformance/evaluator.py."""

    def evaluate(self, candidate: Candidate, budget: Budget) -> Verdict: ...


class Proposer(Protocol):
    """Writes the next candidates from what was tried; never evaluates. Suite: tests/conformance/proposer.py.

    `propose` returns at most `limit` candidates, none of which is in `tried` (ids); an empty list means nothing is
    left. It must be a pure function of its arguments; one that asks a model, of these and of what the run's record
    holds: what was paid for is never asked for again.
    """

    name: str

    def propose(self, parent: Attempt, tried: frozenset[str], limit: int) -> list[Candidate]: ...


class Model(Protocol):
    """Samples text. Suite: tests/conformance/model.py.

    `sample` gives at least one reply and at most `n`, whose usages and costs add up to those of the call. What may go
    wrong with a reply (cut off, withheld, no text, a prompt beyond the context) is a value, its `stop`; only COMPLETE,
    LENGTH and CUT_OFF ones have text. Text never holds half of a surrogate pair. A key or name that is refused raises
    BadInput; a server that fails, or answers nonsense, Infrastructure, after some patience. `seconds` bounds the whole
    call, waiting between attempts included.

    `capabilities` says what else it can do. What it cannot raises BadInput when it is asked for; log-probabilities that
    it cannot give are left out (`Reply.tokens` is None).
    """

    name: str
    capabilities: Capabilities

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]: ...

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens of the prompt, counted by the model itself."""
        ...

    def load_adapter(self, adapter: Adapter | None) -> None:
        """Samples with this adapter from now on, or (None) without; the one before is unloaded."""
        ...

    def close(self) -> None: ...


class Dialogue(Protocol):
    """A model, asked within a budget and on the record (kernelevo/models/recorded.py). Suite: tests/models/."""

    model: str

    def turns(self, about: str) -> list[Turn]:
        """What was asked of this attempt before, oldest first, from the record."""
        ...

    def ask(self, about: str, prompt: Prompt, n: int, settings: Sampling) -> Turn | None:
        """Asks for `n` replies, or fewer where the budget allows no more; None where it allows none. What comes back is
        in the record before this returns.
        """
        ...

    def note_reading(self, turn: int, outcomes: Sequence[str], candidates: Sequence[str]) -> None:
        """Records what each reply of a turn was found to hold, and the ids of the candidates that were made of them."""
        ...


class Store(Protocol):
    """The append-only record of one run. Suite: tests/conformance/store.py.

    What a method has returned from is durable: SIGKILL at any moment loses nothing of it. One writer at a time; a
    second one raises StoreConflict.
    """

    def begin(self, run: RunRecord) -> None: ...

    def propose(self, candidate: Candidate) -> None: ...

    def conclude(self, verdict: Verdict) -> None: ...

    def note(self, kind: str, payload: Mapping[str, Any]) -> None: ...

    def keep(self, text: str) -> str:
        """Keeps a text, once, under the hash that is returned; notes refer to large texts by it."""
        ...

    def kept(self, key: str) -> str:
        """The text that was kept under this hash; raises StoreConflict if there is none."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """What is written inside is durable when the block ends, all of it or (where it raises) none."""
        ...

    def run(self) -> RunRecord: ...

    def candidates(self) -> list[Candidate]: ...

    def attempts(self) -> list[Attempt]: ...

    def notes(self, kind: str) -> list[Mapping[str, Any]]: ...

    def close(self) -> None: ...


class Executor(Protocol):
    """Runs many evaluations. Suite: tests/conformance/executor.py.

    Yields (item, answer) in the order in which they finish; an exception of `work` is raised to the consumer.
    """

    workers: int

    def map(self, work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer]]: ...

    def close(self) -> None: ...


class Listener(Protocol):
    """Is told what happens while a run goes on (progress display, plain lines, nothing). It changes nothing."""

    def started(self, run: RunRecord, total: int) -> None: ...

    def concluded(self, attempt: Attempt, best: Attempt | None, evaluations: int) -> None: ...

    def finished(self, best: Attempt | None) -> None: ...
