"""Each shared variable is an allocation of its own, with guard bands, and nothing else shows that they are there:
banks, alignment, sizes and limits are those of the device.
"""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo.virtual import Argument, LaunchReport, Machine, Module

KERNEL = """
.version 7.8
.target sm_90
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.visible .entry access(.param .u64 out, .param .u32 offset) {{
  .reg .b64 %x<8>, %out, %g; .reg .b32 %r<8>, %a, %b, %c, %d, %o; .reg .pred %p, %q;
  .shared .align 4 .b8 first[100];
  .shared .align 16 .b8 second[64];
  .shared .align 1024 .b8 third[256];
  ld.param.u64 %out, [out];
  ld.param.u32 %o, [offset];
  mov.u32 %a, first;
  mov.u32 %b, second;
  mov.u32 %c, third;
  mov.u32 %d, dynamic;
{body}
  ret;
}}
"""


def run(body: str, offset: int = 0, *, block: int = 1, shared: int = 256) -> tuple[LaunchReport, list[int]]:
    with Machine(Module(KERNEL.format(body=body)), memory_bytes=1 << 20) as machine:
        out = machine.array(np.zeros(8, np.uint32))
        args: list[Argument] = [out, offset]
        report = machine.launch("access", grid=1, block=block, args=args, shared_bytes=shared, budget=10**5)
        return report, out.numpy().tolist()


ACCESSES = {
    "ld": "ld.shared.u32 %r1, [%a];",
    "st": "st.shared.u32 [%a], %r1;",
    "atom": "atom.shared.add.u32 %r1, [%a], 1;",
    "red": "red.shared.add.u32 [%a], 1;",
    "generic": "cvt.u64.u32 %x1, %a; cvta.shared.u64 %x1, %x1; ld.u32 %r1, [%x1];",
    "cp.async": "cp.async.ca.shared.global [%a], [%out], 4;",
}


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("name, size", [("first", 100), ("second", 64), ("third", 256), ("dynamic shared memory", 256)])
def test_every_access_stays_in_its_variable(access: str, name: str, size: int) -> None:
    register = {"first": "%a", "second": "%b", "third": "%c"}.get(name, "%d")
    body = f"mov.b32 %r1, 0; add.u32 %a, {register}, %o;" + ACCESSES[access]
    assert not run(body, 0)[0].faults and not run(body, size - 4)[0].faults
    for offset in (size, size + 60):
        (fault,) = run(body, offset)[0].faults
        assert (fault.kind, fault.space, fault.allocation, fault.offset) == ("out_of_bounds", "shared", name, offset)
        assert f"which has {size} bytes" in fault.message
    if name != "first":
        (before,) = run(body, -4)[0].faults
        assert before.kind == "out_of_bounds"


def test_an_access_between_two_variables_is_neither_ones() -> None:
    """The first has 100 bytes, the second begins at 112 on the device."""
    for offset in (100, 104, 108, 112, 116, 127):
        (fault,) = run("add.u32 %a, %a, %o; ld.shared.u8 %r1, [%a];", offset)[0].faults
        assert fault.kind == "out_of_bounds"


def test_variables_keep_their_banks_and_alignment() -> None:
    """Their offsets on the device: 0, 112, 1024 and 1280."""
    body = "".join(f"st.global.u32 [%out+{4 * i}], %{name};" for i, name in enumerate("abcd"))
    report, out = run(body)
    assert not report.faults
    assert [each % 128 for each in out[:4]] == [0, 112, 0, 0]
    assert out[2] % 1024 == 0 and out[1] - out[0] >= 228 and out[2] - out[1] >= 192 and out[3] - out[2] >= 384


def test_sizes_that_a_program_reads_are_the_devices() -> None:
    report, out = run("mov.u32 %r1, %total_smem_size; st.global.u32 [%out], %r1; mov.u32 %r1, %dynamic_smem_size;"
                      " st.global.u32 [%out+4], %r1;")  # fmt: skip
    assert not report.faults and out[:2] == [1280 + 256, 256]


def test_the_limit_of_a_launch_knows_no_bands() -> None:
    uses = "ld.shared.u8 %r1, [%a]; ld.shared.u8 %r1, [%b]; ld.shared.u8 %r1, [%c];"
    most = (99 << 10) - 1280
    assert not run(uses, shared=most)[0].faults
    (fault,) = run(uses, shared=most + 1)[0].faults
    assert fault.kind == "invalid_launch" and str((99 << 10) + 1) in fault.message


def test_static_variables_may_fill_all_of_it() -> None:
    text = KERNEL.format(body="ld.shared.u8 %r1, [filler+101087]; ld.shared.u8 %r1, [%a]; ld.shared.u8 %r1, [%b];")
    text = text.replace("  .shared .align 1024 .b8 third[256];\n  ld", "  .shared .align 1 .b8 filler[101088];\n  ld")
    with Machine(Module(text.replace("  mov.u32 %c, third;\n", "")), memory_bytes=1 << 20) as machine:
        report = machine.launch("access", grid=1, block=1, args=[machine.empty(8, np.uint32), 0], budget=1000)
        assert not report.faults


def test_a_text_with_very_many_variables_needs_little_memory() -> None:
    names = [f"v{i}" for i in range(20000)]
    declared = "".join(f".shared .align 4 .b8 {name}[4];\n" for name in names)
    used = "".join(f"st.shared.u32 [{name}], {i};\n" for i, name in enumerate(names))
    body = declared + used + "ld.shared.u32 %r1, [v19999]; st.global.u32 [%out], %r1; ld.shared.u32 %r1, [v0];" \
        " st.global.u32 [%out+4], %r1;"  # fmt: skip
    report, out = run(body, shared=0)
    assert not report.faults and out[:2] == [19999, 0]


def test_a_null_pointer_is_not_taken_for_shared_memory() -> None:
    """A generic load meets shared memory and then address 0; a copy reads address 0 after it has met its target."""
    again = "mov.u64 %x1, 16; add.u32 %r2, %r2, 1; setp.lt.u32 %p, %r2, 2; @%p bra AGAIN;"
    generic = "cvt.u64.u32 %x1, %a; cvta.shared.u64 %x1, %x1; mov.u32 %r2, 0; AGAIN: ld.u32 %r1, [%x1];" + again
    copy = "mov.u64 %x1, %out; mov.u32 %r2, 0; AGAIN: cp.async.ca.shared.global [%a], [%x1], 4;" + again
    for body in (generic, copy):
        for block in (1, 32):
            (fault,) = run(body, block=block)[0].faults
            assert (fault.kind, fault.space, fault.address) == ("out_of_bounds", "global", 16)
