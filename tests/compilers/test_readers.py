"""Readers of what compilers write: right on real words, and never stuck or wrong-footed on hostile ones."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.compilers.cubin import BadCubin, read_resources
from kernelevo.compilers.diagnostics import LONGEST_MESSAGE, MOST_DIAGNOSTICS, parse_log
from kernelevo.compilers.image import Built, make_image
from kernelevo.compilers.ptx import entry_parameters
from kernelevo.types import BuildFailure, Diagnostic, Parameter

LOG = """a b.cu(3): error: identifier "z" is undefined
  \tx[0] = z;
  \t       ^

a b.cu(2): warning #177-D: variable "y" was declared but never referenced
  int y;
      ^

Remark: The warnings can be suppressed with "-diag-suppress <warning-number>"

x.cu(1): catastrophic error: cannot open source file "n"
ptxas application ptx input, line 118; error   : Instruction 'wgmma.fence' not supported on .target 'sm_90'
nvrtc: error: unrecognized option --nonsense found
user.cu:1:10: fatal error: n: No such file or directory
1 error detected in the compilation of "a b.cu".
"""


def test_a_compiler_that_does_not_know_our_pragmas_is_no_news_but_another_pragma_is() -> None:
    ours = "a.cu(6): warning #161-D: unrecognized #pragma\n  #pragma kernelevo tune BLOCK 32\n          ^\n\n"
    gcc = "a.cu:6: warning: ignoring #pragma kernelevo launch [-Wunknown-pragmas]\n"
    other = ours.replace("kernelevo tune", "unrol").replace("(6)", "(9)")
    assert parse_log(ours + gcc + other) == (Diagnostic("warning", "unrecognized #pragma", "a.cu", 9, 9),)


def test_each_kind_of_message_is_read() -> None:
    assert parse_log(LOG) == (
        Diagnostic("error", 'identifier "z" is undefined', "a b.cu", 3, 9),
        Diagnostic("warning", 'variable "y" was declared but never referenced', "a b.cu", 2, 5),
        Diagnostic("error", 'cannot open source file "n"', "x.cu", 1, 0),
        Diagnostic("error", "Instruction 'wgmma.fence' not supported on .target 'sm_90'"),
        Diagnostic("error", "unrecognized option --nonsense found"),
        Diagnostic("error", "n: No such file or directory", "user.cu", 1, 10),
    )


def test_a_log_without_messages_has_none() -> None:
    assert parse_log("ptxas info    : 0 bytes gmem\nptxas info    : Used 8 registers\n") == ()


def test_an_endless_log_is_cut() -> None:
    found = parse_log(f"k.cu(1): error: {'x' * 100_000}\n" * 1000)
    assert len(found) == MOST_DIAGNOSTICS
    assert all(len(one.message) <= LONGEST_MESSAGE for one in found)


@pytest.mark.parametrize("word", ["(", "ptxas ", "(1): ", "error", " ", ":1", "a(1): error: x\n", "\t"])
def test_no_log_makes_the_reader_slow(word: str) -> None:
    start = time.process_time()
    parse_log(word * (1_000_000 // len(word)))
    assert time.process_time() - start < 5


PTX = """.visible .entry first(
\t.param .u64 .ptr .global .align 16 first_param_0,
\t.param .u8 first_param_1,
\t.param .f64 first_param_2,
\t.param .align 4 .b8 first_param_3[12]
)
.maxntid 128, 1, 1
{ ret; }
.visible .entry none()
{ ret; }
.visible .func (.param .b32 r) helper(.param .b32 a) { ret; }
"""


def test_parameters_have_types_and_offsets() -> None:
    assert entry_parameters(PTX) == {
        "first": (
            Parameter("u64", 0, 8), Parameter("u8", 8, 1), Parameter("f64", 16, 8), Parameter("b8", 24, 12)
        ),
        "none": (),
    }  # fmt: skip


def test_a_parameter_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match="kernel k"):
        entry_parameters(".entry k(.param .texref t)")


@pytest.mark.parametrize(
    "forged",
    [
        "// .entry first(.param .weird x)\n",
        "/* .entry first(.param .weird x) */",
        '.pragma ".entry first(.weird)";',
        '.pragma "two\nlines .entry first(.weird)";',
        ".visible .entry evil(.param .texref x) { ret; }",
    ],
)
def test_what_inline_assembly_forges_is_not_read(forged: str) -> None:
    wanted = {"first"}
    assert entry_parameters(PTX + forged, wanted) == entry_parameters(forged + PTX, wanted)
    assert entry_parameters(PTX + forged, wanted)["first"] == entry_parameters(PTX)["first"]


@pytest.mark.parametrize("word", ["/*", '"', "//", ".entry k(", ".entry ", ".entry k(.param .u64 ", "a", "("])
def test_no_ptx_makes_the_reader_slow(word: str) -> None:
    start = time.process_time()
    try:
        entry_parameters(word * (500_000 // len(word)))
    except ValueError:
        assert word.startswith(".entry")
    assert time.process_time() - start < 5


@given(st.binary(max_size=400))
def test_any_bytes_are_a_cubin_or_a_bad_one(content: bytes) -> None:
    with pytest.raises(BadCubin):
        read_resources(content[:64])
    try:
        read_resources(b"\x7fELF\x02\x01\x01" + content)
    except BadCubin:
        return


def _elf(names: list[str]) -> bytes:
    """A cubin of nothing but sections with these names, each of which is empty."""
    texts = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    places = [1 + sum(len(name) + 1 for name in names[:index]) for index in range(len(names))]
    table = 64 + len(texts)
    entries = [(0, 3, 0, 0, 64, len(texts), 0, 0, 0, 0)] + [(at, 1, 0, 0, 64, 0, 0, 0, 0, 0) for at in places]
    header = struct.pack("<4s12xHHIQQQIHHHHHH", b"\x7fELF", 2, 190, 1, 0, 0, table, 0, 64, 56, 0, 64, len(entries), 0)
    return header + texts + b"".join(struct.pack("<IIQQQQIIQQ", *entry) for entry in entries)


@pytest.mark.parametrize("length", [4000, 5000, 100_000])
def test_a_name_of_any_length_is_no_malformed_cubin(length: int) -> None:
    """A candidate calls its functions as it likes: a reader that breaks at one would be our fault."""
    found = read_resources(_elf([".nv.info.attack", ".nv.info." + length * "x"]))
    assert "attack" in found
    assert set(found) <= {"attack", length * "x"}


@pytest.mark.parametrize(
    ("symbol", "ptx", "words"),
    [
        ("evil", ".visible .entry evil(.param .texref t) { ret; }", "has a parameter that is not understood"),
        (5000 * "x", "", "the symbol of k<T> has 5000 characters"),
        ("evil", "", "which is not a __global__ function"),
    ],
)
def test_what_no_plan_can_launch_is_the_texts_failure_and_not_ours(symbol: str, ptx: str, words: str) -> None:
    built = make_image(Built(ptx, _elf([".nv.info.evil"]), "", {"k<T>": symbol}), "key", "sm_90", "none", ())
    assert isinstance(built, BuildFailure) and words in built.diagnostics[-1].message
