"""How long the network of the domain scrna takes to be made and adapted, and how much memory beside the dense matrix.

    python benchmarks/scrna_adapting.py [--json] [--record]

On synthetic counts (scrna_scale.py), 1,000 cells x 15,000 genes, one thread (so do runs, whose sums would hang on how
many there are): the base, an adapter on it, and what the adapted network says of all cells. Fails where base and
adapter together take a minute, or their peak above what torch, peft and the counts take reaches twice the dense matrix.
What it says of all cells at once is one dense matrix more, from another; that is told and not held to a limit.
Peaks are VmHWM of /proc/self/status (Linux only). Needs the extra lora. --record writes
benchmarks/results/scrna_adapting.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import peft
import torch
from interpreter_speed import HERE, machine_words
from scrna_scale import SMALL, _peak, synthetic
from threadpoolctl import threadpool_limits

from kernelevo.backends.agents import merged
from kernelevo.backends.networks import read_delta
from kernelevo.backends.scrna.network import shares_of, train_adapter, train_base

RESULT = HERE / "results" / "scrna_adapting.json"
MOST_SECONDS, MOST_MATRICES = 60.0, 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/scrna_adapting.json")
    options = parser.parse_args()
    found = measure(*SMALL)
    print(json.dumps(found) if options.json else words(found))
    if beyond := above(found):
        raise SystemExit(f"{'; '.join(beyond)}; nothing is recorded")
    if options.record:
        RESULT.write_text(json.dumps({"machine": machine_words(), "unit": "bytes, seconds", **found}, indent=1) + "\n")
    return 0


def measure(cells: int, genes: int) -> dict[str, Any]:
    """`loss` is that of the adapter's first and last twentieth of its steps."""
    counts = synthetic(cells, genes)
    with threadpool_limits(limits=1), tempfile.TemporaryDirectory() as folder:
        before, began = _peak(), time.perf_counter()
        base = train_base(counts, 0)
        based = time.perf_counter()
        losses = train_adapter(base, None, counts, Path(folder), 0, 1.0)
        adapted, trained = time.perf_counter(), _peak()
        network = merged(base, read_delta(Path(folder)))
        shares = shares_of(network, counts.toarray().astype(float))
        said = time.perf_counter()
    assert shares.shape == (cells, genes)
    return {
        "cells": cells, "genes": genes, "dense": 8 * cells * genes, "before": before, "after training": trained,
        "peak": _peak(),
        "seconds": {"base": round(based - began, 2), "adapter": round(adapted - based, 2),
                    "all cells": round(said - adapted, 2)},
        "loss": [round(losses[0], 4), round(losses[-1], 4)], "torch": torch.__version__, "peft": peft.__version__,
    }  # fmt: skip


def above(found: dict[str, Any]) -> list[str]:
    """What is more than is promised."""
    seconds = found["seconds"]["base"] + found["seconds"]["adapter"]
    matrices = (found["after training"] - found["before"]) / found["dense"]
    beyond = []
    if seconds >= MOST_SECONDS:
        beyond.append(f"base and adapter took {seconds:.1f} s, and {MOST_SECONDS:g} are allowed")
    if matrices >= MOST_MATRICES:
        beyond.append(f"{matrices:.2f} dense matrices were needed; {MOST_MATRICES:g} are allowed")
    return beyond


def words(found: dict[str, Any]) -> str:
    steps = ", ".join(f"{step} {value:.1f} s" for step, value in found["seconds"].items())
    needed, whole = ((found[name] - found["before"]) / 1e6 for name in ("after training", "peak"))
    return (
        f"{found['cells']:,} x {found['genes']:,}: {steps}; {needed:.0f} MB above torch and the counts to train, "
        f"{whole:.0f} MB to say of all cells (dense matrix: {found['dense'] / 1e6:.0f} MB); "
        f"loss {found['loss'][0]:.3f} to {found['loss'][1]:.3f}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
