"""Datasets that figures are reported on, known by their content: what a file is called, and what is said of it first.

None of them is in the package. A file that is not here is used all the same, and is said to be unregistered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BY_CELLS = "cells are dealt to the splits by the file's SHA-256, molecules by the seed"
"""The rule of splitting: DenoisingBackend deals, split_molecules draws."""


@dataclass(frozen=True)
class Registered:
    """`shape` is cells and genes of the file, before empty ones are left out."""

    name: str
    sha256: str
    shape: tuple[int, int]
    licence: str
    source: str
    split: str = BY_CELLS


_TERMS = "10x Genomics' terms for its public datasets"
REGISTRY: Sequence[Registered] = (
    Registered(
        "pbmc-1k-v3", "ba8d3b1ed186133272fcb5599c9134ab5e1dcd686803767f5a31b99802151bbf", (906, 14688), _TERMS,
        "10x Genomics, 1k PBMCs, chemistry v3, cells and genes filtered (1k_PBMC_v3_filt.h5ad of baj12/scWGParis)",
    ),
    Registered(
        "pbmc-1k-v2", "e40ebafff94578b857d4f322de0723ca37073de93d8b74cf6f4b6b07d5e9c618", (996, 33538), _TERMS,
        "10x Genomics, 1k PBMCs, chemistry v2 (1k_PBMC_v2_raw.h5ad of baj12/scWGParis)",
    ),
    Registered(
        "mouse-bladder", "4e686932884fc04d8bc9a92dad1a648d6e23f490b0c106903bca95d68093f591", (2100, 20670),
        "Apache-2.0 (scDeepCluster); the counts are GEO's GSE108097",
        "Mouse Cell Atlas, bladder, 2,100 cells (mouse_bladder_cell_select_2100.h5 of ttgump/scDeepCluster)",
    ),
)  # fmt: skip


def registered(sha256: str) -> Registered | None:
    return next((each for each in REGISTRY if each.sha256 == sha256), None)
