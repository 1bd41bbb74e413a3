"""Where a launch's accesses are answered: requests of warps, sectors in L1, L2 and DRAM, and the rates of hits between.

Sectors and wavefronts are counted exactly; hits and misses come from the machine's small cache model. Local memory and
shared memory do not pass through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.diagnosis.access import SECTOR, WAVEFRONT


@dataclass(frozen=True)
class AccessRow:
    """All accesses of one kind: `moved` pieces, each of 32 bytes (sectors) or up to 128 (wavefronts). `lane_bytes` are
    what the lanes asked for, None where that is not counted. `merged` is what is left of requests and pieces once
    neighbouring accesses of a thread are made one, where the device says.
    """

    label: str
    requests: int
    moved: int
    unit: str
    lane_bytes: int | None = None
    merged: tuple[int | None, int | None] = (None, None)

    @property
    def per_request(self) -> float:
        return self.moved / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Traffic:
    """Sectors of 32 bytes on their way. A rate of hits is None where nothing was looked up. `shared_merged` are the
    wavefronts that are left once neighbouring accesses of a thread are made one, as the hardware sees them.
    """

    global_requests: int
    global_sectors: int
    l1_hits: float | None
    l2_read_sectors: int
    l2_write_sectors: int
    l2_hits: float | None
    dram_read_sectors: int
    dram_write_sectors: int
    local_sectors: int
    shared_requests: int
    shared_wavefronts: int
    shared_merged: int

    @property
    def l1_bytes(self) -> int:
        return SECTOR * (self.global_sectors + self.local_sectors)

    @property
    def l2_bytes(self) -> int:
        return SECTOR * (self.l2_read_sectors + self.l2_write_sectors)

    @property
    def dram_bytes(self) -> int:
        return SECTOR * (self.dram_read_sectors + self.dram_write_sectors)

    @property
    def shared_bytes(self) -> int:
        """What the wavefronts could carry."""
        return WAVEFRONT * self.shared_merged


_KINDS = (
    ("global loads", "global_load", "sectors"),
    ("global stores", "global_store", "sectors"),
    ("global atomics", "global_atomic", "sectors"),
    ("local memory", "local", "sectors"),
    ("shared loads", "shared_load", "wavefronts"),
    ("shared stores", "shared_store", "wavefronts"),
    ("shared atomics", "shared_atomic", "wavefronts"),
)


def access_rows(counts: Mapping[str, int]) -> list[AccessRow]:
    """One row for each kind of access that happens."""
    rows = []
    for label, name, unit in _KINDS:
        requests, moved = counts.get(f"{name}_requests", 0), counts.get(f"{name}_{unit}", 0)
        merged = (counts.get(f"{name}_requests_merged"), counts.get(f"{name}_{unit}_merged"))
        # The PTX has no spills: those of the machine code are sectors without requests.
        if requests or moved:
            rows.append(AccessRow(label, requests, moved, unit, counts.get(f"{name}_bytes"), merged))
    return rows


def traffic(counts: Mapping[str, int]) -> Traffic:
    """The way of a launch's accesses, from its counts (names as in vgpu::Counts)."""
    reads = counts.get("l2_read_sectors", 0)
    atomics = counts.get("global_atomic_sectors", 0)
    return Traffic(
        global_requests=_sum(counts, "global", "requests"),
        global_sectors=_sum(counts, "global", "sectors"),
        l1_hits=_hits(counts.get("l1_miss_sectors"), counts.get("global_load_sectors", 0)),
        l2_read_sectors=reads,
        l2_write_sectors=counts.get("l2_write_sectors", 0),
        # An atomic reads its sector in L2, too.
        l2_hits=_hits(counts.get("dram_read_sectors"), reads + atomics),
        dram_read_sectors=counts.get("dram_read_sectors", 0),
        dram_write_sectors=counts.get("dram_write_sectors", 0),
        local_sectors=counts.get("local_sectors", 0),
        shared_requests=_sum(counts, "shared", "requests"),
        shared_wavefronts=_sum(counts, "shared", "wavefronts"),
        shared_merged=sum(merged_wavefronts(counts, verb) for verb in ("load", "store", "atomic")),
    )


def merged_wavefronts(counts: Mapping[str, int], verb: str) -> int:
    """Of shared memory, by loads, stores or atomics, once merged where the device says what that leaves."""
    exact = counts.get(f"shared_{verb}_wavefronts", 0)
    return counts.get(f"shared_{verb}_wavefronts_merged", exact)


def _sum(counts: Mapping[str, int], space: str, what: str) -> int:
    return sum(counts.get(f"{space}_{verb}_{what}", 0) for verb in ("load", "store", "atomic"))


def _hits(missed: int | None, looked_up: int) -> float | None:
    return None if missed is None or not looked_up else max(0.0, 1 - missed / looked_up)
