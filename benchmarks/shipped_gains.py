"""Modelled gains on the shipped kernels: `kernelevo optimize` on each, as a user would run it, and a table.

    python benchmarks/shipped_gains.py [--device virtual:h100] [--seconds 45] [--only NAME ...] [--write]

`--write` records the table as benchmarks/results/shipped_gains-DEVICE.json; with `--only`, these rows of it. Gains are
of modelled time, stated with the counts that moved; they are claims about the model, not about a card.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
KEPT = ("baseline_us", "best_us", "speedup", "evaluations", "passed", "moves", "cases")


def main() -> int:
    options = read_options()
    rows = {kernel.stem: optimise(kernel, options) for kernel in kernels(options.only)}
    for name, row in rows.items():
        moves = " + ".join(row["moves"]) or "nothing faster"
        gain = f"{row['baseline_us']:9.2f} -> {row['best_us']:8.2f} us modelled, {row['speedup']:7.2f} times"
        print(f"{name:17} {gain}, {row['evaluations']:3} evaluations in {row['seconds']:.0f} s: {moves}")
    if options.write:
        target = ROOT / "benchmarks" / "results" / f"shipped_gains-{options.device.replace(':', '_')}.json"
        target.parent.mkdir(exist_ok=True)
        kept = json.loads(target.read_text())["kernels"] if options.only and target.exists() else {}
        record = {"device": options.device, "how": "modelled", "kernels": dict(sorted((kept | rows).items()))}
        target.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if all(row["passed"] for row in rows.values()) else 1


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="virtual:h100")
    parser.add_argument("--seconds", type=float, default=45.0, help="search time per kernel")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these kernels; all others keep what is recorded")
    parser.add_argument("--write", action="store_true", help="record the table under benchmarks/results/")
    return parser.parse_args()


def kernels(only: list[str] | None) -> list[Path]:
    """The shipped ones in CUDA, or those named; raises SystemExit for a name that none has."""
    shipped = {kernel.stem: kernel for kernel in sorted((ROOT / "kernels").glob("*.cu"))}
    if unknown := [name for name in only or () if name not in shipped]:
        raise SystemExit(f"there is no shipped kernel {unknown[0]}; there are {', '.join(shipped)}")
    return [kernel for name, kernel in shipped.items() if only is None or name in only]


def optimise(kernel: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One `kernelevo optimize --json`; raises CalledProcessError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "kernelevo", "optimize", str(kernel), "--json", "--quiet"]
        words += ["--device", options.device, "--seconds", str(options.seconds), "--out", str(Path(folder) / "best.cu")]
        started = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=folder)
        seconds = time.monotonic() - started
    answer = json.loads(done.stdout)
    return {**{name: answer[name] for name in KEPT}, "seconds": round(seconds, 1)}


if __name__ == "__main__":
    sys.exit(main())
