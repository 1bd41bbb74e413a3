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
