"""The figures of a launch in words, as terminal and page say them alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernelevo.counting import counted
from kernelevo.diagnosis.bounds import resource
from kernelevo.diagnosis.memory_rules import size_words
from kernelevo.diagnosis.residency import Residency, lifts, residency
from kernelevo.diagnosis.roofline import Roofline, roofline
from kernelevo.diagnosis.schedule_rules import lift_words
from kernelevo.diagnosis.subject import Subject
from kernelevo.diagnosis.traffic import Traffic, traffic
from kernelevo.diagnosis.work import lanes
from kernelevo.diagnosis.work_rules import mix_words


def extent_words(extent: Sequence[int]) -> str:
    """(32, 1, 1) -> 32; (16, 16, 1) -> 16 x 16."""
    kept = list(extent)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return " x ".join(map(str, kept))


def headline(subject: Subject) -> str:
    """The launch, its size, its time, and what it takes of an SM."""
    step, took = subject.step, subject.resources
    size = "".join(f", {name} {extent_words(step.details[name])}" for name in ("grid", "block") if name in step.details)
    time = "not timed" if step.time is None else f"{step.time.microseconds:.4g} us"
    parts = [f"bound by {resource(step.limiter)}"]
    if step.occupancy is not None:
        held = step.details.get("occupancy_limiter")
        parts.append(f"occupancy {step.occupancy:.0%} where blocks run{f' (limited by {held})' if held else ''}")
    if resident := step.details.get("resident_blocks"):
        blocks = step.counts["blocks"]
        waves = blocks / resident
        parts.append(f"{blocks:,} of the {counted(resident, 'block')} that fit the GPU at once ({waves:.2g} waves)")
    if took is not None:
        parts.append(f"{counted(took.registers, 'register')}, {counted(took.spill_bytes, 'byte')} spilled")
        parts += [f"{counted(took.shared_bytes, 'byte')} of shared memory"] if took.shared_bytes else []
    # A step that clears a buffer is "zero NAME"; no kernel's name has a space.
    what = "" if step.kernel.startswith("zero ") else "launch of "
    return f"{what}{subject.name}{size}: {time}; {'; '.join(parts)}"


def spill_words(subject: Subject, more: str = "") -> str:
    """What is spilled and charged for it, which stands in no line of the source, and `more`; an empty string without
    spills.
    """
    line, took = subject.spilled, subject.resources
    if line is None:
        return ""
    stored = f"{counted(took.spill_bytes, 'byte')} a thread, " if took else ""
    return f"{stored}{counted(line.sectors, 'sector')} charged{more}"


def confidence_words(subject: Subject) -> list[str]:
    """How far the modelled time may be trusted, where the device says more than its band."""
    details = subject.step.details
    words = []
    if "confidence" in details:
        band = f", within a factor of {details['band']:g} either way" if "band" in details else ""
        reasons = "; ".join(details.get("confidence_reasons", ()))
        words.append(f"confidence in the time: {details['confidence']}{band}{f' ({reasons})' if reasons else ''}")
    return [*words, *machine_code_words(details)]


def machine_code_words(details: Mapping[str, Any]) -> list[str]:
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


def occupancy_words(subject: Subject) -> list[str]:
    """How many warps are resident, what limits them, and what would lift that."""
    held = residency(subject)
    if held is None:
        return []
    limits = ", ".join(f"{name} {count}" for name, count in held.limits.items())
    words = [
        f"{_fit(held)}; in this launch {held.active_warps} of {counted(held.max_warps, 'warp')} on the busiest SM, "
        f"{held.sms_used} of {held.sms} SMs used; limits in blocks: {limits}"
    ]
    return words + [f"to lift it: {' or '.join(found)}" for found in [list(map(lift_words, lifts(subject)))] if found]


def _fit(held: Residency) -> str:
    return (
        f"{counted(held.blocks, 'block')} of {counted(held.warps_per_block, 'warp')} fit an SM "
        f"({held.share:.0%} of its warps)"
    )


def roofline_words(subject: Subject) -> str:
    """Where the launch lies under its lowest roof; an empty string where that cannot be said."""
    roof = roofline(subject)
    if roof is None:
        return ""
    name, value = next(iter(roof.roofs.items()))
    under = f"{share_words(roof.fraction)} of its lowest roof ({name}, {rate_words(roof, value)})"
    levels = ", ".join(f"{point.level} {point.intensity:.3g}" for point in roof.points)
    return (
        f"{amount_words(roof.work, roof.unit)} in {roof.us:.4g} us: {rate_words(roof, roof.attained)}, "
        f"{under}; {roof.unit} per byte: {levels}"
    )


def rate_words(roof: Roofline, per_us: float) -> str:
    return amount_words(per_us * 1e6, "FLOP/s" if roof.unit == "FLOP" else "instr/s")


def share_words(share: float) -> str:
    """0.5 -> 50%, 0.0024 -> 0.24%."""
    return f"{share:.0%}" if share >= 0.01 or not share else f"{share:.2%}"


def amount_words(value: float, unit: str = "") -> str:
    """12345678 FLOP -> 12.3 MFLOP, to three digits; a unit of several words stands apart."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if value >= size:
            apart = " " if " " in unit else ""
            return f"{value / (1e3 if prefix == 'k' else size):.3g} {prefix}{apart}{unit}"
    return f"{value:,.4g} {unit}".rstrip()


def work_words(subject: Subject) -> str:
    """Instructions, lanes, branches, barriers; an empty string where nothing was counted."""
    counts = subject.counts
    instructions = counts.get("warp_instructions", 0)
    if not instructions:
        return ""
    parts = [f"{instructions:,} warp instructions, {lanes(counts):.1f} of 32 lanes active"]
    if mix := mix_words(subject):
        parts.append(mix)
    if counts.get("divergent_branches"):
        parts.append(f"{counts['divergent_branches']:,} of {counted(counts['branches'], 'branch')} diverge")
    if counts.get("barriers"):
        parts.append(counted(counts['barriers'], "barrier"))
    if counts.get("global_atomic_hottest"):
        parts.append(f"{counts['global_atomic_hottest']:,} atomic updates of the hottest address")
    return "; ".join(parts)


def traffic_words(subject: Subject) -> str:
    """L1 -> L2 -> DRAM with the rates of hits; an empty string where nothing moved."""
    moved = traffic(subject.counts)
    if not moved.global_sectors and not moved.dram_bytes:
        return ""
    l1 = f"L1 {size_words(moved.l1_bytes)}{_hit(moved.l1_hits, ' of loads')}"
    l2 = f"L2 {size_words(moved.l2_bytes)}{_hit(moved.l2_hits)}"
    return f"{l1} -> {l2} -> DRAM {size_words(moved.dram_bytes)} ({_ways(moved)})"


def _hit(rate: float | None, of: str = "") -> str:
    return "" if rate is None else f" ({rate:.0%}{of} hit)"


def _ways(moved: Traffic) -> str:
    return f"{size_words(32 * moved.dram_read_sectors)} read, {size_words(32 * moved.dram_write_sectors)} written"
