"""Launches made by hand for the tests of the diagnosis: a small card, counts, and instructions with their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernelevo.diagnosis.subject import Card, Resources, Subject
from kernelevo.types import Figure, LineCounts, SourceLine, StepReport

DEVICE = "virtual:test"
FILE = "k.cu"


def blocks_per_sm(threads: int, registers: int, shared_bytes: int) -> int:
    """An SM with room for 64 warps, 32 blocks, 65,536 registers and 100,000 bytes of shared memory."""
    warps = -(-threads // 32)
    limits = [64 // warps, 32, 65536 // (registers * 32 * warps)]
    return min([*limits, 100_000 // shared_bytes] if shared_bytes else limits)


CARD = Card(
    "a card for tests", sms=10, warps_per_sm=64, launch_us=2.0,
    bytes_per_us={"L1": 8e6, "shared memory": 4e6, "L2": 2e6, "DRAM": 1e6},
    flop_per_us={"FP32": 1e7, "FP64": 5e6, "FP16": 2e7, "tensor": 1e8}, instructions_per_us=1e6,
    blocks_per_sm=blocks_per_sm,
)  # fmt: skip


def line(
    number: int, instruction: str, executed: int = 100, requests: int | None = None, sectors: int = 0,
    wavefronts: int = 0, threads: int | None = None, divergent: int = 0, ptx_line: int = 0, slots: int = 0,
    file: str = FILE,
) -> LineCounts:  # fmt: skip
    """One instruction at a source line; all lanes take part and each execution is a request, unless it is said."""
    moves = sectors or wavefronts
    return LineCounts(
        SourceLine(file, number), ptx_line, instruction, executed, 32 * executed if threads is None else threads,
        (executed if moves else 0) if requests is None else requests, sectors, wavefronts, divergent, "", slots,
    )  # fmt: skip


def subject(
    bounds: Mapping[str, float], *lines: LineCounts, counts: Mapping[str, int] | None = None, threads: int = 256,
    blocks: int = 80, registers: int = 32, shared: int = 0, spills: int = 0, card: Card | None = CARD,
    dims: Mapping[str, int] | None = None, arguments: Sequence[int | None] = (), least_bytes: int = 0,
    details: Mapping[str, Any] | None = None,
) -> Subject:  # fmt: skip
    """A launch of `blocks` blocks whose counts are the sums over its lines, with `counts` on top. The longest bound
    limits it; its time is that and the card's launch.
    """
    limiter = max(bounds, key=lambda name: bounds[name], default="")
    time = Figure(max(bounds.values(), default=0.0) + 2.0, "us", DEVICE, "modelled")
    summed = {
        "blocks": blocks, "warps": blocks * -(-threads // 32),
        "warp_instructions": sum(each.warp_instructions for each in lines),
        "thread_instructions": sum(each.thread_instructions for each in lines),
    }  # fmt: skip
    step = StepReport(
        "k", {**summed, **(counts or {})}, lines, "", time, limiter, 1.0,
        {"bounds_us": dict(bounds), "block": (threads, 1, 1), "grid": (blocks, 1, 1), **(details or {})},
    )  # fmt: skip
    took = Resources(registers, shared, spills)
    return Subject(step, "k", FILE, dims or {}, took, tuple(arguments), card, least_bytes)
