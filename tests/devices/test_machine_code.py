"""Counts of PTX corrected by machine code: copies, agreement and what the model is given, each by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernelevo.devices.machine_code import (
    Comparison,
    accesses_of_spills,
    agreement,
    compare,
    counts_for_model,
    describe,
    doubts,
)
from kernelevo.devices.sass_classes import class_of
from kernelevo.types import LineCounts, MachineCode, MachineInstruction, SourceLine

PTX = """.visible .entry walk(.param .u64 p)
{
  mov.u32 %r1, %tid.x;
$LOOP:
  ld.global.f32 %f1, [%rd1];
  fma.rn.f32 %f2, %f1, %f1, %f2;
  div.rn.f32 %f3, %f2, %f1;
  add.s64 %rd1, %rd1, 4;
  setp.lt.u32 %p1, %r1, %r2;
  @%p1 bra $LOOP;
  st.global.f32 [%rd2], %f3;
  ret;
}
"""
KINDS = {3: ("move", 1), 5: ("global_load", 1), 6: ("fp32", 1), 7: ("fp32", 9), 8: ("wide_integer", 2),
         9: ("predicate", 1), 10: ("control", 1), 11: ("global_store", 1), 12: ("control", 1)}  # fmt: skip
LOOPS = 100


def lines(**merged: int) -> list[LineCounts]:
    text = PTX.splitlines()
    return [
        LineCounts(
            SourceLine(),
            number,
            text[number - 1].strip(),
            LOOPS if 5 <= number <= 10 else 1,
            0,
            0,
            0,
            0,
            0,
            kind,
            slots,
        )
        for number, (kind, slots) in KINDS.items()
    ]


def code(*instructions: tuple[str, int], **others: tuple[MachineInstruction, ...]) -> MachineCode:
    own = tuple(MachineInstruction(opcode, line) for opcode, line in instructions)
    return MachineCode("nvdisasm 0", {"walk": own, **others}, frozenset({"walk", "other"}))


BODY = [("LDG.E", 5), ("FFMA", 6), ("MUFU.RCP", 7), ("FFMA", 7), ("FFMA", 7), ("FFMA", 7), ("IADD3", 8), ("IADD3.X", 8),
        ("ISETP.LT.AND", 9), ("BRA", 10)]  # fmt: skip
END = [("STG.E", 11), ("EXIT", 12)]


def test_a_block_costs_what_the_machine_code_has_for_it() -> None:
    found = compare("walk", lines(), PTX, code(("S2R", 3), *BODY, *END))
    assert found.predicted["fp32"] == LOOPS * (1 + 9)
    assert found.corrected == found.machine == {
        "global_load": LOOPS, "fp32": LOOPS * 4, "special": LOOPS, "integer": 2 * LOOPS, "predicate": LOOPS,
        "control": LOOPS + 1, "global_store": 1, "move": 1,
    }  # fmt: skip


def test_a_loop_that_is_unrolled_is_not_counted_twice() -> None:
    """Four copies of the body, of which three have no branch: a quarter of the machine instructions each time round."""
    unrolled = [each for each in BODY if each[0] != "BRA"] * 4 + [("BRA", 10)]
    found = compare("walk", lines(), PTX, code(("S2R", 3), *unrolled, *END))
    assert found.corrected["fp32"] == LOOPS * 4
    assert found.corrected["global_load"] == LOOPS
    assert found.corrected["control"] == LOOPS / 4 + 1
    assert found.known == 1 - 1 / sum(found.corrected.values()), "only the first move has no anchor"


def test_a_block_without_an_anchor_keeps_its_prediction_and_is_not_known() -> None:
    found = compare("walk", lines(), PTX, code(("S2R", 3), ("BRA", 10), ("NOP", 12), *END))
    assert found.corrected["fp32"] == found.predicted["fp32"] == LOOPS * 10
    assert found.machine.get("fp32", 0) == 0
    assert 0 < found.known < 0.01
    said = describe(found, code(), 32)
    assert said["agreement"] < 0.75
    assert len(doubts(said)) == 1 and "agree with the machine code by" in doubts(said)[0]


ONE_LINE = """.visible .entry walk(.param .u64 p)
{
  ld.global.f32 %f1, [%rd1];
  LP: fma.rn.f32 %f1, %f1, %f1, %f1; fma.rn.f32 %f1, %f1, %f1, %f1; setp.ne.u32 %p, %r, 0; @%p bra LP;
  st.global.f32 [%rd2], %f1;
  ret;
}
"""


def test_a_loop_on_one_line_is_not_taken_for_a_part_of_the_block_before_it() -> None:
    """Nothing tells which instruction of the line a machine instruction stands for: what the PTX says is kept."""
    made = [(3, "ld.global.f32", "global_load", 1), (4, "fma.rn.f32", "fp32", LOOPS), (4, "fma.rn.f32", "fp32", LOOPS),
            (4, "setp.ne.u32", "predicate", LOOPS), (4, "@%p bra LP", "control", LOOPS),
            (5, "st.global.f32", "global_store", 1), (6, "ret", "control", 1)]  # fmt: skip
    counted = [LineCounts(SourceLine(), line, text, times, 0, 0, 0, 0, 0, kind, 1) for line, text, kind, times in made]
    sass = code(("LDG.E", 3), ("FFMA", 4), ("FFMA", 4), ("ISETP.NE.AND", 4), ("BRA", 4), ("STG.E", 5), ("EXIT", 6))
    found = compare("walk", counted, ONE_LINE, sass)
    assert found.corrected["fp32"] == found.predicted["fp32"] == 2 * LOOPS
    assert found.corrected["predicate"] == LOOPS and found.corrected["control"] == LOOPS + 1
    assert (found.corrected["global_load"], found.corrected["global_store"]) == (1, 1)
    assert found.known < 0.02


NARROW = """.visible .entry walk(.param .u64 p)
{
  cvt.rzi.s32.f32 %r1, %f1;
  mul.lo.u16 %h1, %h1, %h2;
  mul.lo.u16 %h1, %h1, %h2;
  mad.lo.s16 %h1, %h1, %h2, %h1;
  add.s32 %r2, %r2, 1;
  ret;
}
"""


def test_arithmetic_of_16_bits_is_not_taken_for_copies_of_its_block() -> None:
    """Of each product of 16 bits the machine code has two instructions, which made the block two copies of itself, and
    everything in it cost half.
    """
    made = [(3, "cvt.rzi.s32.f32", "conversion"), (4, "mul.lo.u16 %h1, %h1, %h2", "integer"),
            (5, "mul.lo.u16 %h1, %h1, %h2", "integer"), (6, "mad.lo.s16 %h1, %h1, %h2, %h1", "integer"),
            (7, "add.s32 %r2, %r2, 1", "integer"), (8, "ret", "control")]  # fmt: skip
    counted = [LineCounts(SourceLine(), line, text, LOOPS, 0, 0, 0, 0, 0, kind, 1) for line, text, kind in made]
    products = [(opcode, line) for line in (4, 5, 6) for opcode in ("LOP3.LUT", "IMAD")]
    sass = code(("F2I.TRUNC.NTZ", 3), *products, ("IADD3", 7), ("EXIT", 8))
    found = compare("walk", counted, NARROW, sass)
    assert found.corrected["conversion"] == LOOPS
    assert found.corrected["integer"] == 7 * LOOPS


HIDDEN_LOOP = """.visible .entry walk(.param .u64 p)
{
  ld.global.f32 %f1, [%rd1];
  { LP:
  fma.rn.f32 %f1, %f1, %f1, %f1;
  setp.ne.u32 p, %r, 0;
  @p bra LP; }
  st.global.f32 [%rd2], %f1;
  ret;
}
"""


@pytest.mark.parametrize("head", ["{ LP:", "mov.u32 %r2, %r3; LP:"])
def test_a_loop_is_told_from_what_is_around_it_by_how_often_it_executed(head: str) -> None:
    """Neither the label (behind something else on its line) nor the branch (its predicate has no %) is in the way."""
    made = [(3, "ld.global.f32", "global_load", 1), (5, "fma.rn.f32", "fp32", LOOPS), (6, "setp", "predicate", LOOPS),
            (7, "@p bra LP", "control", LOOPS), (8, "st.global.f32", "global_store", 1),
            (9, "ret", "control", 1)]  # fmt: skip
    counted = [LineCounts(SourceLine(), line, text, times, 0, 0, 0, 0, 0, kind, 1) for line, text, kind, times in made]
    sass = code(("LDG.E", 3), ("FFMA", 5), ("ISETP.NE.AND", 6), ("BRA", 7), ("STG.E", 8), ("EXIT", 9))
    found = compare("walk", counted, HIDDEN_LOOP.replace("{ LP:", head), sass)
    assert found.corrected == {
        "global_load": 1, "fp32": LOOPS, "predicate": LOOPS, "control": LOOPS + 1, "global_store": 1
    }  # fmt: skip


OWN_FUNCTION = """.func (.param .b32 r) my__cuda_slowpath(.param .b32 a)
{
  fma.rn.f32 %f1, %f1, %f1, %f1;
  ret;
}
.visible .entry walk(.param .u64 p)
{
  ld.global.f32 %f1, [%rd1];
  call.uni (retval0), my__cuda_slowpath, (param0);
  st.global.f32 [%rd2], %f1;
  ret;
}
"""


def test_a_function_of_the_program_is_no_routine_of_the_assembler_whatever_it_is_called() -> None:
    made = [(8, "ld.global.f32", "global_load"), (9, "call.uni", "control"), (10, "st.global.f32", "global_store"),
            (11, "ret", "control"), (3, "fma.rn.f32", "fp32"), (4, "ret", "control")]  # fmt: skip
    counted = [LineCounts(SourceLine(), line, text, LOOPS, 0, 0, 0, 0, 0, kind, 1) for line, text, kind in made]
    own = "$walk$my__cuda_slowpath"
    called = (MachineInstruction("FFMA", 3), MachineInstruction("RET.REL.NODEC", 4))
    functions = {
        "walk": (MachineInstruction("LDG.E", 8), MachineInstruction("CALL.REL.NOINC", 9, own),
                 MachineInstruction("STG.E", 10), MachineInstruction("EXIT", 11)),
        own: called,
    }  # fmt: skip
    found = compare("walk", counted, OWN_FUNCTION, MachineCode("nvdisasm 0", functions, frozenset({"walk"})))
    assert found.corrected == found.machine == {
        "global_load": LOOPS, "control": 3 * LOOPS, "global_store": LOOPS, "fp32": LOOPS
    }  # fmt: skip
    assert found.known == 1


def test_accesses_of_spills_are_those_that_the_ptx_does_not_have() -> None:
    assert accesses_of_spills(None) == 0
    found = Comparison({"local_load": 10}, {"local_load": 40.0, "local_store": 25.0}, {}, 1.0)
    assert accesses_of_spills(found) == 55
    assert accesses_of_spills(Comparison({"local_store": 10}, {}, {}, 1.0)) == 0


@pytest.mark.parametrize(
    ("label", "before"),
    [("$LOOP:", "// \f\f\f\f\f\f\f\f"), ("$LOOP:", "// \u2028\u2028\x85\x0b"), ("/**/ $LOOP:", ""), ("{ $LOOP:", "")],
)
def test_a_loop_whose_label_cannot_be_seen_is_not_taken_for_a_part_of_the_block_before_it(
    label: str, before: str
) -> None:
    """Inline assembly writes what it likes in front of a label, and line ends that are none to an assembler."""
    ptx = PTX.replace("$LOOP:", label).replace("  mov.u32", f"  {before}\n  mov.u32" if before else "  mov.u32")
    moved = 1 if before else 0
    shown = [replace(line, ptx_line=line.ptx_line + moved) for line in lines()]
    sass = code(*((opcode, line + moved) for opcode, line in [("S2R", 3), *BODY, *END]))
    assert compare("walk", shown, ptx, sass) == compare("walk", lines(), PTX, code(("S2R", 3), *BODY, *END))


def test_routines_count_with_their_calls_and_slow_paths_do_not() -> None:
    fast, slow = "$__internal_0_$__cuda_sm20_div_u64", "$__internal_1_$__cuda_sm3x_div_rn_noftz_f32_slowpath"
    call = (
        MachineInstruction("LDG.E", 5),
        MachineInstruction("CALL.REL", 7, fast),
        MachineInstruction("CALL.REL", 7, slow),
    )
    routine = (MachineInstruction("IMAD", 0), MachineInstruction("IMAD", 0), MachineInstruction("RET", 0))
    functions = {"walk": call, fast: routine, slow: routine, "other": (MachineInstruction("FADD", 6),)}
    found = compare("walk", lines(), PTX, MachineCode("nvdisasm 0", functions, frozenset({"walk", "other"})))
    assert found.corrected["integer"] == 2 * LOOPS
    assert found.corrected["control"] == 2 * LOOPS + 1, (
        "the call, the return of its routine; the last block is not known"
    )
    assert "fp32" not in found.corrected, "another kernel's instructions are not this one's"


def test_agreement_by_hand() -> None:
    assert agreement({"fp32": 10, "shared_load": 4}, {"fp32": 10, "shared_load": 4}) == 1
    # min 8 + 1 + 0, max 10 + 4 + 1
    assert agreement({"fp32": 10, "shared_load": 4}, {"fp32": 8, "shared_load": 1, "special": 1}) == 9 / 15
    assert agreement({"move": 5, "wide_integer": 2}, {"integer": 4, "predicate": 3}) == 1, "these become each other"
    assert agreement({}, {}) == 1
    assert agreement({"fp32": 1}, {}) == 0


def counts(**given: int) -> dict[str, int]:
    names = ("requests", "wavefronts", "requests_merged", "wavefronts_merged")
    zero = {f"shared_{what}_{name}": 0 for what in ("load", "store") for name in names}
    slots = dict.fromkeys(("slots.fp32", "slots.shared_load", "slots.shared_store", "slots.integer"), 0)
    return {**zero, **slots, "issue_slots": 0, "blocks": 7, **given}


def test_the_model_is_given_merged_accesses() -> None:
    given = counts(
        issue_slots=100, shared_load_requests=32, shared_load_requests_merged=8, shared_load_wavefronts=64,
        shared_load_wavefronts_merged=32, **{"slots.shared_load": 32},
    )  # fmt: skip
    found = counts_for_model(given, None)
    assert found["shared_load_wavefronts"] == 32
    assert (found["issue_slots"], found["slots.shared_load"]) == (100 - 24, 8)
    assert found["blocks"] == 7
    assert given["shared_load_wavefronts"] == 64, "the exact counts stay as they are"


def test_with_machine_code_the_model_is_given_its_instructions() -> None:
    corrected = {"fp32": 12.4, "integer": 3.0}
    found = counts_for_model(counts(issue_slots=99, **{"slots.fp32": 50}), Comparison({}, corrected, corrected, 1.0))
    assert (found["slots.fp32"], found["slots.integer"], found["issue_slots"]) == (12, 3, 15)


@pytest.mark.parametrize(
    ("opcode", "name"),
    [
        ("LDS.128", "shared_load"), ("LDSM.16.M88.4", "shared_load"), ("LDG.E.64.CONSTANT", "global_load"),
        ("IMAD.MOV.U32", "move"), ("IMAD.WIDE", "integer"), ("UIADD3", "move"), ("ULDC.64", "constant_load"),
        ("HMMA.16816.F32", "matrix"), ("MUFU.EX2", "special"), ("CCTL.IVALL", "other"), ("BSSY", "control"),
    ],
)  # fmt: skip
def test_classes_of_opcodes(opcode: str, name: str) -> None:
    assert class_of(opcode) == name
