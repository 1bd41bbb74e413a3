"""The command: which parts, on what, and the table at the end."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from gpu_check import ceilings, cheats, noise, own_tests, twins
from gpu_check.bench import ROOT, Bench
from gpu_check.outcome import Outcome
from gpu_check.record import slug, write
from kernelevo.devices.cuda import VIRTUAL
from kernelevo.errors import KernelevoError
from kernelevo.settings import Settings

PARTS: dict[str, ModuleType] = {module.PART: module for module in (own_tests, twins, noise, cheats, ceilings)}
RESULTS = ROOT / "benchmarks" / "results"


def main(words: Sequence[str], about: str) -> int:
    asked = _read(words, about)
    device = VIRTUAL if asked.rehearse else asked.device
    try:
        folder = asked.out or (tempfile.mkdtemp(prefix="gpu_check-") if asked.rehearse else RESULTS)
        bench = Bench(device, asked.driver, Settings.from_environment(os.environ), asked.unsafe)
        return _run(bench, asked.parts or list(PARTS), Path(folder))
    except KernelevoError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return error.exit_code


def _run(bench: Bench, parts: Sequence[str], folder: Path) -> int:
    print(f"{bench.card.name} ({bench.card.arch}) as {bench.device}; {bench.compiler}", flush=True)
    if bench.rehearsal:
        print("REHEARSAL on the virtual GPU: no figure here is measured, and nothing is recorded as such", flush=True)
    done = []
    for part in parts:
        started = time.monotonic()
        outcome = _one(bench, part)
        path = write(folder, bench, outcome, time.monotonic() - started)
        done.append(outcome)
        print(f"{part}: {outcome.shown} ({time.monotonic() - started:.0f} s) -> {path}", flush=True)
    _table(bench, done)
    return 0 if all(outcome.ok for outcome in done) else 1


def _one(bench: Bench, part: str) -> Outcome:
    """The part's outcome; where this machine fails in it, that is the outcome, and the next part goes on."""
    try:
        outcome: Outcome = PARTS[part].run(bench)
    except KernelevoError as error:
        return Outcome(part, False, f"could not be done: {error}", PARTS[part].WANTED)
    return outcome


def _table(bench: Bench, outcomes: Sequence[Outcome]) -> None:
    table = Table(title=f"{slug(bench.card.name)}{' (rehearsal)' if bench.rehearsal else ''}")
    for column in ("part", "ok", "found", "wanted"):
        table.add_column(column, overflow="fold")
    for each in outcomes:
        table.add_row(each.part, "yes" if each.ok else "NO", each.shown, each.wanted)
    Console().print(table)


def _read(words: Sequence[str], about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--driver", default="cupy", choices=["cupy", "pycuda"])
    parser.add_argument("--out", help="folder for the records (default: benchmarks/results)")
    parser.add_argument("--rehearse", action="store_true", help="on the virtual GPU, at tiny sizes")
    parser.add_argument("--unsafe", action="store_true", help="where no wall can be built: do without")
    return parser.parse_args(words)
