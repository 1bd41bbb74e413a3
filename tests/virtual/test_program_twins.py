"""Random programs: the machine, in every Watch mode, does bit for bit what each thread does alone in the plain twin.

Registers, shared, local and global memory, sums by atomics and the number of thread instructions are compared. A
failing program is shrunk and printed as PTX.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import plain_twin
import pytest
from hypothesis import HealthCheck, given, note, settings
from program_drawing import programs
from program_forms import FORMS
from programs import (
    BOX_AT,
    LINES,
    LOCAL_AT,
    OWN_BYTES,
    REGISTERS,
    ROW_BYTES,
    SUMS,
    TALLY_AT,
    Access,
    Accumulate,
    Barrier,
    Compute,
    Guard,
    Instruction,
    Leave,
    Program,
    Shuffle,
)

from kernelevo.virtual import LaunchReport, Machine, Module

MODES: dict[str, dict[str, int]] = {
    "counters": {},
    "nothing": {"counters": False},
    "tracking": {"track_uninitialised": True},
    "going on": {"max_faults": 100},
    "going on, tracking": {"max_faults": 100, "track_uninitialised": True},
    "profile": {"caches": True, "scoreboard": True, "lines": True},
    "races": {"check_races": True},
}
OFFERED: dict[str, dict[str, int]] = {"threads": {"threads": 2}, "plain": {"plain": True}, "order": {"order": 7}}
for name, options in OFFERED.items():
    if name in inspect.signature(Machine.launch).parameters:
        MODES |= {name: options, f"{name}, tracking": {**options, "track_uninitialised": True}}


@dataclass(frozen=True)
class Result:
    report: LaunchReport
    out: bytes
    own: bytes
    lines: bytes
    sums: list[int]


def _launch(program: Program, module: Module, memory: tuple[bytes, bytes, bytes], mode: dict[str, int]) -> Result:
    init, own, lines = (np.frombuffer(data, np.uint8) for data in memory)
    with Machine(module, memory_bytes=1 << 22) as machine:
        out, sums = machine.array(np.zeros(len(init), np.uint8)), machine.array(np.zeros(SUMS, np.uint32))
        arrays = [machine.array(init), machine.array(own), machine.array(lines), sums, out]
        report = machine.launch("program", grid=program.grid, block=program.block, args=arrays, budget=10**6, **mode)
        return Result(report, *(array.numpy().tobytes() for array in (out, *arrays[1:3])), sums.numpy().tolist())


def _place(at: int) -> str:
    thread, offset = divmod(at, ROW_BYTES)
    if offset < 8 * len(REGISTERS):
        return f"{REGISTERS[offset // 8]} of thread {thread}"
    start, name = max(
        (at, name) for at, name in ((BOX_AT, "box"), (LOCAL_AT, "local"), (TALLY_AT, "tally")) if at <= offset
    )
    return f"byte {offset - start} of the {name} of thread {thread}"


def _differences(got: bytes, expected: bytes) -> list[str]:
    unequal = [at for at in range(len(expected)) if got[at] != expected[at]]
    return [_place(at) for at in unequal[:5]]


def assert_agrees(program: Program) -> None:
    """The machine in every mode against the twin, and all modes' counts against each other."""
    init = plain_twin.initial_rows(program)
    rng = np.random.default_rng(program.seed)
    memory = (init, rng.bytes(program.threads * OWN_BYTES), rng.bytes(program.threads * LINES * 4))
    twin, module = plain_twin.execute(program, *memory), Module(program.text())
    counts = None
    for mode, options in MODES.items():
        result = _launch(program, module, memory, options)
        if getattr(result.report, "needs_one_thread", False):
            continue  # the order of blocks decides, says the machine; such a launch counts for nothing
        assert result.report.faults == (), (mode, result.report.faults)
        assert _differences(result.out, bytes(twin.out)) == [], mode
        assert (result.own, result.lines, result.sums) == (bytes(twin.own), bytes(twin.lines), twin.sums), mode
        if options.get("counters", True):
            of_blocks = ("block_pipe_", "block_instructions_", "block_replays_", "block_issue_", "block_slots.")
            modelled = ("l1_", "l2_", "dram_", "chain_", *of_blocks)
            plain = {key: value for key, value in result.report.counts.items() if not key.startswith(modelled)}
            counts = counts or plain
            assert plain == counts, mode
            assert plain["thread_instructions"] == twin.thread_instructions, mode


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_the_machine_does_what_each_thread_does_alone(program: Program) -> None:
    note(repr(program))
    assert_agrees(program)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(statements=60))
def test_the_machine_does_what_each_thread_does_alone_in_long_programs(program: Program) -> None:
    note(repr(program))
    assert_agrees(program)


ONCE_WRONG: dict[str, list[Instruction]] = {
    "a narrow load under a guard": [Access(False, "box", "s16", ("r0",), "r0", Guard("p0", False))],
    "some leave before a barrier": [Leave("p0", "L1"), Barrier("sync")],
}


@pytest.mark.parametrize("body", ONCE_WRONG.values(), ids=list(ONCE_WRONG))
def test_what_was_wrong_once_stays_right(body: list[Instruction]) -> None:
    assert_agrees(Program(body=body))


class Misspelt(Program):
    """Its PTX does something else than its list."""

    replaced: ClassVar[tuple[str, str]]

    def text(self) -> str:
        old, new = self.replaced
        assert old in super().text()
        return super().text().replace(old, new)


def _add() -> Compute:
    (form,) = [form for form in FORMS if form.text.startswith("add.u32")]
    return Compute(form, ("r0",), ("r1", "r2"), Guard("p0", False))


WRONG: dict[str, tuple[Instruction, str, str]] = {
    "another value": (_add(), "add.u32 r0, r1, r2", "sub.u32 r0, r1, r2"),
    "another guard": (_add(), "@p0 add", "@p1 add"),
    "another address": (Access(True, "local", "b32", ("r0",), 4), "localbase+4", "localbase+8"),
    "another lane": (Shuffle("down", "r0", "r1", 1, "m0"), "r1, 1, 31, m0", "r1, 2, 31, m0"),
    "another sum": (Accumulate("sums", 1, "r0", False), "red.global.xor.b32", "red.global.or.b32"),
    "one more instruction": (_add(), "@p0 add", "mov.u32 t0, 0; @p0 add"),
}


@pytest.mark.parametrize(("instruction", "old", "new"), WRONG.values(), ids=list(WRONG))
def test_a_machine_that_did_something_else_would_be_noticed(instruction: Instruction, old: str, new: str) -> None:
    program = Misspelt(body=[instruction])
    program.replaced = (old, new)
    with pytest.raises(AssertionError, match=r"counters|thread_instructions"):
        assert_agrees(program)
