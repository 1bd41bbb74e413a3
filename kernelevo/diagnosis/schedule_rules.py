"""What is wrong with how a launch fills the GPU: idle SMs, too few warps, limits of occupancy, tails, launching itself,
lanes that are switched off, barriers.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernelevo.counting import counted
from kernelevo.diagnosis.access import opcode
from kernelevo.diagnosis.bounds import explained, next_after, resource, summed_us
from kernelevo.diagnosis.finding import Finding, figure, own_lines, place
from kernelevo.diagnosis.residency import Lift, Residency, lifts, residency
from kernelevo.diagnosis.subject import Subject
from kernelevo.diagnosis.work import lanes
from kernelevo.types import LineCounts

FULL_ENOUGH = 0.75
"""Share of an SM's warps from which on more occupancy seldom helps (Volkov 2016)."""
UNEVEN = 0.15
ACTIVE = 28
"""Lanes of 32, below which divergence is worth a word."""
MANY_BARRIERS = 8
_UNITS = ("issue", "fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "shuffle")


def bound(subject: Subject) -> Iterator[Finding]:
    """What decides the time, and what would decide next."""
    if not subject.bounds_us or subject.step.time is None:
        return
    time, bounds = subject.step.time.microseconds, summed_us([subject.step])
    first, longest = next(iter(bounds.items()))
    later = next_after(first, bounds)
    after = f"; next is {resource(later[0])}, {later[1]:.4g} us" if later else ""
    yield Finding(
        "bound", f"bound by {explained(first)}: {longest:.4g} of {time:.4g} us{after}", "",
        {f"{resource(name)} us": us for name, us in list(bounds.items())[:3] if us}, weight=1.0,
    )  # fmt: skip


def launch_overhead(subject: Subject) -> Iterator[Finding]:
    """Launching takes most of the time."""
    if subject.card is None or subject.step.time is None:
        return
    time = subject.step.time.microseconds
    launch = subject.step.details.get("launch_us", subject.card.launch_us)
    if launch < 0.4 * time:
        return
    yield Finding(
        "launch_overhead",
        f"launching takes {figure(launch)} of {time:.4g} us: the kernel itself is short",
        "give one launch more to do: fuse it with its neighbours, or put the calls into a CUDA graph"
        if subject.block
        else "clear it in a kernel that runs anyway, or write results so that nothing need be cleared",
        {"launch us": launch, "time us": time},
        weight=launch / time,
    )


def idle_sms(subject: Subject) -> Iterator[Finding]:
    """The grid has fewer blocks than the GPU has SMs."""
    held = residency(subject)
    if held is None or held.sms_used == held.sms:
        return
    yield Finding(
        "idle_sms",
        f"{counted(held.grid_blocks, 'block')} leave{'s' * (held.grid_blocks == 1)} {held.sms - held.sms_used} of "
        f"{held.sms} SMs without work",
        "split the work into more blocks: fewer rows or elements a block, a block or a warp for each row instead of a "
        "thread, or the long axis among several blocks",
        {"blocks": held.grid_blocks, "SMs": held.sms, "threads of a block": subject.threads},
        weight=1 - held.sms_used / held.sms,
    )  # fmt: skip


def few_warps(subject: Subject) -> Iterator[Finding]:
    """Latency decides and there are few warps to hide it."""
    held = residency(subject)
    if held is None or subject.kernel_limiter != "latency" or held.active_warps >= FULL_ENOUGH * held.max_warps:
        return
    chain = subject.counts.get("chain_cycles_max", 0)
    yield Finding(
        "few_warps",
        f"one warp's chain of dependent instructions takes {counted(chain, 'cycle')}, with {held.active_warps} of "
        f"{held.max_warps} "
        "warps resident on the busiest SM",
        "more warps at a time (smaller pieces of work a thread, more blocks), or more independent work in each: "
        "several loads under way before the first is used, unrolled loops with several sums",
        {"chain cycles": chain, "resident warps": held.active_warps, "warps of an SM": held.max_warps},
        weight=subject.share_of_time("latency") * (1 - held.active_warps / held.max_warps),
    )  # fmt: skip


def long_chain(subject: Subject) -> Iterator[Finding]:
    """Latency decides although the SMs are full of warps."""
    held = residency(subject)
    if held is None or subject.kernel_limiter != "latency" or held.active_warps < FULL_ENOUGH * held.max_warps:
        return
    chain = subject.counts.get("chain_cycles_max", 0)
    yield Finding(
        "long_chain",
        f"one warp's chain of dependent instructions takes {counted(chain, 'cycle')} although {held.active_warps} of "
        f"{counted(held.max_warps, 'warp')} are resident",
        "shorten the chain: start loads well before their values are used, keep several sums instead of one, unroll, "
        "fewer barriers between loads and their use",
        {"chain cycles": chain, "resident warps": held.active_warps, "warps of an SM": held.max_warps},
        weight=subject.share_of_time("latency") * 0.7,
    )  # fmt: skip


def limited_occupancy(subject: Subject) -> Iterator[Finding]:
    """Registers, shared memory or the block's size keep warps out that the grid would have."""
    held = residency(subject)
    if held is None or held.share >= FULL_ENOUGH or held.active_warps < held.blocks * held.warps_per_block:
        return
    yield Finding(
        "limited_occupancy",
        f"{held.limiter} limit occupancy: {counted(held.blocks, 'block')} of {counted(held.warps_per_block, 'warp')} "
        "on an SM, "
        f"{held.share:.0%} "
        f"of {counted(held.max_warps, 'warp')}".replace("shared memory limit ", "shared memory limits "),
        " or ".join(map(lift_words, lifts(subject))) or "smaller blocks leave less of an SM empty",
        {**{f"blocks by {name}": count for name, count in held.limits.items()}, "threads of a block": subject.threads},
        weight=max(subject.share_of_time("latency"), 0.3) * (1 - held.share),
    )


def lift_words(lift: Lift) -> str:
    """What would let more warps in, as a clause."""
    blocks = f"{counted(lift.blocks, 'block')} would fit ({lift.share:.0%} of the warps)"
    if lift.what == "threads of a block":
        return f"with {lift.to} threads a block (now {lift.now}) {blocks}"
    return f"with {lift.to:,} {lift.what} or fewer (now {lift.now:,}) {blocks}"


def tail(subject: Subject) -> Iterator[Finding]:
    """The last wave of blocks, or the last block of some SMs, leaves others without work."""
    held = residency(subject)
    if held is None or held.grid_blocks < held.sms:
        return
    yield from _last_wave(held, subject.kernel_limiter) if held.waves > 1 else _uneven_sms(held)


def _last_wave(held: Residency, limiter: str) -> Iterator[Finding]:
    """A wave takes as long as its blocks only where latency decides; else the busiest SM has a block more than others,
    and that is all that fewer blocks would save.
    """
    lost = held.tail if limiter == "latency" else _uneven(held)
    if min(held.tail, lost) < UNEVEN:
        return
    fit = held.blocks * held.sms
    last = held.grid_blocks % fit
    yield Finding(
        "tail",
        f"tail: {held.waves:.2f} waves; the last holds {last:,} of the {counted(fit, 'block')} that fit, so "
        f"{held.tail:.0%} of all places stay empty",
        "choose blocks so that their number is a little under a multiple of what fits, or let each block take several "
        "pieces in a loop (grid-stride)",
        {"blocks": held.grid_blocks, "blocks that fit": fit, "waves": held.waves},
        weight=lost,
    )  # fmt: skip


def _uneven_sms(held: Residency) -> Iterator[Finding]:
    busiest = -(-held.grid_blocks // held.sms)
    empty = _uneven(held)
    if empty < UNEVEN:
        return
    yield Finding(
        "tail",
        f"tail: {counted(held.grid_blocks, 'block')} on {held.sms} SMs: the busiest has {busiest}, the mean "
        f"{held.grid_blocks / held.sms:.2f}, so SMs wait for {empty:.0%} of the time",
        "smaller blocks of work spread more evenly; a multiple of the number of SMs is best",
        {"blocks": held.grid_blocks, "SMs": held.sms, "blocks of the busiest SM": busiest},
        weight=empty,
    )


def _uneven(held: Residency) -> float:
    """Share of the busiest SM's time that the mean SM has no block for."""
    return 1 - held.grid_blocks / (-(-held.grid_blocks // held.sms) * held.sms)


def partial_warps(subject: Subject) -> Iterator[Finding]:
    """A block whose size is not a multiple of 32 has a warp with idle lanes."""
    threads = subject.threads
    idle = subject.warps * 32 - threads
    if not threads or not idle:
        return
    yield Finding(
        "partial_warps",
        f"blocks of {counted(threads, 'thread')}: the last warp of each has {32 - idle} of 32 lanes",
        f"use a multiple of 32 threads, like {subject.warps * 32}",
        {"threads of a block": threads, "idle lanes of a block": idle},
        weight=idle / (subject.warps * 32),
    )


def small_tile(subject: Subject) -> Iterator[Finding]:
    """A Triton program has more lanes than its tiles have elements, so several lanes hold and compute each."""
    tile, threads = subject.tile, subject.threads
    if not tile or tile >= threads:
        return
    warps = max(tile // 32, 1)
    fewer = f"num_warps={warps}, or " if warps < subject.warps else ""
    yield Finding(
        "small_tile",
        f"tiles of {counted(tile, 'element')} for {threads} lanes ({counted(subject.warps, 'warp')}): "
        f"{figure(threads / tile)} lanes do the work of each element",
        f"{fewer}a tile of {threads} elements or more",
        {"elements of a tile": tile, "lanes of a program": threads},
        weight=(1 - tile / threads) * max(subject.share_of_time(*_UNITS), 0.5 * subject.share_of_time("latency")),
    )  # fmt: skip


def divergence(subject: Subject) -> Iterator[Finding]:
    """Lanes wait while others of their warp take another way."""
    mean = lanes(subject.counts)
    whole = 32 * subject.threads / (32 * subject.warps) if subject.threads else 32
    lines = [line for line in subject.by_line if line.lanes and line.lanes < min(ACTIVE, whole - 0.5)]
    if not mean or not lines:
        return
    worst = max(lines, key=lambda line: (32 * line.warp_instructions - line.thread_instructions, -line.line))
    total = subject.counts["warp_instructions"]
    lost = sum(32 * line.warp_instructions - line.thread_instructions for line in lines) / (32 * total)
    yield Finding(
        "divergence",
        f"{place(subject, worst)}: {figure(worst.lanes)} of 32 lanes active, {worst.warp_instructions / total:.0%} of "
        f"the instructions{_cause(subject)}",
        "let whole warps take the same way: give neighbouring threads work of one kind and length, or sort it",
        {"active lanes": worst.lanes, "warp instructions": worst.warp_instructions,
         "divergent branches": subject.counts.get("divergent_branches", 0)},
        own_lines(subject, worst),
        lost * max(subject.share_of_time(*_UNITS), 0.5 * subject.share_of_time("latency")),
    )  # fmt: skip


def _cause(subject: Subject) -> str:
    branching = [line for line in subject.by_line if line.divergent]
    if not branching:
        return "; the others are switched off by predicates"
    branch = max(branching, key=lambda line: (line.divergent, -line.line))
    return f": divergence at {place(subject, branch)}, {counted(branch.divergent, 'time')}"


_FEWER_TRITON = "larger blocks along the loop, or more num_stages, so that the next tile is under way while one is used"
_FEWER_CUDA = (
    "do more between two barriers (a larger tile), fetch the next tile while this one is used (double buffering), or "
    "__syncwarp() where only a warp shares data"
)


def barriers(subject: Subject) -> Iterator[Finding]:
    """Warps meet often while latency decides."""
    count, warps = subject.counts.get("barriers", 0), subject.counts.get("warps", 0)
    if not warps or count < MANY_BARRIERS * warps or subject.kernel_limiter != "latency":
        return
    waits = [line for line in subject.by_line if any(map(_is_barrier, line.ptx))]
    line = max(waits, key=lambda each: each.warp_instructions, default=None)
    yield Finding(
        "barriers",
        f"{place(subject, line) + ': ' if line else ''}each warp waits at {figure(count / warps)} barriers",
        _FEWER_TRITON if subject.file.endswith(".py") else _FEWER_CUDA,
        {"barriers": count, "warps": warps},
        own_lines(subject, line) if line else (),
        0.15 * subject.share_of_time("latency"),
    )  # fmt: skip


def _is_barrier(line: LineCounts) -> bool:
    return opcode(line.instruction)[:1] in (("bar",), ("barrier",))
