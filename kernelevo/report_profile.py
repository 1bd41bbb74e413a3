"""`kernelevo profile`: where a kernel's time goes, for a kernel engineer.

Per case the time and its floor, per launch what every resource alone would need, how the launch sits on an SM, how
efficient its memory access is, and the source lines that cause it. Counts are exact; times say how they were got.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kernelevo.answer import Floor
from kernelevo.report_counters import microseconds
from kernelevo.report_reasons import oracle_labels, resource, sample_labels, why
from kernelevo.types import LineCounts, StepReport, Verdict

HOT_LINES = 12
"""Source lines shown of a launch; the rest seldom decides anything."""
_NUMBERS_WIDTH = 78
"""What the columns of a hot line before its source may take."""
_NARROWEST = 24
_BY_WAVEFRONTS = ("shared memory",)
_BY_SECTORS = ("latency", "L1 sectors", "L2 bandwidth", "DRAM bandwidth", "atomics")
_ACCESSES = (
    ("global loads", "global_load", "sectors"),
    ("global stores", "global_store", "sectors"),
    ("global atomics", "global_atomic", "sectors"),
    ("local memory (spills)", "local", "sectors"),
    ("shared loads", "shared_load", "wavefronts"),
    ("shared stores", "shared_store", "wavefronts"),
    ("shared atomics", "shared_atomic", "wavefronts"),
)


@dataclass(frozen=True)
class HotLine:
    """Counts of one source line, summed over its instructions. Line 0 is what the compiler gave no line."""

    line: int
    warp_instructions: int
    requests: int
    sectors: int
    wavefronts: int
    divergent: int


def print_profile(console: Console, verdict: Verdict, source: str, floors: Mapping[str, Floor]) -> None:
    """Per case and launch: time, bounds, occupancy, access efficiency, hot source lines."""
    for label in [*sample_labels(verdict), *oracle_labels(verdict)]:
        console.print(escape(label), soft_wrap=True)
    for case in verdict.cases:
        console.print(f"[bold]{escape(case.name)}[/bold]: {case.time}", soft_wrap=True)
        for sentence in why(case, floors.get(case.name)):
            console.print(f"  {escape(sentence)}", soft_wrap=not console.is_terminal)
        for step in case.steps:
            console.print(_headline(step, verdict), soft_wrap=not console.is_terminal)
            console.print(_bounds(step), soft_wrap=not console.is_terminal)
            console.print(_access_table(step.counts))
            for line in (*_work(step.counts), *machine_code_lines(step.details)):
                console.print(f"  {line}", soft_wrap=True)
            if step.lines:
                console.print(_line_table(step, source.splitlines(), console.width - _NUMBERS_WIDTH))


def _headline(step: StepReport, verdict: Verdict) -> str:
    """The launch, its size, its time, and what it takes of an SM."""
    image = next((each for each in verdict.image.get("kernels", ()) if each.get("symbol") == step.kernel), {})
    size = "".join(f", {name} {_size(step.details[name])}" for name in ("grid", "block") if name in step.details)
    time = "not timed" if step.time is None else f"{microseconds(step.time):.4g} us"
    parts = [f"bound by {resource(step.limiter)}"]
    if step.occupancy is not None:
        held = step.details.get("occupancy_limiter")
        parts.append(f"occupancy {step.occupancy:.0%} where blocks run{f' (limited by {held})' if held else ''}")
    if resident := step.details.get("resident_blocks"):
        blocks = step.counts["blocks"]
        parts.append(f"{blocks:,} of the {resident:,} blocks that fit the GPU at once ({blocks / resident:.2g} waves)")
    if image:
        parts.append(f"{image['registers']} registers, {image['spill_bytes']} bytes spilled")
        # Records of before Triton do not say what the compiler wants of a launch.
        shared = {"static": image["static_shared_bytes"], "dynamic": image.get("dynamic_shared_bytes", 0)}
        parts += [f"{count} bytes of {kind} shared memory" for kind, count in shared.items() if count]
    return escape(f"launch of {image.get('name', step.kernel)}{size}: {time}; {'; '.join(parts)}")


def _size(extent: Sequence[int]) -> str:
    """(32, 1, 1) -> 32; (16, 16, 1) -> 16 x 16."""
    kept = list(extent)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return " x ".join(map(str, kept))


def _bounds(step: StepReport) -> str:
    """What every resource alone would need, largest first; the largest decides."""
    bounds = sorted(step.details.get("bounds_us", {}).items(), key=lambda item: -item[1])
    shown = ", ".join(f"{resource(name)} {value:.4g}" for name, value in bounds if value > 0)
    return f"  each resource alone would need (us): {shown}" if shown else "  the device gives no bounds per resource"


def _access_table(counts: Mapping[str, int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("memory access")
    for name in ("requests", "sectors or wavefronts", "per request"):
        table.add_column(name, justify="right")
    for label, name, unit in _ACCESSES:
        requests, moved = counts.get(f"{name}_requests", 0), counts.get(f"{name}_{unit}", 0)
        if requests:
            table.add_row(label, f"{requests:,}", f"{moved:,} {unit}", f"{moved / requests:.2f}")
    for label, names in (("L2", "l2"), ("DRAM", "dram")):
        moved = counts.get(f"{names}_read_sectors", 0) + counts.get(f"{names}_write_sectors", 0)
        if moved:
            table.add_row(label, "", f"{moved:,} sectors", f"({moved * 32 / 1e6:.4g} MB)")
    return table


def _work(counts: Mapping[str, int]) -> list[str]:
    instructions = counts.get("warp_instructions", 0)
    if not instructions:
        return []
    lanes = counts.get("thread_instructions", 0) / instructions
    parts = [f"{instructions:,} warp instructions, {lanes:.1f} of 32 lanes active"]
    if counts.get("divergent_branches"):
        parts.append(f"{counts['divergent_branches']:,} of {counts['branches']:,} branches diverge")
    if counts.get("barriers"):
        parts.append(f"{counts['barriers']:,} barriers")
    if counts.get("global_atomic_hottest"):
        parts.append(f"{counts['global_atomic_hottest']:,} atomic updates of the hottest address")
    return ["; ".join(parts)]


def machine_code_lines(details: Mapping[str, Any]) -> list[str]:
    """How well the counts that the time was modelled from agree with the machine code, as far as it was read."""
    said = details.get("machine_code")
    if said is None:
        return ["machine code not read: the time is modelled from the PTX alone"] if "bounds_us" in details else []
    largest = sorted(said["by_class"].items(), key=lambda item: -abs(item[1]["ptx"] - item[1]["machine"]))[:3]
    shown = ", ".join(f"{name} {each['ptx']:,} -> {each['machine']:,}" for name, each in largest)
    return [
        f"machine code ({said['source']}): agreement {said['agreement']:.2f}, "
        f"{said['agreement_of_ptx']:.2f} before correction; {said['known']:.0%} of the instructions matched; "
        f"PTX -> machine: {shown}"
    ]


def hot_lines(step: StepReport) -> list[HotLine]:
    """The lines that cause most of what the launch is bound by, worst first."""
    totals: dict[int, list[int]] = defaultdict(lambda: [0] * 5)
    for line in step.lines:
        for place, value in enumerate(_counts(line)):
            totals[line.source.line][place] += value
    lines = [HotLine(line, *values) for line, values in totals.items()]
    return sorted(lines, key=lambda each: (*_heat(each, step.limiter), each.line))[:HOT_LINES]


def _counts(line: LineCounts) -> tuple[int, int, int, int, int]:
    return line.warp_instructions, line.requests, line.sectors, line.wavefronts, line.divergent


def _heat(line: HotLine, limiter: str) -> tuple[int, int]:
    if limiter in _BY_WAVEFRONTS:
        return -line.wavefronts, -line.warp_instructions
    if limiter in _BY_SECTORS:
        return -line.sectors, -line.warp_instructions
    return -line.warp_instructions, -line.sectors


def _line_table(step: StepReport, source: Sequence[str], width: int) -> Table:
    order = "wavefronts" if step.limiter in _BY_WAVEFRONTS else "sectors" if step.limiter in _BY_SECTORS else ""
    title = f"hottest source lines, by {order or 'warp instructions'}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("line", "instructions", "share", "requests", "sectors", "each", "wavefronts"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("source", no_wrap=True, overflow="ellipsis", max_width=max(width, _NARROWEST))
    total = sum(line.warp_instructions for line in step.lines)
    for hot in hot_lines(step):
        text = source[hot.line - 1].strip() if 0 < hot.line <= len(source) else ""
        each = f"{hot.sectors / hot.requests:.1f}" if hot.requests and hot.sectors else "-"
        share = f"{hot.warp_instructions / total:.0%}" if total else "-"
        numbers = (f"{value:,}" for value in (hot.requests, hot.sectors))
        table.add_row(
            str(hot.line or "-"), f"{hot.warp_instructions:,}", share, *numbers, each, f"{hot.wavefronts:,}",
            escape(text),
        )  # fmt: skip
    return table
