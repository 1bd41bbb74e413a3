"""What a real card can do at most, from its maker's data sheets: for floors, so every doubt is resolved upwards.

A ceiling that is too high lets an impossible time pass, one that is too low calls an honest kernel a cheat; the second
is worse. So bandwidth is the peak that nobody reaches, rates are dense peaks with a margin for clocks above the data
sheet's, and f32 may be made of three products of halves on tensor cores (Ootomo and Yokota, arXiv:2203.03341). A card
that is not in the table has no ceilings, and the report says so. Sparse matrices are out of scope: 2:4 sparsity would
change what is computed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.devices import gpus
from kernelevo.measurement import Card, Ceilings

CLOCK_MARGIN = 1.15
"""Above the clock that a data sheet's peaks are for: H100 boosts to 1980 MHz, and its peaks are for 1830 and less."""
SPLIT_PRODUCTS = 3
LEFT_IN_L2 = 0.05
"""The share of L2 that may still hold inputs after it was cooled: replacement is not strictly by age."""


@dataclass(frozen=True)
class Peaks:
    """TFLOP/s, dense, of vector units and tensor cores, from the data sheets named in gpus.toml as [W]."""

    f64: float
    f32: float
    half: float


PEAKS: Mapping[str, Peaks] = {
    "a100": Peaks(19.5, 19.5, 312.0),
    "h100": Peaks(67.0, 67.0, 989.5),
    "h200": Peaks(67.0, 67.0, 989.5),
    "l4": Peaks(0.49, 30.3, 121.0),
    "rtx4090": Peaks(1.29, 82.6, 330.3),
}
_WORDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    # Words that a card's name has, and words that it must not have: cards of the same name with other memory.
    "a100": (frozenset({"A100"}), frozenset()),
    "h100": (frozenset({"H100"}), frozenset({"NVL", "GH200"})),
    "h200": (frozenset({"H200"}), frozenset({"GH200"})),
    "l4": (frozenset({"L4"}), frozenset()),
    "rtx4090": (frozenset({"RTX", "4090"}), frozenset()),
}


def row_of(card: Card) -> str:
    """The row of gpus.toml for this card, by its name ("NVIDIA H100 80GB HBM3" -> "h100"); "" if there is none."""
    words = frozenset(re.split(r"[^A-Za-z0-9]+", card.name))
    return next((row for row, (has, lacks) in _WORDS.items() if has <= words and not lacks & words), "")


def measured_ceilings(card: Card) -> Ceilings:
    """Of a real card."""
    row, l2_bytes = row_of(card), card.properties.get("l2_bytes", 0)
    if not row:
        return Ceilings(None, l2_bytes, {}, f"no data sheet of {card.name} is known here", l2_bytes)
    return _of(row, l2_bytes, f"data sheet of {row}", round(LEFT_IN_L2 * l2_bytes))


def modelled_ceilings(row: str) -> Ceilings:
    """Of the virtual GPU of this row, whose model knows no greater rates than the data sheets'."""
    return _of(row, gpus.gpu(row).l2_bytes, f"data sheet of {row}, as the model has it", 0)


def _of(row: str, l2_bytes: int, source: str, warm_bytes: int) -> Ceilings:
    peaks = PEAKS[row]
    single = max(peaks.f32, peaks.half / SPLIT_PRODUCTS)
    rates = {"f64": peaks.f64, "f32": single, "f16": peaks.half, "bf16": peaks.half}
    flops = {name: rate * CLOCK_MARGIN * 1e6 for name, rate in rates.items()}
    return Ceilings(gpus.gpu(row).dram_gbps * 1e3, l2_bytes, flops, source, warm_bytes)
