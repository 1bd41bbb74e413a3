"""Untrusted PTX cannot take the host with it: what a text or a launch makes the machine allocate is bounded."""

from __future__ import annotations

import dataclasses
import time

import access
import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.virtual import LaunchReport, Machine, Module, PtxError

DEEP = 100_000


def kernel(body: str, module: str = "", registers: str = "") -> str:
    return f"{access.HEAD}{module}\n.visible .entry k()\n{{\n  .reg .b32 %r<4>;\n{registers}  {body}\n  ret;\n}}\n"


def launch(text: str, grid: int = 1, block: int = 1, cooperative: bool = False) -> LaunchReport:
    with Machine(Module(text), memory_bytes=1 << 20) as machine:
        return machine.launch("k", grid=grid, block=block, args=[], budget=100_000, cooperative=cooperative)


@pytest.mark.parametrize("opening", ["[0,", "{", "(", "[0,{", "%r1|"])
def test_operands_nested_without_end_are_refused(opening: str) -> None:
    with pytest.raises(PtxError):
        Module(kernel(f"mov.u32 %r0, {opening * DEEP};"))


def test_parameters_of_calls_are_bounded_together() -> None:
    def text(count: int) -> str:
        return kernel("\n".join(f"  .param .align 4 .b8 p{i}[32764];" for i in range(count)))

    assert launch(text(20)).faults == ()
    with pytest.raises(PtxError, match="1 MiB"):
        Module(text(4200))


def test_variables_beyond_the_memory_of_the_machine_are_refused() -> None:
    assert launch(kernel("", ".global .b8 x[1000000];")).faults == ()
    with pytest.raises(BadInput, match="memory of the virtual device"):
        launch(kernel("", ".global .b8 x[68719476736];"))


def test_blocks_that_are_live_together_fit_into_the_host() -> None:
    small = launch(kernel("", registers="  .local .b8 x[64];\n"), grid=216, block=1024, cooperative=True)
    assert small.faults == ()
    large = launch(kernel("", registers="  .local .b8 x[500000];\n"), grid=216, block=1024, cooperative=True)
    assert [fault.kind for fault in large.faults] == ["invalid_launch"]
    assert "hold at once" in large.faults[0].message


def printf(text: str, arguments: str) -> LaunchReport:
    """Calls vprintf with the address of `text` and what `arguments` moves into %rd2; variable `values` is there too."""
    data = ", ".join(str(byte) for byte in [*text.encode(), 0])
    module = (
        f".extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 values);\n"
        f".global .align 8 .b8 text[] = {{{data}}};\n.global .align 8 .b32 values[4] = {{7, 0, 8, 0}};"
    )
    body = (
        f"mov.u64 %rd1, text;\n  {arguments}\n  {{\n  .param .b64 a;\n  .param .b64 b;\n  .param .b32 c;\n"
        "  st.param.b64 [a], %rd1;\n  st.param.b64 [b], %rd2;\n  call (c), vprintf, (a, b);\n  }"
    )
    return launch(kernel(body, module, "  .reg .b64 %rd<4>;\n"))


def test_printf_reads_its_values_and_nothing_outside_an_allocation() -> None:
    assert printf("%d", "mov.u64 %rd2, values;").printed == "7"
    assert printf("%lld", "mov.u64 %rd2, 0xfffffffffffffff8;").printed == "0"
    assert printf("%d", "mov.u64 %rd2, 0xfffffffffffffffc;").printed == "0"


@pytest.mark.parametrize("conversion", ["%.2147483647d", "%02147483647d", "%.99999999999999999999d"])
def test_the_width_of_a_conversion_is_bounded(conversion: str) -> None:
    assert printf("%.4d", "mov.u64 %rd2, values;").printed == "0007"
    printed = printf(conversion, "mov.u64 %rd2, values;").printed
    assert set(printed) == {"0"} and len(printed) == 511


def test_memory_is_not_read_past_the_end_of_the_address_space() -> None:
    with Machine(Module(kernel("")), memory_bytes=1 << 20) as machine:
        array = dataclasses.replace(machine.array(np.arange(4, dtype=np.uint32)), address=2**64 - 8)
        with pytest.raises(BadInput, match="not inside one allocation"):
            array.numpy()


def calling_kernels(count: int) -> str:
    """As many kernels as functions, and each kernel reaches every function."""
    functions = [f".func f{i}() {{ {f'call f{i + 1}, ();' if i < count - 1 else ''} ret; }}" for i in range(count)]
    kernels = [f".visible .entry k{i}() {{ call f0, (); ret; }}" for i in range(count)]
    return "\n".join([access.HEAD, *reversed(functions), *kernels])


def test_operations_of_all_kernels_are_bounded_together() -> None:
    assert len(Module(calling_kernels(20)).kernels) == 20
    with pytest.raises(PtxError, match="load them in several modules"):
        Module(calling_kernels(1000))


def branching(tables: int) -> str:
    labels = ", ".join(["END"] * tables)
    return kernel(f"T: .branchtargets {labels};\n" + "  brx.idx %r0, T;\n" * tables + "END:")


def test_targets_of_branches_through_tables_are_bounded_together() -> None:
    assert [fault.kind for fault in launch(branching(3)).faults] == ["trap"]
    with pytest.raises(PtxError, match="too many targets"):
        Module(branching(3000))


def seconds_to_load(moves: list[str]) -> float:
    """Processor time for a loop in which a parameter reaches a store's address by way of all `moves`."""
    last = len(moves)
    text = (
        f"{access.HEAD}.visible .entry k(.param .u64 p)\n{{\n  .reg .pred %p<1>;\n  .reg .b64 %rd<{last + 1}>;\n"
        f"  ld.param.u64 %rd{last}, [p];\nLOOP:\n  {' '.join(moves)}\n  st.global.u64 [%rd0], %rd1;\n"
        f"  setp.eq.u64 %p0, %rd0, 0;\n  @%p0 bra LOOP;\n  ret;\n}}\n"
    )
    start = time.process_time()
    Module(text)
    return time.process_time() - start


def test_the_time_to_load_does_not_grow_with_the_square_of_the_text() -> None:
    moves = [f"mov.b64 %rd{i}, %rd{i + 1};" for i in range(20_000)]
    in_order, against_it = seconds_to_load(moves[::-1]), seconds_to_load(moves)
    assert against_it < 10 * in_order


def test_the_fresh_memory_of_blocks_is_charged_to_the_budget() -> None:
    text = kernel(".local .align 4 .b8 x[400000];")
    assert launch(text, grid=1, block=32).faults == ()
    (fault,) = launch(text, grid=1_000_000, block=1024).faults
    assert fault.kind == "budget" and fault.block[0] < 100
