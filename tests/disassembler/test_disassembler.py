"""Machine code as nvdisasm lists it: recorded listings of the project's kernels, and the program behind the wall.

The listings are of benchmarks/kernels/saxpy.cu and reduce_sum.cu for sm_90, by nvdisasm 13.5.37 -c -gp.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.compiler import BUDGET, GOOD

from kernelevo import disassembler
from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.disassembler import NvdisasmDisassembler, find_nvdisasm, open_disassembler
from kernelevo.disassembler_listing import BadListing, read_listing
from kernelevo.errors import NotInstalled
from kernelevo.interfaces import WallAnswer
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_scripted import ScriptedWall
from kernelevo.types import Image, MachineCode, MachineInstruction
from kernelevo.wire.command import CommandResult

LISTINGS = Path(__file__).parent / "listings"


def listing(name: str) -> str:
    return (LISTINGS / f"{name}.txt").read_text(encoding="utf-8")


def read(text: str) -> MachineCode:
    code = read_listing(text, "nvdisasm 0")
    assert code is not None
    return code


def opcodes(code: MachineCode, function: str) -> Counter[str]:
    return Counter(each.opcode.split(".")[0] for each in code.functions[function])


def test_every_instruction_of_a_listing_is_read() -> None:
    for name in ("saxpy", "reduce_sum"):
        text = listing(name)
        code = read(text)
        assert code.entries == {name}
        assert sum(map(len, code.functions.values())) == text.count("*/   ")
        assert code.source == "nvdisasm 0"


def test_a_recorded_kernel_by_hand() -> None:
    """saxpy: y[i] = a * x[i] + y[i] has two loads, one FFMA and one store, at the lines where its PTX has them."""
    code = read(listing("saxpy"))
    found = opcodes(code, "saxpy")
    assert (found["LDG"], found["FFMA"], found["STG"]) == (2, 1, 1)
    lines = [each.ptx_line for each in code.functions["saxpy"]]
    assert min(lines) > 0
    stores = [each for each in code.functions["saxpy"] if each.opcode.startswith("STG")]
    assert stores == [MachineInstruction("STG.E", stores[0].ptx_line)]


CALLS = """
//--------------------- .text.divide         --------------------------
        .other          divide,@"STO_CUDA_ENTRY STV_DEFAULT"
divide:
.text.divide:
	//## File ".nv_debug_ptx_txt", line 30
        /*0000*/              @!P0 LDS.128 R4, [R0+UR4+0x10] ;
	//## File ".nv_debug_ptx_txt", line 31
        /*0010*/                   CALL.REL.NOINC `($__internal_0_$__cuda_sm20_div_s64) ;
.L_x_0:
        /*0020*/              @UP1 UMOV UR4, 0x400 ;
	//## File "own.cu", line 3
        /*0030*/                   EXIT ;
        .weak           $__internal_0_$__cuda_sm20_div_s64
$__internal_0_$__cuda_sm20_div_s64:
        /*0040*/                   I2F.U64.RP R8, R2 ;
        /*0050*/                   RET.REL.NODEC R10 `(divide) ;
//--------------------- .text.helper         --------------------------
helper:
.text.helper:
	//## File ".nv_debug_ptx_txt", line 7
        /*0000*/                   IADD3 R4, R4, 0x1, RZ ;
"""


def test_functions_calls_and_lines() -> None:
    code = read(CALLS)
    assert code.entries == {"divide"}
    assert code.functions == {
        "divide": (
            MachineInstruction("LDS.128", 30),
            MachineInstruction("CALL.REL.NOINC", 31, "$__internal_0_$__cuda_sm20_div_s64"),
            MachineInstruction("UMOV", 31),
            MachineInstruction("EXIT", 0),
        ),
        "$__internal_0_$__cuda_sm20_div_s64": (
            MachineInstruction("I2F.U64.RP", 0),
            MachineInstruction("RET.REL.NODEC", 0),
        ),
        "helper": (MachineInstruction("IADD3", 7),),
    }


def test_a_listing_without_lines_is_none_and_one_without_kernels_is_refused() -> None:
    without = "\n".join(line for line in CALLS.splitlines() if "//## File" not in line)
    assert read_listing(without, "") is None
    for text in ("", "nvdisasm fatal   : Cannot open input file", "\0" * 100, CALLS.replace("STO_CUDA_ENTRY", "")):
        with pytest.raises(BadListing, match="no kernel"):
            read_listing(text, "")


def scripted(result: CommandResult | WallAnswer) -> NvdisasmDisassembler:
    answer = result if isinstance(result, WallAnswer) else result.answer()
    return NvdisasmDisassembler(ScriptedWall([answer]), disassembler.Nvdisasm(Path("/nowhere/nvdisasm"), "13.5"))


IMAGE = Image("key", "sm_90", "", b"cubin", (), "nvrtc")


def test_what_the_program_prints_is_kept_for_the_image() -> None:
    reader = scripted(CommandResult(0, "/scratch", listing("saxpy"), ()))
    first = reader.read(IMAGE)
    assert first is not None and first.source == "nvdisasm 13.5"
    assert reader.read(IMAGE) is first, "the wall would have no second answer"


@pytest.mark.parametrize(
    "answer",
    [
        CommandResult(1, "/scratch", "nvdisasm fatal   : memory allocation failed", ()),
        CommandResult(-11, "/scratch", "", ()),
        CommandResult(0, "/scratch", "", ()),
        CommandResult(0, "/scratch", listing("saxpy") + " " * (4 << 20), ()),
        WallAnswer("killed", "it did not end within 10 s", b"", ()),
    ],
    ids=["refused", "crashed", "said nothing", "cut off", "killed"],
)
def test_a_program_that_fails_leaves_the_machine_code_unknown(answer: CommandResult | WallAnswer) -> None:
    assert scripted(answer).read(IMAGE) is None


def test_no_cubin_asks_nobody() -> None:
    reader = NvdisasmDisassembler(ScriptedWall([]), disassembler.Nvdisasm(Path("/nowhere/nvdisasm"), "13.5"))
    assert reader.read(dataclasses.replace(IMAGE, cubin=b"")) is None


def test_without_the_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disassembler.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r'pip install "kernelevo\[sass\]"'):
        find_nvdisasm()
    reader, versions, note = open_disassembler(ScriptedWall([]))
    assert (reader, versions) == (None, {})
    assert "nvdisasm is not installed" in note


@pytest.fixture(scope="module")
def wall() -> Iterator[Sandbox]:
    try:
        find_nvdisasm()
        toolkit = find_toolkit()
        sandbox = Sandbox(toolkit.library, toolkit.read_only)
    except NotInstalled as missing:
        pytest.skip(f"the native part, the compiler or nvdisasm is missing: {missing}")
    yield sandbox
    sandbox.close()


def build(wall: Sandbox) -> Image:
    built = NvrtcCompiler(wall, find_toolkit()).build(dataclasses.replace(GOOD, arch="sm_90"), BUDGET)
    assert isinstance(built, Image), built
    return built


def test_a_cubin_is_read_behind_the_wall(wall: Sandbox) -> None:
    image = build(wall)
    code = NvdisasmDisassembler(wall, find_nvdisasm()).read(image)
    assert code is not None
    assert code.entries >= {kernel.name for kernel in image.kernels}
    for kernel in image.kernels:
        stores = [each for each in code.functions[kernel.name] if each.opcode.startswith("STG")]
        assert stores and all("st.global" in image.ptx.splitlines()[each.ptx_line - 1] for each in stores)


def test_a_broken_cubin_is_no_machine_code_and_no_crash(wall: Sandbox) -> None:
    image = build(wall)
    cubin = image.cubin
    middle = len(cubin) // 2
    for number, broken in enumerate(
        [
            b"no elf at all",
            cubin[:64],
            cubin[:middle],
            cubin[:40] + b"\xff" * 24 + cubin[64:],
            b"\x7fELF" + b"\xff" * 9999,
        ]
    ):
        other = dataclasses.replace(image, key=f"broken {number}", cubin=broken)
        assert NvdisasmDisassembler(wall, find_nvdisasm()).read(other) is None
    scrambled = dataclasses.replace(image, key="scrambled", cubin=bytes(255 - byte for byte in cubin))
    assert NvdisasmDisassembler(wall, find_nvdisasm()).read(scrambled) is None
