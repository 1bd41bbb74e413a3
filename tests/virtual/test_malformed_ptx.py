"""Text that is almost PTX: it is refused with a line, or it loads; the parser never breaks, whatever is missing."""

from __future__ import annotations

from pathlib import Path

import access
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.virtual import Machine, Module, PtxError

TEXTS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "ptx").glob("*.ptx"))}
BROKEN_LINES = [
    "mov %r1, %r2;",
    "mov;",
    "cvt %r1, %r2;",
    "shfl;",
    "mbarrier;",
    "mov..u32 %r1, 0;",
    "mov. %r1, 0;",
    "mov.u32 %r1 0;",
    "mov.u32 %r1, ;",
    "mov.u32 %r1;",
    "mov.u32 %r99, 0;",
    "ld.param.u32 [n];",
    "ld.param.u32 %r1, [missing];",
    "ld.global.v4.u32 {%r1, %r1}, [%rd1];",
    "st.global.u32 [%rd1], ;",
    "add.u32 %r1, %r1;",
    "setp.lt.u32 %p1, %r1;",
    "bra NOWHERE;",
    "@%p1 bra;",
    "call (%r1), missing, (%r1);",
    "bar.sync;",
    "{ mov.u32 %r1, 0;",
    "mov.u32 %r1, 0x;",
    "mov.f32 %f1, 0f12;",
    ".reg .b32 %r<99999999999>;",
    ".reg .b32;",
    ".local .align 3 .b8 x[4];",
    ".shared .b8 y[-1];",
    "atom.global.add.u32 %r1, [%rd1];",
    "shfl.sync.bfly.b32 %r1, %r1;",
    "/* never closed",
]


def _kernel(line: str) -> str:
    registers = "  .reg .pred %p<2>;\n  .reg .b32 %r<2>;\n  .reg .f32 %f<2>;\n  .reg .b64 %rd<2>;\n"
    return access.HEAD + f".visible .entry k(.param .u32 n)\n{{\n{registers}  {line}\n  ret;\n}}\n"


def _loads(text: str) -> bool:
    """Whether the text loads; the only other way out is a PtxError with a line of the text."""
    try:
        Module(text)
    except PtxError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert all(message.strip() for _, message in error.diagnostics)
        return False
    return True


def _stops(text: str) -> bool:
    with Machine(Module(text), memory_bytes=1 << 20) as machine:
        return bool(machine.launch("k", grid=1, block=1, args=[0], budget=100).faults)


def test_the_kernel_around_the_broken_lines_is_right() -> None:
    assert _loads(_kernel("mov.u32 %r1, 0;"))
    assert not _stops(_kernel("mov.u32 %r1, 0;"))


@pytest.mark.parametrize("line", BROKEN_LINES)
def test_a_broken_line_is_refused_or_stops_the_launch(line: str) -> None:
    text = _kernel(line)
    assert not _loads(text) or _stops(text)


@pytest.mark.parametrize("name", TEXTS)
def test_any_line_may_be_missing(name: str) -> None:
    lines = TEXTS[name].splitlines()
    code = [number for number, line in enumerate(lines) if line.strip() and not line.startswith("//")]
    results = [_loads("\n".join(lines[:number] + lines[number + 1 :])) for number in code]
    assert not all(results), "removing the kernel's braces must be noticed"


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_characters_may_be_missing_or_doubled(name: str, data: st.DataObject) -> None:
    text = TEXTS[name]
    code = text.index(".version")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(code, len(text) - 1))
        text = text[:at] + text[at] * data.draw(st.sampled_from([0, 2])) + text[at + 1 :]
    _loads(text)


def test_nothing_and_noise_are_not_ptx() -> None:
    assert not _loads("")
    assert not _loads("int main() { return 0; }")
    assert not _loads("\x00\xff\x00")


def test_an_initialiser_names_something_of_the_module_or_is_refused_with_its_line() -> None:
    head = access.HEAD + ".global .u32 there;\n"
    kernel = ".visible .entry k(.param .u32 n)\n{\n  ret;\n}\n"
    assert _loads(f"{head}.global .u64 a = there;\n.global .u64 b = generic(there)+4;\n{kernel}")
    with pytest.raises(PtxError, match="'nowhere', which is not a variable") as caught:
        Module(f"{head}.global .u64 a = nowhere;\n{kernel}")
    assert caught.value.line == head.count("\n") + 1


@pytest.mark.parametrize(
    ("expression", "value"),
    [("1+2*3", 7), ("(1<<4)|1", 17), ("-8/3", -2), ("~0 & 0xff", 255), ("5 > 3 ? 10 : 20", 10), ("!0 + 7 % 4", 4),
     ("1 << 2 + 1", 8), ("6 ^ 3 & 1", 7), ("2 == 2 && 3 != 3 || 1 <= 0", 0)],
)  # fmt: skip
def test_constant_expressions_have_the_operators_and_precedence_of_c(expression: str, value: int) -> None:
    text = _kernel(f"mov.b64 %rd0, %rd1;\n  ld.param.u64 %rd0, [out];\n  st.global.u32 [%rd0+4*(1+1)-8], {expression};")
    text = text.replace(".param .u32 n", ".param .u64 out")
    with Machine(Module(text), memory_bytes=1 << 20) as machine:
        out = machine.empty(1, "i4")
        assert machine.launch("k", grid=1, block=1, args=[out], budget=100).faults == ()
        assert out.numpy().tolist() == [value]


def test_an_alias_is_the_function_it_names() -> None:
    function = (
        ".func (.param .b32 r) one() {{\n  .reg .b32 %r;\n  mov.u32 %r, 41;\n  st.param.b32 [r], %r;\n  ret;\n}}\n"
        ".func (.param .b32 r) other();\n{alias}"
        ".visible .entry k(.param .u64 out) {{\n  .reg .b32 %r;\n  .reg .b64 %d;\n  .param .b32 r;\n"
        "  ld.param.u64 %d, [out];\n  call.uni (r), other;\n  ld.param.b32 %r, [r];\n"
        "  st.global.u32 [%d], %r;\n  ret;\n}}\n"
    )
    for alias, values in ((".alias other, one;\n", [41]), ("", [0])):
        with Machine(Module(access.HEAD + function.format(alias=alias)), memory_bytes=1 << 20) as machine:
            out = machine.array([0])
            report = machine.launch("k", grid=1, block=1, args=[out], budget=100)
            assert out.numpy().tolist() == values
            assert [fault.kind for fault in report.faults] == ([] if alias else ["unsupported"])
