"""The table of virtual GPUs: reads gpus.toml into frozen nouns. Figures and their sources are in that file."""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from kernelevo.errors import BadInput


@dataclass(frozen=True)
class Gpu:
    """One card. Rates are warp instructions per clock per SM, bandwidths GB/s, latencies cycles, sizes bytes."""

    name: str
    title: str
    arch: str
    sms: int
    clock_mhz: int
    dram_gbps: float
    dram_efficiency: float
    l2_gbps: float
    l2_bytes: int
    l1_bytes: int
    shared_bytes_per_sm: int
    shared_bytes_per_block: int
    registers_per_sm: int
    warps_per_sm: int
    blocks_per_sm: int
    launch_us: float
    same_address_atomics_per_clock: float
    atomic_sectors_per_clock: float
    rates: Mapping[str, float]
    latency: Mapping[str, int]
    latency_factor: float = 1.0
    """Of every chain of dependent instructions; another value comes from a calibration only."""
    overlap: float = math.inf
    """How far resources overlap (`cost.norm`): in full, unless a calibration says less."""

    @property
    def cycles_per_us(self) -> float:
        return float(self.clock_mhz)

    def properties(self) -> dict[str, int]:
        """What a launch plan, a proposer and a report may know of the device. Bandwidth is what a streaming copy
        reaches; fp32_flops_per_us counts a fused multiply-add as two.
        """
        return {
            "sms": self.sms,
            "warp": 32,
            "threads_per_block": 1024,
            "shared_bytes_per_block": self.shared_bytes_per_block,
            "registers_per_sm": self.registers_per_sm,
            "warps_per_sm": self.warps_per_sm,
            "launch_ns": round(self.launch_us * 1e3),
            "dram_bytes_per_us": round(self.dram_gbps * self.dram_efficiency * 1e3),
            "fp32_flops_per_us": round(self.sms * self.rates["fp32"] * 32 * 2 * self.clock_mhz),
        }


@dataclass(frozen=True)
class ModelBands:
    """How far the model may be trusted before it is calibrated: see [model] in gpus.toml."""

    version: int
    absolute_factor: float
    low_confidence_factor: float
    comparison_band: float


def names() -> tuple[str, ...]:
    """Every GPU of the table."""
    return tuple(name for name in _table() if name != "model")


@functools.cache
def bands() -> ModelBands:
    return ModelBands(**_table()["model"])


def gpu(name: str) -> Gpu:
    """The GPU called `name` ("h100"); raises BadInput naming those there are."""
    if name not in names():
        raise BadInput(f"there is no virtual GPU {name!r}; choose one of {', '.join(names())}")
    return read_gpu(name, _text())


def read_gpu(name: str, table: str) -> Gpu:
    """The GPU called `name` of a table with the form of gpus.toml."""
    rows = tomllib.loads(table)
    row = dict(rows[name])
    if base := row.pop("inherits", None):
        row = {**rows[base], **row}
    return Gpu(name=name, **row)


def sources(table: str | None = None) -> dict[str, str]:
    """The source mark of every constant, by its dotted name ("h100.rates.fp32" -> "G"); "" where a line has none."""
    found, section = {}, ""
    for line in (_text() if table is None else table).splitlines():
        if heading := re.fullmatch(r"\[([\w.]+)\]", line):
            section = heading[1]
        elif constant := re.match(r"(\w+) = [^#]*(?:# \[([A-Z])\])?", line):
            found[f"{section}.{constant[1]}"] = constant[2] or ""
    return found


def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_text())


def _text() -> str:
    return resources.files(__package__).joinpath("gpus.toml").read_text(encoding="utf-8")
