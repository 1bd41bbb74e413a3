"""Neighbouring loads and stores of shared memory that the assembler makes one access of, and those that it does not.

Each expectation is what ptxas 12.9 and 13.4 made of the same instructions, by nvdisasm. Both polarities count:
a merge that is missed and one that does not happen. The exact counts of the PTX stay what they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernelevo.virtual import LaunchReport, Machine, Module

# %a16, %a8, %a4: this thread's place in `tile`, aligned to so many bytes. Nothing else is known of %wild.
FRAME = """
.version 7.0
.target sm_80
.address_size 64
.extern .shared .align 4 .b8 dynamic[];
.visible .entry probe(.param .u64 out, .param .u32 n) {{
  .reg .b32 %lane, %n, %a<17>, %other, %wild, %moved, %by, %i, %w<9>; .reg .b64 %o, %x<5>; .reg .b16 %h<9>;
  .reg .f32 %f<3>; .reg .pred %p, %q;
  {before}.shared .align 4 .b8 tile[4096];
  .shared .align 4 .b8 second[4096];
  ld.param.u64 %o, [out];
  ld.param.u32 %n, [n];
  mov.u32 %lane, %tid.x;
  mov.u32 %moved, tile;
  mov.u32 %other, second;
  mad.lo.u32 %a16, %lane, 16, %moved;
  shl.b32 %by, %lane, 3;
  add.u32 %a8, %moved, %by;
  mad.lo.u32 %a4, %lane, 4, %moved;
  add.u32 %wild, %moved, %n;
  setp.ne.u32 %p, %n, 1;
  mov.f32 %f1, 0f40000000;
{body}
  ret;
}}
"""


def launch(body: str, before: str = "", **options: Any) -> LaunchReport:
    text = FRAME.format(body=body, before=before)
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        out = machine.array(np.zeros(1024, dtype=np.uint32))
        report = machine.launch(
            "probe", grid=(2,), block=(32,), args=[out, 0], shared_bytes=1024, budget=10**6, **options
        )
    assert not report.faults, report.faults
    return report


def loads(*accesses: tuple[str, int], space: str = "shared", kind: str = "u32") -> str:
    return "\n".join(f"  ld.{space}.{kind} %w{i}, [{base}+{at}];" for i, (base, at) in enumerate(accesses))


def stores(*accesses: tuple[str, int]) -> str:
    return "\n".join(f"  st.shared.u32 [{base}+{at}], %lane;" for base, at in accesses)


def requests(report: LaunchReport, what: str = "load") -> tuple[int, int]:
    """Requests of one warp: as the PTX has them, and merged."""
    exact, merged = (report.counts[f"shared_{what}_requests{suffix}"] for suffix in ("", "_merged"))
    assert exact % 2 == 0 and merged % 2 == 0, "two blocks do the same"
    return exact // 2, merged // 2


def at(base: str, *offsets: int) -> list[tuple[str, int]]:
    return [(base, offset) for offset in offsets]


MERGED_LOADS = [
    ("four in order", loads(*at("%a16", 0, 4, 8, 12)), 1),
    ("four in reverse", loads(*at("%a16", 12, 8, 4, 0)), 1),
    ("three of a window", loads(*at("%a16", 4, 8, 12)), 1),
    ("three with a gap", loads(*at("%a16", 0, 4, 12)), 1),
    ("two far ones of a window", loads(*at("%a16", 0, 12)), 2),
    ("two over the middle of a window", loads(*at("%a16", 4, 8)), 2),
    ("five", loads(*at("%a16", 0, 4, 8, 12, 16)), 2),
    ("six", loads(*at("%a16", 0, 4, 8, 12, 16, 20)), 2),
    ("over two windows", loads(*at("%a16", 8, 12, 16, 20)), 2),
    ("aligned to 8", loads(*at("%a8", 0, 4, 8, 12)), 2),
    ("aligned to 4", loads(*at("%a4", 0, 4, 8, 12)), 4),
    ("of no known alignment", loads(*at("%wild", 0, 4, 8, 12)), 4),
    ("at a variable", loads(*at("tile", 16, 20, 24, 28)), 1),
    ("at the ends of two variables", loads(*at("tile", 4088, 4092), *at("second", 0, 4)), 2),
    ("the same words twice", loads(*at("%a16", 0, 4, 0, 4)), 1),
    ("two vectors", "  ld.shared.v2.u32 {%w0, %w1}, [%a16];\n  ld.shared.v2.u32 {%w2, %w3}, [%a16+8];", 1),
    ("a vector and a word", "  ld.shared.v2.u32 {%w0, %w1}, [%a16];\n" + loads(("%a16", 8)), 1),
    ("words and a double word", loads(*at("%a16", 8, 12)) + "\n  ld.shared.u64 %x0, [%a16];", 2),
    ("two double words", "  ld.shared.u64 %x0, [%a16];\n  ld.shared.u64 %x1, [%a16+8];", 1),
    ("half words", "\n".join(f"  ld.shared.u16 %h{i}, [%a16+{2 * i}];" for i in range(8)), 2),
    ("two half words", "  ld.shared.u16 %h0, [%a16];\n  ld.shared.u16 %h1, [%a16+2];", 1),
    ("bytes", "\n".join(f"  ld.shared.u8 %h{i}, [%a16+{i}];" for i in range(4)), 4),
    ("volatile", loads(*at("%a16", 0, 4, 8, 12), space="volatile.shared"), 4),
    ("relaxed", loads(*at("%a16", 0, 4, 8, 12), space="relaxed.cta.shared"), 1),
    ("a base that is a sum", loads(*at("%a16", 0, 4)) + "\n  add.u32 %i, %a16, 8;\n" + loads(*at("%i", 0, 4)), 1),
    (
        "a base that is moved on",
        loads(*at("%a16", 0, 4)) + "\n  add.u32 %a16, %a16, 16;\n" + loads(*at("%a16", -8, -4)),
        1,
    ),
    (
        "a base that is another then",
        loads(*at("%a16", 0, 4)) + "\n  shl.b32 %a16, %n, 4;\n" + loads(*at("%a16", 8, 12)),
        2,
    ),
    (
        "dynamic shared memory",
        "  mov.u32 %w8, dynamic;\n  mad.lo.u32 %i, %lane, 16, %w8;\n" + loads(*at("%i", 0, 4, 8, 12)),
        1,
    ),
]


@pytest.mark.parametrize(("body", "merged"), [row[1:] for row in MERGED_LOADS], ids=[row[0] for row in MERGED_LOADS])
def test_loads(body: str, merged: int) -> None:
    assert requests(launch(body)) == (body.count("ld."), merged)


BETWEEN = [
    ("nothing that matters", "add.u32 %i, %lane, 1;", 1),
    ("a store to another variable", "st.shared.u32 [%other], %n;", 2),
    ("a store far from it", "st.shared.u32 [%a16+64], %n;", 2),
    ("a store to global memory", "st.global.u32 [%o], %n;", 1),
    ("a store to generic memory", "st.u32 [%o], %n;", 2),
    ("an atomic of shared memory", "atom.shared.add.u32 %i, [%other], 1;", 2),
    ("an atomic of global memory", "atom.global.add.u32 %i, [%o], 1;", 1),
    ("a barrier", "bar.sync 0;", 2),
    ("a barrier of the warp", "bar.warp.sync -1;", 2),
    ("a fence", "membar.cta;", 2),
    ("an asynchronous copy", "cp.async.ca.shared.global [%other], [%o], 4;\n  cp.async.wait_all;", 2),
    ("a shuffle", "shfl.sync.bfly.b32 %i, %lane, 1, 31, -1;", 1),
    ("a division that is a branch", "div.rn.f32 %f2, %f1, %f1;", 2),
    ("a division that is none", "div.full.f32 %f2, %f1, %f1;", 1),
    ("a branch", "@%p bra ON;\n  add.u32 %i, %lane, 1;\nON:", 2),
]


@pytest.mark.parametrize(("between", "merged"), [row[1:] for row in BETWEEN], ids=[row[0] for row in BETWEEN])
def test_what_lies_between_two_pairs_of_loads(between: str, merged: int) -> None:
    report = launch(f"{loads(*at('%a16', 0, 4))}\n  {between}\n{loads(*at('%a16', 8, 12))}")
    assert requests(report) == (4, merged)


def test_predicated_loads_stay_alone() -> None:
    text = "\n".join(f"  @%p ld.shared.u32 %w{i}, [%a16+{4 * i}];" for i in range(4))
    assert requests(launch(text)) == (4, 4)


def test_what_comes_before_a_variable_decides_its_alignment() -> None:
    used = "  st.shared.u32 [flag], %n;\n  bar.sync 0;\n"
    four = loads(*at("%a16", 0, 4, 8, 12))
    assert requests(launch(used + four, before=".shared .align 4 .b8 flag[16];\n  ")) == (4, 1)
    first = "  mov.u32 %i, flag;\n"
    frame = FRAME.replace("  mov.u32 %lane, %tid.x;\n", "  mov.u32 %lane, %tid.x;\n" + first)
    text = frame.format(body=used + four, before=".shared .align 4 .b8 flag[4];\n  ")
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        out = machine.array(np.zeros(8, dtype=np.uint32))
        report = machine.launch("probe", grid=(2,), block=(31,), args=[out, 0], budget=10**6)
    # tile starts at byte 4, so that the text's multiples of 16 lie beside its windows; ptxas sees the same.
    assert requests(report) == (4, 4)


def test_the_alignment_of_a_loop_variable_is_that_of_its_steps() -> None:
    loop = """
  mov.u32 %i, %n;
  mov.u32 %moved, %a16;
AGAIN:
{}
  add.u32 %moved, %moved, {};
  add.u32 %i, %i, 1;
  setp.lt.u32 %q, %i, 3;
  @%q bra AGAIN;"""
    four = loads(*at("%moved", 0, 4, 8, 12))
    assert requests(launch(loop.format(four, 32))) == (12, 3)
    assert requests(launch(loop.format(four, 20))) == (12, 12)


STORES = [
    ("four", stores(*at("%a16", 0, 4, 8, 12)), 1),
    ("three", stores(*at("%a16", 0, 4, 8)), 2),
    ("three with a gap", stores(*at("%a16", 0, 4, 12)), 2),
    ("aligned to 8", stores(*at("%a8", 0, 4)), 1),
    ("aligned to 4", stores(*at("%a4", 0, 4)), 2),
    ("one far away in between", stores(*at("%a16", 0, 4, 64, 8, 12)), 3),
    ("another base in between", stores(*at("%a16", 0, 4), ("%other", 0), *at("%a16", 8, 12)), 3),
    ("a load in between", f"{stores(*at('%a16', 0, 4))}\n{loads(('%other', 0))}\n{stores(*at('%a16', 8, 12))}", 2),
]


@pytest.mark.parametrize(("body", "merged"), [row[1:] for row in STORES], ids=[row[0] for row in STORES])
def test_stores(body: str, merged: int) -> None:
    assert requests(launch(body), "store") == (body.count("st."), merged)


def test_global_accesses_are_never_merged() -> None:
    text = "  mad.wide.u32 %x0, %lane, 16, %o;\n" + "\n".join(
        f"  ld.global.u32 %w{i}, [%x0+{4 * i}];" for i in range(4)
    )
    report = launch(text)
    assert report.counts["global_load_requests"] == 8
    assert not [name for name in report.counts if name.startswith("global") and "merged" in name]


# Wavefronts of the merged access of one warp, by hand: 16 bytes a lane, 8 lanes of which fill a wavefront.
WAVEFRONTS = [
    ("every lane its own 16 bytes", loads(*at("%a16", 0, 4, 8, 12)), 4 * 4, 4),
    # All lanes agree, so lanes i and i ^ 1 do: twice as many are served together.
    ("all lanes the same 16 bytes", loads(*at("tile", 0, 4, 8, 12)), 4, 2),
    ("every lane its own 8 bytes", loads(*at("%a8", 0, 4)), 2 * 2, 2),
    ("stores", stores(*at("%a16", 0, 4, 8, 12)), 4 * 4, 4),
    ("what is not merged", loads(*at("%a4", 0, 4)), 2, 2),
]


@pytest.mark.parametrize(("body", "exact", "merged"), [row[1:] for row in WAVEFRONTS], ids=[r[0] for r in WAVEFRONTS])
@pytest.mark.parametrize("options", [{}, {"plain": True}, {"threads": 2}, {"caches": True, "scoreboard": True}])
def test_wavefronts(body: str, exact: int, merged: int, options: dict[str, Any]) -> None:
    what = "store" if "st." in body else "load"
    counts = launch(body, **options).counts
    assert counts[f"shared_{what}_wavefronts"] == 2 * exact
    assert counts[f"shared_{what}_wavefronts_merged"] == 2 * merged


def test_the_lines_say_what_was_merged() -> None:
    report = launch(loads(*at("%a16", 0, 4, 8, 12)), lines=True)
    found = [line for line in report.lines if line.kind == "shared_load"]
    assert [(line.requests, line.requests_merged, line.wavefronts_merged) for line in found] == [
        (2, 2, 8), (2, 0, 0), (2, 0, 0), (2, 0, 0),
    ]  # fmt: skip
    assert sum(line.slots * line.warp_instructions for line in report.lines) == report.counts["issue_slots"]


@pytest.mark.parametrize("base", ["%moved", "%a16", "%a8"], ids=["one address", "rows of 16", "rows of 8"])
def test_a_load_that_is_wide_in_the_text_is_served_as_one_that_was_merged(base: str) -> None:
    elements = 2 if base == "%a8" else 4
    places = ", ".join(f"%w{i}" for i in range(elements))
    wide = launch(f"  ld.shared.v{elements}.u32 {{{places}}}, [{base}];")
    scalar = launch(loads(*at(base, *range(0, 4 * elements, 4))))
    names = ("shared_load_requests_merged", "shared_load_wavefronts_merged")
    assert [wide.counts[name] for name in names] == [scalar.counts[name] for name in names]
    assert wide.counts["shared_load_requests_merged"] == 2


SMALL = ".shared .align 4 .b32 one;\n  .shared .align 4 .b32 two;\n  .shared .align 4 .b32 three;"


@pytest.mark.parametrize(
    ("first", "second", "merged"), [("one", "two", 1), ("two", "three", 2), ("one", "three", 2)]
)  # fmt: skip
def test_variables_are_neighbours_as_the_device_places_them(first: str, second: str, merged: int) -> None:
    """In the machine guard bands lie between them; on the device they are at 8192, 8196 and 8200, as they are met."""
    met = stores(("one", 0), ("two", 0), ("three", 0))
    both = launch(f"{met}\n  bar.warp.sync -1;\n{loads((first, 0), (second, 0))}", before=SMALL)
    assert requests(both) == (2, merged)
    assert requests(both, "store") == (3, 2)
