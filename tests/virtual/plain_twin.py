"""The plain twin: executes a random program one thread at a time, in Python, sharing no code with the machine.

Each thread is a generator that runs until it needs others: a shuffle, vote, match, redux, ballot or barrier. It then
yields what it brings, and goes on with the answer when every lane of its mask, or every thread of its block that has
not ended, has brought its part. There are no warps executing together here, no divergence and no reconvergence.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from program_forms import FILES, signed
from program_spelling import (
    FUNCTION_END,
    TABLE,
    constant,
    epilogue,
    function_prologue,
    instructions,
    prologue,
    spell,
    tallies,
)
from programs import (
    BOX_AT,
    LINES,
    LOCAL_AT,
    OWN_BYTES,
    REGISTERS,
    ROW_BYTES,
    SUM_OPERATIONS,
    SUMS,
    TABLE_WORDS,
    TALLY_AT,
    WIDTHS,
    Access,
    Accumulate,
    Barrier,
    Call,
    Collective,
    Compute,
    Exchange,
    Guard,
    Instruction,
    Jump,
    Label,
    Leave,
    Lookup,
    Narrow,
    OwnAtomic,
    Program,
    ReturnIf,
    Set,
    Shuffle,
    Step,
)

STEP_LIMIT = 20_000  # instructions of one thread: a program that the drawing bounds needs far fewer
FULL = 0xFFFFFFFF
Registers = dict[str, int]
SUM_MEANINGS: dict[str, Callable[[int, int], int]] = {
    "add.u32": lambda a, b: a + b,
    "xor.b32": lambda a, b: a ^ b,
    "or.b32": lambda a, b: a | b,
    "and.b32": lambda a, b: a & b,
    "min.s32": lambda a, b: min(signed(a), signed(b)),
    "max.u32": max,
}


@dataclass(frozen=True)
class Meeting:
    """What a thread brings when it must wait: `lanes` is a mask of its warp, or None for the block."""

    at: int  # the instruction's place in the program
    lanes: int | None
    kind: str
    value: int
    extra: int = 0


@dataclass
class Outcome:
    """What the machine must show: the arrays, and how many instructions all threads executed."""

    out: bytearray
    own: bytearray
    lines: bytearray
    sums: list[int]
    thread_instructions: int


Talk = Generator[Meeting, Any, None]


class Block:
    """The threads of one block and what they share."""

    def __init__(self, program: Program, number: int, outcome: Outcome, init: bytes):
        self.program, self.number, self.outcome = program, number, outcome
        self.boxes = bytearray(OWN_BYTES * program.block)
        self.tally = [17 * index for index in range(SUMS)]
        self.threads = [Thread(self, lane, init) for lane in range(program.block)]
        self.labels = [_labels(code) for code in (program.body, *program.functions)]
        self.costs = [[_cost(one) for one in code] for code in (program.body, *program.functions)]

    def run(self) -> None:
        """Lets threads talk until all have ended; a meeting happens when all that it names have come."""
        waiting: dict[int, Meeting] = {}
        talks = {thread.number: thread.run() for thread in self.threads}
        answers: dict[int, Any] = dict.fromkeys(talks)
        while talks:
            for number, answer in answers.items():
                try:
                    waiting[number] = talks[number].send(answer)
                except StopIteration:
                    del talks[number]
                    waiting.pop(number, None)
            answers = self._meet(waiting, set(talks))
            assert answers or not talks, f"the threads wait for one another: {waiting}"
            for number in answers:
                del waiting[number]

    def _meet(self, waiting: dict[int, Meeting], alive: set[int]) -> dict[int, Any]:
        answers: dict[int, Any] = {}
        for number, meeting in waiting.items():
            if number in answers:
                continue
            members = sorted(alive) if meeting.lanes is None else _members(number, meeting.lanes)
            here = [waiting.get(member) for member in members]
            if all(one is not None and (one.at, one.lanes) == (meeting.at, meeting.lanes) for one in here):
                answers.update(zip(members, _answers(members, here), strict=True))
        return answers


def _members(number: int, lanes: int) -> list[int]:
    return [number // 32 * 32 + lane for lane in range(32) if lanes >> lane & 1]


def _answers(members: list[int], meetings: list[Meeting]) -> list[int]:
    """What each member gets; all bring the same kind."""
    kind = meetings[0].kind
    brought = dict(zip((member % 32 for member in members), meetings, strict=True))
    values = [meeting.value for meeting in meetings]
    if kind in ("idx", "up", "down", "bfly"):
        return [_shuffled(kind, lane, meeting, brought) for lane, meeting in brought.items()]
    if kind.startswith("match.any"):
        return [sum(1 << lane for lane, one in brought.items() if one.value == value) for value in values]
    return [_of_all(kind, values, brought)] * len(members)


def _shuffled(mode: str, lane: int, meeting: Meeting, brought: dict[int, Meeting]) -> int:
    by = meeting.extra
    source = {"idx": by, "up": lane - by, "down": lane + by, "bfly": lane ^ by}[mode]
    return brought[source].value if source in brought else meeting.value


def _of_all(kind: str, values: list[int], brought: dict[int, Meeting]) -> int:
    operation = kind.removeprefix("redux.sync.").removeprefix("vote.sync.").removeprefix("bar.red.")
    match operation:
        case "sync":
            return 0
        case "ballot.b32":
            return sum(one.value << lane for lane, one in brought.items())
        case "popc.u32":
            return sum(values)
        case "any.pred" | "or.pred":
            return int(any(values))
        case "all.pred" | "and.pred":
            return int(all(values))
        case "uni.pred":
            return int(len(set(values)) == 1)
        case "add.s32":
            operation = "add.u32"
    return functools.reduce(SUM_MEANINGS[operation], values) & FULL


class Thread:
    """One thread: its registers, its memory, and where it is."""

    def __init__(self, block: Block, number: int, init: bytes):
        self.block, self.number = block, number
        self.everywhere = block.number * block.program.block + number
        row = init[self.everywhere * ROW_BYTES :][:ROW_BYTES]
        self.registers: Registers = {name: _initial(name, row[8 * place :]) for place, name in enumerate(REGISTERS)}
        warp = min(32, block.program.block - number // 32 * 32)
        self.registers |= {"m0": (1 << warp) - 1, "tid": number, "ntid": block.program.block}
        block.boxes[number * OWN_BYTES : (number + 1) * OWN_BYTES] = row[BOX_AT:LOCAL_AT]
        self.local = bytearray(row[LOCAL_AT : LOCAL_AT + OWN_BYTES])
        # Of an instruction under a guard, only the threads that execute it are counted: thread 0 fills the tally.
        self.executed = instructions(prologue()) - (SUMS if number else 0)
        self.left = False

    def run(self) -> Talk:
        yield from self._code(0, self.block.program.body, self.registers)
        if not self.left:
            yield self._meeting(-1, None, "sync", 0)
            self._count(instructions(tallies()))
            start = self.everywhere * ROW_BYTES + TALLY_AT
            self.block.outcome.out[start : start + 4 * SUMS] = struct.pack(f"<{SUMS}I", *self.block.tally)
        self._store_everything()

    def _store_everything(self) -> None:
        self._count(instructions(epilogue()))
        out, start = self.block.outcome.out, self.everywhere * ROW_BYTES
        for place, name in enumerate(REGISTERS):
            size = _stored_bytes(name)
            out[start + 8 * place : start + 8 * place + size] = self.registers[name].to_bytes(size, "little")
        box = self.block.boxes[self.number * OWN_BYTES :][:OWN_BYTES]
        out[start + BOX_AT : start + TALLY_AT] = box + self.local
        self.block.outcome.thread_instructions += self.executed

    def _code(self, which: int, code: list[Instruction], names: Registers) -> Talk:
        """Executes the entry (0) or a function (1 and up) to its end; `names` holds its registers."""
        at = 0
        while at < len(code):
            instruction = code[at]
            self._count(_executed(code[at], self.block.costs[which][at], names))
            at += 1
            match instruction:
                case Label():
                    pass
                case Jump(target, guard):
                    at = self.block.labels[which][target] if _holds(guard, names) else at
                case ReturnIf(predicate, value):
                    if names[predicate]:
                        names["r0"] = names[value]
                        return
                case Leave(predicate, _):
                    ballot = yield self._meeting(at, names["m0"], "vote.sync.ballot.b32", names[predicate])
                    if names[predicate]:
                        self.left = True
                        return
                    names["m0"] ^= ballot
                    self._count(1)
                case Call():
                    yield from self._call(instruction, names)
                case Shuffle() | Collective() | Narrow() | Barrier() | Exchange():
                    yield from self._together(at, instruction, names)
                case _:
                    self._alone(instruction, names)
        if which:
            self._count(instructions(FUNCTION_END))

    def _count(self, executed: int) -> None:
        self.executed += executed
        assert self.executed < STEP_LIMIT, "the program does not end"

    def _meeting(self, at: int, lanes: int | None, kind: str, value: int, extra: int = 0) -> Meeting:
        return Meeting(at, lanes, kind, value, extra)

    def _call(self, call: Call, names: Registers) -> Talk:
        which = call.which if call.other is None or names[call.chooser] else call.other
        inner = {name: constant(name) for name in REGISTERS}
        inner |= {"p0": 0, "p1": 1, "p2": 0, "r0": names[call.a], "d0": names[call.b]}
        self._count(instructions(function_prologue()))
        yield from self._code(1 + which, self.block.program.functions[which], inner)
        names[call.result] = inner["r0"]

    def _together(self, at: int, instruction: Instruction, names: Registers) -> Talk:
        match instruction:
            case Shuffle(mode, result, source, by, mask):
                distance = by if isinstance(by, int) else names[by] & 31
                names[result] = yield self._meeting(at, names[mask], mode, names[source], distance)
            case Collective(operation, result, source, mask):
                names[result] = yield self._meeting(at, names[mask], operation, names[source])
            case Narrow(inner, outer, _, True):
                names[inner] ^= names[outer]
            case Narrow(inner, outer, predicate):
                names[inner] = yield self._meeting(at, names[outer], "vote.sync.ballot.b32", names[predicate])
            case Barrier("sync"):
                yield self._meeting(at, None, "sync", 0)
            case Barrier(operation, result, source):
                names[result] = yield self._meeting(at, None, f"bar.red.{operation}", names[source])
            case Exchange(result, by, word):
                yield self._meeting(at, None, "sync", 0)
                other = (self.number + by) % self.block.program.block * OWN_BYTES + 4 * word
                names[result] = int.from_bytes(self.block.boxes[other : other + 4], "little")
                yield self._meeting(at, None, "sync", 0)

    def _alone(self, instruction: Instruction, names: Registers) -> None:
        match instruction:
            case Compute(form, results, sources, guard):
                if _holds(guard, names):
                    names.update(zip(results, form.value(*(names[name] for name in sources)), strict=True))
            case Set(name, value, modulo):
                number = value if isinstance(value, int) else names[value]
                names[name] = number & 3 if modulo else number
            case Step(counter, limit, raises):
                names[counter] += raises
                names["q"] = int(names[counter] < names[limit])
            case Lookup(_, result, index):
                number = index if isinstance(index, int) else names[index]
                names[result] = TABLE[number % TABLE_WORDS]
            case _ if _holds(instruction.guard, names):
                self._memory(instruction, names)

    def _memory(self, instruction: Instruction, names: Registers) -> None:
        match instruction:
            case Access():
                self._access(instruction, names)
            case Accumulate(space, which, source, _):
                sums = self.block.outcome.sums if space == "sums" else self.block.tally
                sums[which] = SUM_MEANINGS[SUM_OPERATIONS[which]](sums[which], names[source]) & FULL
            case OwnAtomic(space, operation, result, sources):
                memory, start = self._own(space)
                old = int.from_bytes(memory[start + 8 : start + 12], "little")
                new = _updated(operation, old, [names[source] for source in sources])
                memory[start + 8 : start + 12] = new.to_bytes(4, "little")
                names[result] = old
            case _:
                raise AssertionError(instruction)

    def _own(self, space: str) -> tuple[bytearray, int]:
        """The bytes that hold this thread's memory, and where it starts."""
        if space == "local":
            return self.local, 0
        if space == "global":
            return self.block.outcome.own, self.everywhere * OWN_BYTES
        return self.block.boxes, self.number * OWN_BYTES

    def _access(self, access: Access, names: Registers) -> None:
        size = WIDTHS[access.width][1]
        index = access.index if isinstance(access.index, int) else names[access.index]
        if access.space == "lines":
            memory = self.block.outcome.lines
            start = (index % LINES * self.block.program.threads + self.everywhere) * 4
        else:
            memory, start = self._own(access.space)
            whole = size * len(access.registers)
            start += index & OWN_BYTES - whole & -whole
        for place, register in enumerate(access.registers):
            at = start + size * place
            if access.stores:
                memory[at : at + size] = (names[register] & (1 << 8 * size) - 1).to_bytes(size, "little")
            else:
                value = int.from_bytes(memory[at : at + size], "little", signed=access.width[0] == "s")
                names[register] = value & (1 << FILES[register[0]][0]) - 1


def _updated(operation: str, old: int, sources: list[int]) -> int:
    match operation:
        case "add":
            return old + sources[0] & FULL
        case "exch":
            return sources[0]
        case "min":
            return min(signed(old), signed(sources[0])) & FULL
        case "cas":
            return sources[1] if old == sources[0] else old
    raise AssertionError(operation)


def _executed(instruction: Instruction, cost: int, names: Registers) -> int:
    """How many of its instructions a thread counts: of those under a guard only branches and returns without it."""
    if isinstance(instruction, ReturnIf):
        return 1 + names[instruction.predicate]
    if isinstance(instruction, Jump) or _holds(getattr(instruction, "guard", None), names):
        return cost
    return 0


def _holds(guard: Guard | None, names: Registers) -> bool:
    return guard is None or bool(names[guard.predicate]) != guard.negated


def _stored_bytes(register: str) -> int:
    return {"p": 4, "h": 2, "r": 4, "f": 4, "d": 8, "g": 8}[register[0]]


def _initial(register: str, data: bytes) -> int:
    value = int.from_bytes(data[: _stored_bytes(register)], "little")
    return value >> 31 if register[0] == "p" else value


def _cost(instruction: Instruction) -> int:
    """How many instructions a thread executes for it; those that leave execute the last one not, but the epilogue."""
    return 2 if isinstance(instruction, Leave) else instructions(spell(instruction))


def _labels(code: list[Instruction]) -> dict[str, int]:
    return {one.name: place for place, one in enumerate(code) if isinstance(one, Label)}


def initial_rows(program: Program) -> bytes:
    """Registers and memories at the start: a mixture of small numbers, patterns of floats and noise."""
    rng = np.random.default_rng(program.seed)
    words = rng.integers(0, 2**32, program.threads * ROW_BYTES // 4, np.uint64)
    special = np.array([0, 1, 2, 3, 0xFFFFFFFF, 0x80000000, 0x3F800000, 0xBFC00000, 0x7F800000, 0x40490FDB], np.uint64)
    chosen = rng.integers(0, 3, len(words))
    words = np.where(chosen == 0, special[rng.integers(0, len(special), len(words))], words)
    words = np.where(chosen == 1, words >> 24, words)
    return words.astype(np.uint32).tobytes()


def execute(program: Program, init: bytes, own: bytes, lines: bytes) -> Outcome:
    threads = program.threads
    outcome = Outcome(bytearray(threads * ROW_BYTES), bytearray(own), bytearray(lines), [0] * SUMS, 0)
    for number in range(program.grid):
        Block(program, number, outcome, init).run()
    return outcome
