"""Loops whose label the time model does not see, so that their machine code is taken for that of the block before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from kernelevo.devices import gpus, machine_code
from kernelevo.devices.virtual import PREFIX, VirtualDevice
from kernelevo.disassembler import open_disassembler
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.kernels import elementwise, gain
from kernelevo.redteam.range import Range
from kernelevo.types import Budget, LineCounts

_BUDGET = Budget(seconds=60.0, memory_bytes=1 << 30, warp_instructions=100_000_000)
_PROBLEM = problems.ADD.with_cases(["n=200000"])
_BODY = "\\n".join(f"fma.rn.f32 %{at}, %{at}, %{at}, %{at};" for at in range(16))
_LOOP = """if (i >= n) return;
    float t[16]; for (int k = 0; k < 16; k++) t[k] = a[i];
    asm volatile("{ .reg .u32 k; .reg .pred p;\\n mov.u32 k, 100;\\n LABEL\\n BODY\\n add.u32 k, k, -1;\\n"
        " setp.ne.u32 p, k, 0;\\n @p bra AGAIN;\\n }" : OUTPUTS);
    float s = 0; for (int k = 0; k < 16; k++) s += t[k];
    c[i] = s == 1234.5f ? s : a[i] + b[i];"""


def _text(label: str) -> str:
    outputs = ", ".join(f'"+f"(t[{k}])' for k in range(16))
    return elementwise(_LOOP.replace("OUTPUTS", outputs).replace("BODY", _BODY).replace("LABEL", label))


@contextmanager
def _labels_only() -> Iterator[None]:
    """Blocks begin where a line looks like a label, as they did; what was counted has no say."""
    before = machine_code._begins

    def begins(last: LineCounts, line: LineCounts, labels: set[int]) -> bool:
        return before(last, replace(line, warp_instructions=last.warp_instructions), labels)

    machine_code._begins = begins
    try:
        yield
    finally:
        machine_code._begins = before


def _hidden(range_: Range, defended: bool) -> Outcome | Skipped:
    disassembler, _, missing = open_disassembler(range_.wall)
    if disassembler is None:
        return Skipped(missing)
    device = VirtualDevice(gpus.gpu(range_.virtual_name.removeprefix(PREFIX)), range_.wall, disassembler)
    shown, hidden = (_text(label) for label in ("AGAIN:", "/* */ AGAIN:"))
    honest = range_.judge(_PROBLEM, shown, mode="search", device=device, budget=_BUDGET)
    if defended:
        return gain(range_.judge(_PROBLEM, hidden, mode="search", device=device, budget=_BUDGET), honest)
    with _labels_only():
        return gain(range_.judge(_PROBLEM, hidden, mode="search", device=device, budget=_BUDGET), honest)


ATTACKS = [
    Attack(
        "a loop behind a comment", ("K32",), "hides the label of its loop behind a comment in inline assembly",
        "device code", ("blocks end where counts change",), _hidden,
    ),
]  # fmt: skip
