"""What is wrong with a launch's way of using memory: scattered, misaligned or narrow accesses, bank conflicts, spills,
atomics, traffic that reuse would save.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kernelevo.counting import counted
from kernelevo.diagnosis.access import SECTOR, WAVEFRONT, access, least_sectors, least_wavefronts, opcode
from kernelevo.diagnosis.finding import Finding, figure, own_lines, place
from kernelevo.diagnosis.lines import LineTotals
from kernelevo.diagnosis.strides import explains_sectors, explains_wavefronts
from kernelevo.diagnosis.subject import Subject
from kernelevo.diagnosis.traffic import traffic
from kernelevo.types import LineCounts

SCATTERED = 1.5
"""Times the least sectors, from which on an access is called scattered; below, down to this, misaligned."""
MISALIGNED = 1.1
CONFLICT = 1.5
REFETCH = 0.35
AGAIN = 2
"""Times the bytes that are different, from which on they are said to be fetched again."""
_STRONG = frozenset(("volatile", "acquire", "relaxed", "cv", "mmio"))
"""Loads that ask L2 each time."""
DECIDES = 0.5
"""Shares of the longest bound from which on another one is worth a word."""
_VERBS = {"load": ("load", "read"), "copy": ("copy", "read"), "store": ("store", "write")}


@dataclass(frozen=True)
class _Group:
    """The accesses of one source line in one direction."""

    line: LineTotals
    verb: str
    ptx: tuple[LineCounts, ...]
    requests: int
    moved: int
    least: int

    @property
    def shared(self) -> bool:
        return bool(self.ptx[0].wavefronts)

    @property
    def excess(self) -> int:
        return self.moved - self.least

    @property
    def worst(self) -> LineCounts:
        return max(self.ptx, key=lambda each: (each.sectors + each.wavefronts, -each.ptx_line))


def uncoalesced(subject: Subject) -> Iterator[Finding]:
    """Lanes of a warp read or write sectors that they use a small part of."""
    scattered = [group for group in _groups(subject, "global") if group.moved >= SCATTERED * group.least]
    yield from _told(subject, "uncoalesced", scattered, _where_apart, _along)


def misaligned(subject: Subject) -> Iterator[Finding]:
    """Dense accesses that begin in the middle of a sector touch one sector more."""
    found = [
        group
        for group in _groups(subject, "global")
        if MISALIGNED * group.least <= group.moved < SCATTERED * group.least and _dense(subject, group)
    ]
    why = ": neighbouring lanes are neighbours in memory, but rows begin in the middle of a sector"
    advice = "let each row begin at a multiple of 32 bytes (pad the rows), or shift the first lane to such a place"
    yield from _told(subject, "misaligned", found, lambda *_: why, lambda *_: advice)


def bank_conflicts(subject: Subject) -> Iterator[Finding]:
    """Lanes of a warp ask one bank of shared memory for different words."""
    conflicts = [group for group in _groups(subject, "shared") if group.moved >= CONFLICT * group.least]
    yield from _told(subject, "bank_conflicts", conflicts, _where_banks, lambda *_: _PADDING)


def _told(
    subject: Subject, rule: str, groups: Sequence[_Group], why: Callable[[Subject, _Group], str],
    advice: Callable[[Subject, _Group], str],
) -> Iterator[Finding]:  # fmt: skip
    """One finding for all lines of which the same is to be said, the worst line first."""
    alike: dict[tuple[str, str], list[_Group]] = {}
    for group in sorted(groups, key=lambda each: (-each.excess, each.line.line)):
        alike.setdefault((f"{_extent(group)}{why(subject, group)}", advice(subject, group)), []).append(group)
    for (said, helps), same in alike.items():
        lines = [group.line for group in same]
        yield Finding(
            rule, f"{place(subject, *lines)}: {said}", helps, _evidence(same), own_lines(subject, *lines),
            _weight_of(subject, same),
        )  # fmt: skip


def _extent(group: _Group) -> str:
    """How much is moved, and how little would do."""
    each, least = group.moved / group.requests, group.least / group.requests
    if group.shared:
        return (
            f"{figure(group.moved / group.least)}-way bank conflicts in shared memory, {figure(each)} wavefronts per "
            f"{_VERBS[group.verb][0]} request where {figure(least)} would do"
        )
    return f"{figure(each)} sectors per {_VERBS[group.verb][0]} request where {figure(least)} would do"


def _evidence(groups: Sequence[_Group]) -> dict[str, float]:
    unit = "wavefronts" if groups[0].shared else "sectors"
    return {
        "requests": sum(group.requests for group in groups),
        unit: sum(group.moved for group in groups),
        f"least {unit}": sum(group.least for group in groups),
    }


def _weight_of(subject: Subject, groups: Sequence[_Group]) -> float:
    excess, moved = sum(group.excess for group in groups), traffic(subject.counts)
    if groups[0].shared:
        return _weight(subject, excess, moved.shared_wavefronts, "shared memory", "latency")
    return _weight(subject, excess, moved.global_sectors, "L1 sectors", "L2 bandwidth", "latency")


_PADDING = "pad each row of the tile by one element (tile[32][33]), or mix the row's bits into the column (swizzle)"


_VECTORS_CUDA = "let each lane load 16 bytes at once (float4) where alignment and the row's length allow"
_VECTORS_TRITON = (
    "let each lane have four neighbouring elements (a tile of 128 elements for each warp, or fewer warps), whose "
    "addresses Triton knows to be multiples of 16 bytes"
)


def scalar_accesses(subject: Subject) -> Iterator[Finding]:
    """Dense loads of four bytes a lane, where requests or the wait for them decide: one vector load does four."""
    instructions = subject.counts.get("warp_instructions", 0)
    narrow = [group for group in _groups(subject, "global", ("load",)) if _is_narrow(subject, group)]
    if not narrow or not instructions:
        return
    group = max(narrow, key=lambda each: each.requests)
    # A load comes with its address arithmetic and its share of a loop: some three instructions.
    weight = min(1.0, 3 * group.requests / instructions) * subject.share_of_time("issue", "latency")
    yield Finding(
        "scalar_accesses",
        f"{place(subject, group.line)}: {group.requests:,} load requests of 4 bytes a lane, dense",
        f"{_VECTORS_TRITON if subject.file.endswith('.py') else _VECTORS_CUDA}: a quarter of the requests and of their "
        "address arithmetic, and more bytes on their way at a time",
        {"requests": group.requests, "bytes of a lane": 4, "warp instructions": instructions},
        own_lines(subject, group.line),
        weight * 0.5,
    )  # fmt: skip


def _is_narrow(subject: Subject, group: _Group) -> bool:
    steps = subject.lane_steps
    return all(
        (moved := access(each.instruction)) and moved.bytes == 4 == steps.get(each.ptx_line) for each in group.ptx
    )


def spills(subject: Subject) -> Iterator[Finding]:
    """Registers that did not fit lie in local memory."""
    took = subject.resources
    if took is None or not took.spill_bytes:
        return
    sectors = subject.counts.get("local_sectors", 0)
    yield Finding(
        "spills",
        f"spills: {counted(took.spill_bytes, 'byte')} of each thread go through local memory, at least "
        f"{counted(sectors, 'sector')}, with {counted(took.registers, 'register')} a thread",
        "use fewer values at a time (smaller tile a thread, less unrolling), or allow more registers "
        "(__launch_bounds__ with fewer blocks)",
        {"spill bytes": took.spill_bytes, "local sectors": sectors, "registers": took.registers},
        weight=max(0.1, _weight(subject, sectors, _l1_sectors(subject), "L1 sectors")),
    )  # fmt: skip


def local_arrays(subject: Subject) -> Iterator[Finding]:
    """An array of a thread whose index is not known to the compiler lies in local memory."""
    groups = _groups(subject, "local")
    if not groups:
        return
    group = max(groups, key=lambda each: each.moved)
    requests = subject.counts.get("local_requests", 0)
    yield Finding(
        "local_arrays",
        f"{place(subject, group.line)}: {counted(requests, 'request')} to local memory: an array of each thread is not "
        "in registers",
        "index it only by values known when compiling (unroll the loop over it), or put it into shared memory",
        {"local requests": requests, "local sectors": subject.counts.get("local_sectors", 0)},
        own_lines(subject, group.line),
        max(0.05, _weight(subject, group.moved, _l1_sectors(subject), "L1 sectors", "latency")),
    )


def atomics(subject: Subject) -> Iterator[Finding]:
    """Updates of one address wait for each other."""
    hottest, lanes = subject.counts.get("global_atomic_hottest", 0), subject.counts.get("global_atomic_lanes", 0)
    share = subject.share_of_time("atomics")
    groups = [line for line in subject.by_line if _moves(line, "atomic")]
    if share < DECIDES or not groups:
        return
    line = max(groups, key=lambda each: each.requests)
    yield Finding(
        "atomics",
        f"{place(subject, line)}: {hottest:,} of {lanes:,} atomic updates are of one address, and wait for each other",
        "add up in registers, then in the warp (shuffles) and the block (shared memory), and update once a block",
        {"updates of the hottest address": hottest, "updates": lanes},
        own_lines(subject, line),
        share,
    )


def refetched(subject: Subject) -> Iterator[Finding]:
    """The same bytes are fetched again and again, from L2 or through L1, and that takes the time."""
    whose, different = _different_bytes(subject)
    levels = [
        (subject.share_of_time(*bounds), level, delivered)
        for level, bounds, delivered in (
            ("L2", ("L2 bandwidth", "L2 port of an SM"), _fetched_from_l2(subject)),
            ("L1", ("L1 sectors",), _asked_of_l1(subject)),
        )
        if different and delivered >= AGAIN * different
    ]
    share, level, delivered = max(levels, default=(0.0, "", 0))
    if share < REFETCH:
        return
    times = delivered / different
    yield Finding(
        "refetched",
        f"{level} delivers {size_words(delivered)} to loads, {figure(times)} times the {size_words(different)} {whose}",
        "keep what several threads use in shared memory, or what a thread uses again in registers (tiling), and let a "
        "block compute more from what it has fetched: each block fetches for itself",
        {f"{level} bytes loaded": delivered, f"bytes {whose}": different},
        weight=share * (1 - 1 / times),
    )


def _different_bytes(subject: Subject) -> tuple[str, int]:
    """What they are, and at most how many different bytes the launch reads; 0 where that is not known.

    With L2 empty at the start, each of them comes from DRAM once, or was written before in this launch. Where earlier
    steps of the plan have left some in L2, DRAM says nothing of them: then it is what all its buffers hold.
    """
    if subject.warm:
        return "that its buffers hold", subject.buffer_bytes
    return "of DRAM", traffic(subject.counts).dram_bytes


def _fetched_from_l2(subject: Subject) -> int:
    """Bytes, without those of loads that pass L1 by and ask again on purpose, as one that waits for a flag does."""
    polled = sum(each.sectors for line in subject.by_line for each in line.ptx if _polls(each))
    return SECTOR * max(traffic(subject.counts).l2_read_sectors - polled, 0)


def _asked_of_l1(subject: Subject) -> int:
    """Bytes of the sectors that loads would take if they were dense: sectors in excess are another rule's."""
    return SECTOR * sum(group.least for group in _groups(subject, "global", ("load", "copy")))


def _polls(line: LineCounts) -> bool:
    moved = access(line.instruction)
    weak = moved is None or moved.verb != "load" or moved.space != "global"
    return not weak and not _STRONG.isdisjoint(opcode(line.instruction))


def excess_dram(subject: Subject) -> Iterator[Finding]:
    """DRAM moves more than any kernel for this problem must."""
    moved, least = traffic(subject.counts).dram_bytes, subject.least_bytes
    if not least or moved < 1.25 * least:
        return
    yield Finding(
        "excess_dram",
        f"DRAM moves {size_words(moved)}, {moved / least:.2f} times the {size_words(least)} that any kernel must move",
        "read each input once: fuse passes over the data, or order blocks so that what one fetches the next still "
        "finds in L2",
        {"DRAM bytes": moved, "least bytes": least},
        weight=subject.share_of_time("DRAM bandwidth") * (1 - least / moved),
    )  # fmt: skip


def at_the_roof(subject: Subject) -> Iterator[Finding]:
    """DRAM decides and moves little more than it must: what is left is to need fewer bytes."""
    moved, least = traffic(subject.counts).dram_bytes, subject.least_bytes
    decides = subject.kernel_limiter == "DRAM bandwidth" and subject.kernel_share >= DECIDES
    if not least or moved >= 1.25 * least or not decides:
        return
    yield Finding(
        "at_the_roof",
        f"DRAM decides and moves {size_words(moved)}, {moved / least:.2f} times the least: this kernel is at its roof",
        "only fewer bytes make it faster: a narrower type, or fusing it with the kernel before or after",
        {"DRAM bytes": moved, "least bytes": least},
        weight=0.5,
    )


def _groups(subject: Subject, space: str, verbs: tuple[str, ...] = ("load", "copy", "store")) -> list[_Group]:
    """Accesses of one space by source line and direction, where something was moved."""
    found = []
    for line in subject.by_line:
        for verb in verbs:
            ptx = tuple(each for each in line.ptx if _is(each, space, verb) and each.requests)
            if ptx:
                found.append(_group(line, verb, space, ptx))
    return found


def _group(line: LineTotals, verb: str, space: str, ptx: tuple[LineCounts, ...]) -> _Group:
    least = least_wavefronts if space == "shared" else least_sectors
    moved = sum(each.wavefronts if space == "shared" else each.sectors for each in ptx)
    needed = sum(least(each, moves) for each in ptx if (moves := access(each.instruction)))
    return _Group(line, verb, ptx, sum(each.requests for each in ptx), moved, max(needed, 1))


def _is(line: LineCounts, space: str, verb: str) -> bool:
    moved = access(line.instruction)
    return moved is not None and (moved.space, moved.verb) == (space, verb)


def _moves(line: LineTotals, verb: str) -> bool:
    return any(_is(each, "global", verb) for each in line.ptx)


def _weight(subject: Subject, excess: int, total: int, *bounds: str) -> float:
    """Share of the time: that of the bounds it feeds, times its part of them. Latency only waits for it: half."""
    feeds = max(subject.share_of_time(name) * (0.5 if name == "latency" else 1.0) for name in bounds)
    return feeds * min(1.0, excess / total) if total else 0.0


def _l1_sectors(subject: Subject) -> int:
    moved = traffic(subject.counts)
    return moved.global_sectors + moved.local_sectors


def _step_of(subject: Subject, line: LineCounts) -> int | None:
    """Bytes between neighbouring lanes, where the PTX says it and the counted sectors agree."""
    step, moved = subject.lane_steps.get(line.ptx_line), access(line.instruction)
    if step is None or moved is None or not line.requests:
        return None
    lanes = line.thread_instructions / line.requests
    return step if explains_sectors(step, moved.bytes, lanes, line.sectors / line.requests) else None


def _where_apart(subject: Subject, group: _Group) -> str:
    step = _step_of(subject, group.worst)
    if step is None:
        return ""
    verb = _VERBS[group.verb][1]
    return f": neighbouring lanes {verb} addresses {abs(step):,} bytes apart{_named(subject, group.worst, abs(step))}"


def _named(subject: Subject, line: LineCounts, step: int) -> str:
    """(cols x 4 bytes), where exactly one dimension of the case explains the step."""
    moved = access(line.instruction)
    width = moved.bytes if moved else 0
    names = [name for name, size in subject.dims.items() if width and size > 1 and size * width == step]
    return f" ({names[0]} x {width} bytes)" if len(names) == 1 else ""


def _along(subject: Subject, group: _Group) -> str:
    moved, step = access(group.worst.instruction), _step_of(subject, group.worst)
    if step is not None and moved and 0 < moved.bytes < abs(step) < SECTOR:
        return (
            "load whole elements (one vector load a lane) or keep the fields in arrays of their own, so that each "
            "sector is used in full"
        )
    lanes = "let tl.arange" if subject.file.endswith(".py") else "let threadIdx.x"
    return (
        f"{lanes} run along the axis whose elements are neighbours in memory; where reading and writing want different "
        "axes, turn a tile in shared memory"
    )


def _dense(subject: Subject, group: _Group) -> bool:
    moved = access(group.worst.instruction)
    return moved is not None and subject.lane_steps.get(group.worst.ptx_line) == moved.bytes


def _where_banks(subject: Subject, group: _Group) -> str:
    line, moved = group.worst, access(group.worst.instruction)
    step = subject.lane_steps.get(line.ptx_line)
    if step is None or moved is None or not explains_wavefronts(step, moved.bytes, line.wavefronts / line.requests):
        return ""
    same = ", so that all ask one bank" if step and step % WAVEFRONT == 0 else ""
    return f": neighbouring lanes are {abs(step):,} bytes apart{same}"


def size_words(amount: int) -> str:
    """Bytes as a person says them, in powers of ten."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return counted(amount, "byte")
