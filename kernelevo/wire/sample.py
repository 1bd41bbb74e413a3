"""What the virtual GPU says of a sample of blocks; a device makes counts of the whole grid of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StratumCounts:
    """Of one part of a sampled grid (vgpu::StratumReport): its blocks, how many were sampled, their counts added up,
    and the least and the most of one of them.
    """

    blocks: int
    sampled: int
    counts: Mapping[str, int]
    ranges: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class SampleCounts:
    """What became of a job's sample in one launch (vgpu::SampleReport); no strata: all blocks were watched, and
    `in_full` says why.
    """

    in_full: str
    only: bool
    seed: int
    strata: tuple[StratumCounts, ...]


RAW = "sample"
"""The key of a step's details under which a SampleCounts travels from the wall to the device."""
