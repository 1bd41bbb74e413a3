"""A verdict with findings of every shape, in whose words a kernel has its say, for the tests of reports."""

from __future__ import annotations

import dataclasses

from kernelevo.types import Check, Fault, Figure, Party, Sanitizing, SourceLine, Status, Verdict

FILE = "twice.cu"
TEXT = """// \u4e8c\u500d \U0001f680 ]( [/bold]
#pragma kernelevo launch twice<<<ceildiv(n, 128), dim3(16, 8)>>>(x, y, n)
extern "C" __global__ void twice(const float *x, float *y, int n) {
  __shared__ float tile[128];
\ttile[threadIdx.x] = x[threadIdx.x];  /* \u00e4 \U0001f680 */
  y[threadIdx.x] = tile[127 - threadIdx.x];
}
"""
HOSTILE = "assert failed: [see here](http://localhost/) [red]no[/red] \U0001f680"
PARTY = Party(
    "store", "twice", (0, 0, 0), (1, 3, 0), SourceLine(FILE, 5), 31, "st.shared.f32 [%r4], %f1",
    "\ttile[threadIdx.x] = x[threadIdx.x];  /* \u00e4 \U0001f680 */",
)  # fmt: skip
RACE = Fault(
    "race", "another thread accesses the same bytes, and nothing orders the two", "twice", "twice", (0, 0, 0),
    (15, 7, 0), "shared", 0x100, 4, "tile", 256, SourceLine(FILE, 6), 35, "ld.shared.f32 %f2, [%r5]",
    "  y[threadIdx.x] = tile[127 - threadIdx.x];", 4096, (PARTY,), ("n=128", "n=129", "n=1000", "n=1"),
    SourceLine(FILE, 2), (16, 8, 1),
)  # fmt: skip
IN_A_HEADER = Fault(
    "trap", HOSTILE, "twice", "check", (2, 0, 0), (3, 0, 0), source=SourceLine("/usr/include/check.h", 12),
    ptx_line=90, instruction="trap", cases=("n=1",), launched=SourceLine(FILE, 2), block_dim=(16, 8, 1),
)  # fmt: skip
NOWHERE = Fault("misaligned", "address is not a multiple", "other", bytes=8, address=3, space="global")
NEW_KIND = dataclasses.replace(RACE, kind="cold_fusion", others=())
REMARK = dataclasses.replace(RACE, kind="uninitialised_value", message="a value that nobody wrote", others=())
COVERED = Sanitizing(
    ("n=128", "n=129"), 4, 2, ("memory and barrier faults", "uninitialised values", "races"),
    ("sizes other than those", "other orders"), 3, 1.25,
)  # fmt: skip


def verdict(*findings: Fault, remarks: tuple[Fault, ...] = (), status: Status | None = None, **more: object) -> Verdict:
    status = status or (Status.RACE if findings else Status.PASSED)
    passed = status is Status.PASSED
    return Verdict(
        "0123", "virtual:h100", status, "in words", Figure(1.0, "us", "virtual:h100", "modelled") if passed else None,
        checks=(Check("sanitizer", passed, "4 runs"),), findings=findings, remarks=remarks, sanitizing=COVERED, **more,
    )  # fmt: skip


EVERYTHING = verdict(RACE, IN_A_HEADER, NOWHERE, NEW_KIND, remarks=(REMARK,))
