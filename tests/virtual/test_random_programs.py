"""Random programs with nested branches, loops, breaks and returns: 64 threads together do what each would do alone.

The oracle executes the same instruction list one thread at a time, in Python. Registers must agree and, because an
instruction is counted once for each thread that executes it, so must the number of thread instructions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.virtual import LaunchReport, Machine, Module

THREADS, REGISTERS, DEPTH = 64, 4, 3
LOOP_LIMIT = 5
MASK = 0xFFFFFFFF
ARITHMETIC = {
    "add.u32": lambda a, b: a + b,
    "sub.u32": lambda a, b: a - b,
    "mul.lo.u32": lambda a, b: a * b,
    "xor.b32": lambda a, b: a ^ b,
    "shr.u32": lambda a, b: a >> min(b, 32),
}
COMPARE = {"lt": lambda a, b: a < b, "ne": lambda a, b: a != b, "ge": lambda a, b: a >= b}


@dataclass
class Listing:
    """Instructions as tuples (opcode, operands...) and where the labels stand."""

    code: list[tuple[object, ...]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def emit(self, *instruction: object) -> None:
        self.code.append(instruction)

    def new_label(self) -> str:
        label = f"L{len(self.labels)}"
        self.labels[label] = -1
        return label

    def place(self, label: str) -> None:
        self.labels[label] = len(self.code)


@st.composite
def programs(draw: st.DrawFn) -> Listing:
    listing = Listing()
    _block(draw, listing, DEPTH, [])
    listing.emit("end")
    return listing


def _block(draw: st.DrawFn, to: Listing, depth: int, loops: list[tuple[str, str]]) -> None:
    for _ in range(draw(st.integers(1, 4))):
        choices = ["arithmetic"] if depth == 0 else ["arithmetic", "if", "loop", "return"]
        choices += ["break", "continue"] if loops else []
        kind = draw(st.sampled_from(choices))
        if kind == "arithmetic":
            to.emit(draw(st.sampled_from(sorted(ARITHMETIC))), *_registers(draw, 3))
        elif kind == "if":
            _branch(draw, to, depth, loops)
        elif kind == "loop":
            _loop(draw, to, depth, loops)
        else:
            _jump_if(draw, to, {"return": "END", **_exits(loops)}[kind])


def _registers(draw: st.DrawFn, count: int) -> list[int]:
    return [draw(st.integers(0, REGISTERS - 1)) for _ in range(count)]


def _exits(loops: list[tuple[str, str]]) -> dict[str, str]:
    return {"continue": loops[-1][0], "break": loops[-1][1]} if loops else {}


def _jump_if(draw: st.DrawFn, to: Listing, label: str) -> None:
    to.emit("setp", draw(st.sampled_from(sorted(COMPARE))), *_registers(draw, 2))
    to.emit("bra", label, draw(st.booleans()))


def _branch(draw: st.DrawFn, to: Listing, depth: int, loops: list[tuple[str, str]]) -> None:
    otherwise, join = to.new_label(), to.new_label()
    _jump_if(draw, to, otherwise)
    _block(draw, to, depth - 1, loops)
    if draw(st.booleans()):
        to.emit("jump", join)
        to.place(otherwise)
        _block(draw, to, depth - 1, loops)
        to.place(join)
    else:
        to.place(otherwise)
        to.place(join)


def _loop(draw: st.DrawFn, to: Listing, depth: int, loops: list[tuple[str, str]]) -> None:
    """A loop whose trips depend on a register and are at most LOOP_LIMIT; its counter is a register of its own."""
    head, step, after = to.new_label(), to.new_label(), to.new_label()
    counter, limit = f"c{depth}", f"n{depth}"
    to.emit("mask", limit, *_registers(draw, 1))
    to.emit("zero", counter)
    to.place(head)
    _block(draw, to, depth - 1, [*loops, (step, after)])
    to.place(step)
    to.emit("step", counter, limit)
    to.emit("bra", head, False)
    to.place(after)


def _text(listing: Listing) -> str:
    at = {}
    for label, position in listing.labels.items():
        at.setdefault(position, []).append(label)
    lines = []
    for position, instruction in enumerate(listing.code):
        lines += [f"{label}:" for label in at.get(position, [])]
        lines.append(_spelled(instruction))
    counters = " ".join(f".reg .b32 c{depth}, n{depth};" for depth in range(1, DEPTH + 1))
    return HEAD + f"  {counters}\n" + "\n".join(lines) + TAIL


def _spelled(instruction: tuple[object, ...]) -> str:
    match instruction:
        case ("end",):
            return "  bra.uni END;"
        case ("setp", compare, a, b):
            return f"  setp.{compare}.u32 p, r{a}, r{b};"
        case ("bra", label, negated):
            return f"  @{'!' if negated else ''}p bra {label};"
        case ("jump", label):
            return f"  bra.uni {label};"
        case ("mask", limit, a):
            return f"  rem.u32 {limit}, r{a}, {LOOP_LIMIT};"
        case ("zero", counter):
            return f"  mov.u32 {counter}, 0;"
        case ("step", counter, limit):
            return f"  add.u32 {counter}, {counter}, 1; setp.lt.u32 p, {counter}, {limit};"
        case (opcode, d, a, b):
            return f"  {opcode} r{d}, r{a}, r{b};"
    raise AssertionError(instruction)


HEAD = """.version 8.0
.target sm_80
.address_size 64
.visible .entry program(.param .u64 out)
{
  .reg .pred p;
  .reg .b32 r<4>;
  .reg .b32 thread;
  .reg .b64 base, address;
  mov.u32 thread, %tid.x;
  mov.u32 r0, thread;
  and.b32 r1, thread, 3;
  shr.u32 r2, thread, 4;
  mov.u32 r3, 7;
"""
HEAD_INSTRUCTIONS = 5
TAIL = """
END:
  ld.param.u64 base, [out];
  mad.wide.u32 address, thread, 16, base;
  st.global.v4.u32 [address], {r0, r1, r2, r3};
  ret;
}
"""
TAIL_INSTRUCTIONS = 4


def _alone(listing: Listing, thread: int) -> tuple[list[int], int]:
    """Registers of one thread at the end and the number of instructions it executed."""
    registers = [thread, thread & 3, thread >> 4, 7]
    names: dict[object, int] = {}
    p, position, executed = False, 0, HEAD_INSTRUCTIONS + TAIL_INSTRUCTIONS
    while True:
        instruction = listing.code[position]
        executed += 2 if instruction[0] == "step" else 1
        position += 1
        match instruction:
            case ("end",):
                return registers, executed
            case ("setp", compare, a, b):
                p = COMPARE[compare](registers[a], registers[b])
            case ("bra", label, negated):
                if p != negated:
                    if label == "END":
                        return registers, executed
                    position = listing.labels[label]
            case ("jump", label):
                position = listing.labels[label]
            case ("mask", limit, a):
                names[limit] = registers[a] % LOOP_LIMIT
            case ("zero", counter):
                names[counter] = 0
            case ("step", counter, limit):
                names[counter] += 1
                p = names[counter] < names[limit]
            case (opcode, d, a, b):
                registers[d] = ARITHMETIC[opcode](registers[a], registers[b]) & MASK


def _together(listing: Listing) -> tuple[list[list[int]], LaunchReport]:
    with Machine(Module(_text(listing)), memory_bytes=1 << 20) as machine:
        out = machine.empty((THREADS, REGISTERS), np.uint32)
        report = machine.launch("program", grid=1, block=THREADS, args=[out], budget=10**6)
        assert report.faults == (), report.faults
        return out.numpy().tolist(), report


@settings(max_examples=150, deadline=None)
@given(programs())
def test_threads_together_do_what_each_does_alone(listing: Listing) -> None:
    got, report = _together(listing)
    alone = [_alone(listing, thread) for thread in range(THREADS)]
    assert got == [registers for registers, _ in alone]
    assert report.counts["thread_instructions"] == sum(executed for _, executed in alone)


def test_a_divergent_loop_runs_as_often_as_its_longest_lane_and_no_oftener() -> None:
    listing = Listing()
    listing.labels = {"AGAIN": 2}
    listing.code = [
        ("mask", "n1", 0),
        ("zero", "c1"),
        ("add.u32", 3, 3, 1),
        ("step", "c1", "n1"),
        ("bra", "AGAIN", False),
        ("end",),
    ]
    _, report = _together(listing)
    longest = LOOP_LIMIT - 1
    in_a_warp = HEAD_INSTRUCTIONS + 2 + 4 * longest + 1 + TAIL_INSTRUCTIONS
    assert report.counts["warp_instructions"] == 2 * in_a_warp
