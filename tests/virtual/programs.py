"""Random PTX programs as lists of instructions: what each instruction is, and how it is spelled.

A program runs with one-dimensional blocks. Each thread has registers r0-r5 (b32), d0-d3 (b64), h0-h2 (b16), f0-f3
(f32), g0-g2 (f64), p0-p2 (pred), filled from the array `init`, and 64 bytes of its own in each of shared (`box`), local
and global memory; global memory also holds 16 words for each thread, word by word (`lines`). All may read the constant
and global `table`. Sums that commute go to `sums` (global) and `tally` (shared). At the end each thread stores all it
has in its row of `out`. The masks m0, m1, ... name the lanes of the warp that are together at each depth of nesting.

The plain twin (plain_twin.py) executes these lists, one thread at a time; program_drawing.py draws them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from program_forms import Form

COUNTS = {"r": 6, "d": 4, "h": 3, "f": 4, "g": 3, "p": 3}
OWN_BYTES, TABLE_WORDS, SUMS, LINES = 64, 64, 6, 16
REGISTERS = [f"{file}{number}" for file, count in COUNTS.items() for number in range(count)]
# A row of `init` and of `out`: eight bytes for each register, then the memories and the shared sums.
BOX_AT = -(-8 * len(REGISTERS) // 16) * 16
LOCAL_AT, TALLY_AT = BOX_AT + OWN_BYTES, BOX_AT + 2 * OWN_BYTES
ROW_BYTES = TALLY_AT + -(-4 * SUMS // 16) * 16
DEPTH = 4  # masks, loop counters and limits exist for so many levels
FULL = 0xFFFFFFFF
SUM_OPERATIONS = ("add.u32", "xor.b32", "or.b32", "and.b32", "min.s32", "max.u32")
# Types of loads and stores: the registers they fill, wider ones by zeros or by the sign, and their bytes.
WIDTHS = {
    "u8": ("r", 1),
    "s16": ("r", 2),
    "u16": ("d", 2),
    "s32": ("d", 4),
    "b32": ("r", 4),
    "f32": ("f", 4),
    "b64": ("d", 8),
    "f64": ("g", 8),
}


@dataclass(frozen=True)
class Guard:
    predicate: str
    negated: bool

    def __str__(self) -> str:
        return f"@{'!' if self.negated else ''}{self.predicate} "


@dataclass(frozen=True)
class Compute:
    """A form on registers, under a guard or not."""

    form: Form
    results: tuple[str, ...]
    sources: tuple[str, ...]
    guard: Guard | None = None


@dataclass(frozen=True)
class Label:
    name: str


@dataclass(frozen=True)
class Jump:
    target: str
    guard: Guard | None = None


@dataclass(frozen=True)
class Set:
    """A named register gets a number, another register's value, or that modulo 4."""

    name: str
    value: int | str
    modulo: bool = False


@dataclass(frozen=True)
class Step:
    """A loop's counter is raised, and the scratch predicate q says whether it is below the limit."""

    counter: str
    limit: str
    raises: bool = True


@dataclass(frozen=True)
class Access:
    """A load or store of own memory: box, local, global, generic or lines. `index` is a register or a number."""

    stores: bool
    space: str
    width: str
    registers: tuple[str, ...]
    index: str | int
    guard: Guard | None = None


@dataclass(frozen=True)
class Lookup:
    """Reads the table, in constant or global space."""

    space: str
    result: str
    index: str | int


@dataclass(frozen=True)
class Accumulate:
    """A red or atom whose result nobody uses: sum number `which`, in `sums` or `tally`."""

    space: str
    which: int
    source: str
    returns: bool
    guard: Guard | None = None


@dataclass(frozen=True)
class OwnAtomic:
    """An atomic on own memory with its old value: add, exch, min or cas."""

    space: str
    operation: str
    result: str
    sources: tuple[str, ...]
    guard: Guard | None = None


@dataclass(frozen=True)
class Shuffle:
    """shfl.sync among the lanes of a mask; where the source is not one of them, the lane keeps its own value."""

    mode: str
    result: str
    source: str
    by: str | int
    mask: str


@dataclass(frozen=True)
class Collective:
    """vote, match or redux over a mask."""

    operation: str
    result: str
    source: str
    mask: str


@dataclass(frozen=True)
class Narrow:
    """The lanes of mask `outer` for which `predicate` holds become mask `inner`; with `swap`, those of `outer` only."""

    inner: str
    outer: str
    predicate: str = "q"
    swap: bool = False


@dataclass(frozen=True)
class Barrier:
    """bar.sync, or bar.red of a predicate into a register or a predicate."""

    operation: str
    result: str = ""
    source: str = ""


@dataclass(frozen=True)
class Exchange:
    """Barrier, a word from another thread's box, barrier."""

    result: str
    by: int
    word: int


@dataclass(frozen=True)
class Leave:
    """The lanes for which the predicate holds store what they have and end; the others take them from their mask.

    They run to their end on a path of their own: at a place that all paths reach they would wait for the others.
    """

    predicate: str
    stay: str


@dataclass(frozen=True)
class Call:
    """result = functions[which](a, b); through the address of one of two functions if `other` is given."""

    which: int
    result: str
    a: str
    b: str
    other: int | None = None
    chooser: str = ""


@dataclass(frozen=True)
class ReturnIf:
    """In a function: the lanes for which the predicate holds return the register."""

    predicate: str
    value: str


Instruction = (
    Compute | Label | Jump | Set | Step | Access | Lookup | Accumulate | OwnAtomic | Shuffle | Collective | Narrow
    | Barrier | Exchange | Leave | Call | ReturnIf
)  # fmt: skip


@dataclass
class Program:
    """`body` is the entry's; each function is a list whose result is r0. The repr is the PTX, for failing examples."""

    body: list[Instruction] = field(default_factory=list)
    functions: list[list[Instruction]] = field(default_factory=list)
    block: int = 40
    grid: int = 1
    seed: int = 0

    @property
    def threads(self) -> int:
        return self.block * self.grid

    def __repr__(self) -> str:
        return f"grid={self.grid} block={self.block} seed={self.seed}\n{self.text()}"

    def text(self) -> str:
        # Imported late: spelling knows every instruction above.
        from program_spelling import module

        return module(self)
