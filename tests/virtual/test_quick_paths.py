"""Quick paths and their plain twins: the same memory, the same counts by line and the same faults.

Requests are drawn as the quick paths see them (two rows of 16 lanes with one step) and with one lane out of its row,
in global, shared and generic space and every element size, inside allocations, over their ends and misaligned; shuffles
with one distance for all lanes and with one lane that asks for another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.virtual import LaunchReport, Machine, Module

SETTINGS: dict[str, dict[str, int]] = {
    "nothing": {"counters": False},
    "counters": {"lines": True},
    "profile": {"lines": True, "caches": True, "scoreboard": True},
    "uninitialised": {"lines": True, "track_uninitialised": True},
    "going on": {"lines": True, "max_faults": 100},
    "going on, uninitialised": {"lines": True, "max_faults": 100, "track_uninitialised": True},
    "races": {"lines": True, "check_races": True, "max_faults": 100},
}
BYTES = 8192
STEPS = [0, 1, 2, 4, 8, 12, 16, 20, 32, 36, 64, 128, -4, -16, -32, 1 << 30, -(1 << 31)]
ELEMENTS = {"u8": 1, "s16": 2, "b32": 4, "b64": 8}
Words = np.ndarray[Any, np.dtype[np.uint32]]

# Shared memory is filled with data[], then the drawn request reads or writes it; `results` gets what was read. The
# request runs twice, first at one good address: a quick path begins once an operation has met its allocation.
REQUEST = """
.version 7.0
.target sm_80
.address_size 64
.visible .entry request(.param .u64 offsets, .param .u64 data, .param .u64 results) {{
  .reg .b32 %lane, %i, %o, %round, %last, %w<4>; .reg .b64 %at, %d, %r, %wide, %x<4>; .reg .b16 %h<4>; .reg .pred %more;
  .shared .align 16 .b8 tile[8192];
  ld.param.u64 %at, [offsets];
  ld.param.u64 %d, [data];
  ld.param.u64 %r, [results];
  mov.u32 %lane, %tid.x;
  mul.wide.u32 %wide, %lane, 4;
  add.s64 %at, %at, %wide;
  ld.global.u32 %o, [%at];
  mov.u32 %i, %lane;
FILL:
  mul.wide.u32 %wide, %i, 4;
  add.s64 %at, %d, %wide;
  ld.global.u32 %w0, [%at];
  mov.u32 %w1, tile;
  mad.lo.u32 %w1, %i, 4, %w1;
  st.shared.u32 [%w1], %w0;
  add.u32 %i, %i, 32;
  setp.lt.u32 %more, %i, 2048;
  @%more bra FILL;
  bar.sync 0;
  mul.wide.u32 %wide, %lane, 32;
  add.s64 %r, %r, %wide;
  mov.u32 %last, %o;
  mov.u32 %o, 0;
  mov.u32 %round, 0;
REQUEST:
  cvt.s64.s32 %wide, %o;
  mov.u32 %i, tile;
  add.u32 %o, %o, %i;
  add.s64 %at, %d, %wide;
{body}
  mov.u32 %o, %last;
  add.u32 %round, %round, 1;
  setp.lt.u32 %more, %round, 2;
  @%more bra REQUEST;
  ret;
}}
"""
PARTS = {1: "", 2: ".v2", 4: ".v4"}


def _request(space: str, element: str, parts: int, stores: bool) -> Module:
    size = ELEMENTS[element]
    prefix = {1: "%h", 2: "%h", 4: "%w", 8: "%x"}[size]
    registers = [f"{prefix}{i}" for i in range(parts)]
    operand = registers[0] if parts == 1 else "{" + ", ".join(registers) + "}"
    address = "%o+16" if space == "shared" else "%at+16"
    kind = element.replace("s", "u") if stores else element
    opcode = f"{space}{PARTS[parts]}.{kind}".removeprefix("generic.").replace("generic.v", "v")
    if stores:
        lines = [f"  ld.shared.b{size * 8} {each}, [tile+{64 + i * 8}];" for i, each in enumerate(registers)]
        lines.append(f"  st.{opcode} [{address}], {operand};")
        lines.append(f"  ld.shared.b32 %w3, [tile+{BYTES - 4}];\n  st.global.b32 [%r], %w3;")
    else:
        lines = [f"  ld.{opcode} {operand}, [{address}];"]
        lines += [f"  st.global.b{size * 8} [%r+{i * 8}], {each};" for i, each in enumerate(registers)]
    return Module(REQUEST.format(body="\n".join(lines)))


@st.composite
def offsets(draw: st.DrawFn, size: int) -> Words:
    """Byte offsets of 32 lanes: two rows with one step, often at an edge; sometimes one lane leaves its row.

    The program adds 16; `size` is what each lane accesses.
    """
    step = draw(st.sampled_from(STEPS))
    apart = draw(
        st.sampled_from([16 * step, 16 * step, 0, 4, 64, 128, 256]) | st.integers(-64, 64).map(lambda i: i * 16)
    )
    lanes = np.array([lane // 16 * apart + lane % 16 * step for lane in range(32)], np.int64)
    where = draw(st.sampled_from(["start", "end", "inside", "inside"]))
    if where == "start":
        lanes += draw(st.sampled_from([-16, -8, -4, -2, 0])) - 16 - lanes.min()
    elif where == "end":
        lanes += BYTES + draw(st.sampled_from([-8, -4, -1, 0, 2, 4, 8])) - 16 - size - lanes.max()
    else:
        lanes += draw(st.integers(0, 128)) * 16 - lanes.min()
    if draw(st.integers(0, 3)) == 0:
        lanes[draw(st.integers(0, 31))] += draw(st.sampled_from([1, 4, 16, 4096]))
    return lanes.astype(np.uint32)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, int, Words]:
    """An element, how many of them a lane accesses, and the lanes' offsets."""
    element, parts = draw(st.sampled_from(list(ELEMENTS))), draw(st.sampled_from([1, 1, 2, 4]))
    parts = min(parts, 16 // ELEMENTS[element])
    return element, parts, draw(offsets(parts * ELEMENTS[element]))


def _launch(module: Module, setting: str, plain: bool, threads: int, *inputs: Words) -> tuple[LaunchReport, bytes]:
    with Machine(module, 1 << 22) as machine:
        arrays = [machine.array(each) for each in inputs]
        results = machine.empty((256,), np.uint32)
        name = module.kernels[0].name
        args = [*arrays, results]
        report = machine.launch(name, grid=1, block=threads, args=args, budget=10_000, plain=plain, **SETTINGS[setting])
        return report, b"".join(array.numpy().tobytes() for array in args)


def _assert_twins(module: Module, threads: int, *inputs: Words) -> LaunchReport:
    for setting in SETTINGS:
        quick, quick_memory = _launch(module, setting, False, threads, *inputs)
        plain, plain_memory = _launch(module, setting, True, threads, *inputs)
        assert quick == plain, setting
        assert quick_memory == plain_memory, setting
    return quick


@pytest.mark.parametrize("space", ["global", "shared", "generic"])
@pytest.mark.parametrize("stores", [False, True], ids=["load", "store"])
@settings(max_examples=80, deadline=None)
@given(drawn=requests(), full=st.sampled_from([True, True, False]))
def test_a_request_of_rows_is_the_same_without_quick_paths(
    space: str, stores: bool, drawn: tuple[str, int, Words], full: bool
) -> None:
    element, parts, lanes = drawn
    data = np.arange(BYTES // 4, dtype=np.uint64) * 2654435761 % 4294967291
    _assert_twins(_request(space, element, parts, stores), 32 if full else 29, lanes, data.astype(np.uint32))


def test_requests_are_drawn_that_succeed_and_that_fail() -> None:
    data = np.arange(BYTES // 4, dtype=np.uint32)
    inside = np.arange(32, dtype=np.uint32) * 4
    module = _request("global", "b32", 1, False)
    assert not _assert_twins(module, 32, inside, data).faults
    edge = inside + BYTES - 16 - 128
    assert not _assert_twins(module, 32, edge, data).faults
    assert _assert_twins(module, 32, edge + 4, data).faults[0].kind == "out_of_bounds"
    assert _assert_twins(module, 32, inside + 2, data).faults[0].kind == "misaligned"


SHUFFLE = """
.version 7.0
.target sm_80
.address_size 64
.visible .entry shuffle(.param .u64 asked, .param .u64 results) {{
  .reg .b32 %lane, %a, %b, %c, %m, %d, %f; .reg .b64 %at, %r, %wide; .reg .pred %p;
  ld.param.u64 %at, [asked];
  ld.param.u64 %r, [results];
  mov.u32 %lane, %tid.x;
  mul.wide.u32 %wide, %lane, 16;
  add.s64 %at, %at, %wide;
  ld.global.v4.u32 {{%a, %b, %c, %m}}, [%at];
  shfl.sync.{mode}.b32 %d|%p, %a, %b, %c, %m;
  selp.b32 %f, 1, 0, %p;
  mul.wide.u32 %wide, %lane, 8;
  add.s64 %r, %r, %wide;
  st.global.v2.u32 [%r], {{%d, %f}};
  ret;
}}
"""


@pytest.mark.parametrize("mode", ["up", "down", "bfly", "idx"])
@settings(max_examples=80, deadline=None)
@given(
    distance=st.integers(0, 40),
    clamp=st.sampled_from([0, 0x1F, 0x101F, 0x181F, 0x1C1F, 0x1E00, 0x0A0B, 0x1807]),
    odd_one=st.none() | st.tuples(st.integers(0, 31), st.integers(1, 3)),
    full=st.booleans(),
)
def test_a_shuffle_with_one_distance_is_the_same_without_quick_paths(
    mode: str, distance: int, clamp: int, odd_one: tuple[int, int] | None, full: bool
) -> None:
    asked = np.zeros((32, 4), np.uint32)
    asked[:, 0] = np.arange(32) * 0x01010101
    asked[:, 1:] = distance, clamp, 0xFFFFFFFF
    if odd_one:
        asked[odd_one] ^= 5
    _assert_twins(Module(SHUFFLE.format(mode=mode)), 32 if full else 23, asked)
