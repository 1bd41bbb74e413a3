"""The grammar of decisions on kernels. Its version changes whenever a fact or a word means something else.

Facts are dimensionless: shares from 0 to 1, or binary logarithms (log2_...). They are of the slowest timed case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kernelevo.decisions import STOP_RULE, Grammar
from kernelevo.diagnosis.diagnose import RULES as DIAGNOSES

VERSION = 2
TUNE = "tune"
BOUNDS = (
    "launch", "issue", "L1 sectors", "L1 data pipe", "shared memory", "fp32", "integer", "special", "conversion",
    "shuffle", "L2 port of an SM", "latency", "L2 bandwidth", "DRAM bandwidth", "atomics",
)  # fmt: skip
"""What may bound a launch (kernelevo/diagnosis/bounds.py), as far as kernels of this grammar meet it."""
SYMPTOMS = ("scattered", "contended", "rereading", "narrow")
FACTS = (
    "log2_gain", "log2_over_least", "moves", "launches",
    "log2_bytes_over_least", "log2_sectors_over_least", "log2_dram_over_least",
    "log2_load_sectors_per_request", "log2_store_sectors_per_request", "log2_bytes_per_lane",
    "loads_share", "atomics_share", "log2_hottest", "shared_share", "log2_intensity", "lanes_share", "divergent_share",
    "log2_instructions_per_element", "barriers_per_warp",
    "occupancy", "log2_waves", "tail_share", "log2_threads", "log2_threads_x", "log2_blocks", "log2_warps",
    "registers", "log2_shared_bytes", "log2_spill_bytes",
    "log2_inputs", "log2_outputs", "log2_dim_1", "log2_dim_2", "log2_dim_3", "arrays",
)  # fmt: skip
EVENNESS = ("dim_1", "dim_2", "dim_3")
PLACES = {"place_half": 0.5, "place_quarter": 0.25, "place_tenth": 0.1, "place_little": 0.0}
"""Words of options, in programs of several launches: at least this share of the time is spent where it changes them."""


def word(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def shares() -> tuple[str, ...]:
    return tuple(f"share_{word(bound)}" for bound in BOUNDS)


def words() -> tuple[str, ...]:
    limits = [f"limit_{word(bound)}" for bound in BOUNDS]
    found = [f"found_{rule.__name__}" for rule in DIAGNOSES if rule.__name__ != "bound"]
    even = [f"{name}_of_{size}" for name in EVENNESS for size in (4, 32)]
    return (*limits, *found, *(f"shows_{name}" for name in SYMPTOMS), *even, *PLACES)


def grammar_of(rules: Sequence[str]) -> Grammar:
    """With the rules that there are, in the order in which their decisions are listed."""
    return Grammar("kernels", VERSION, (*rules, TUNE, STOP_RULE), (*FACTS, *shares()), words())
