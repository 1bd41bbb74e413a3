"""The command: which parts, on what, and the table at the end.

Each part runs in a process of its own, so that one that hangs or fails in a way that nobody thought of costs its row
only: time on a card is rare. All parts together end in TOTAL_SECONDS.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from gpu_check import ceilings, cheats, noise, own_tests, twins
from gpu_check.bench import ROOT, Bench
from gpu_check.outcome import Outcome
from gpu_check.record import slug, write
from kernelevo.devices.cuda import VIRTUAL
from kernelevo.errors import BadInput, KernelevoError
from kernelevo.settings import Settings

PARTS: dict[str, ModuleType] = {module.PART: module for module in (own_tests, twins, noise, cheats, ceilings)}
TOTAL_SECONDS = 570.0
MOST_SECONDS = {own_tests.PART: 100.0, twins.PART: 110.0, noise.PART: 140.0, cheats.PART: 180.0, ceilings.PART: 60.0}
"""Of one part. What is left of the total may be less; it is more than these for parts that ended early."""
RESULTS = ROOT / "benchmarks" / "results"


def main(words: Sequence[str], about: str) -> int:
    asked = _read(words, about)
    device = VIRTUAL if asked.rehearse else asked.device
    try:
        folder = _made(asked.out) or (tempfile.mkdtemp(prefix="gpu_check-") if asked.rehearse else RESULTS)
        bench = Bench(device, asked.driver, Settings.from_environment(os.environ), asked.unsafe)
        return _run(bench, asked.parts or list(PARTS), Path(folder))
    except KernelevoError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return error.exit_code


def _made(folder: str | None) -> str | None:
    """The folder, which is there afterwards; raises BadInput where it cannot be."""
    try:
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {folder}: {error.strerror or error}; give a folder that can be written") from error
    return folder


def _run(bench: Bench, parts: Sequence[str], folder: Path) -> int:
    print(f"{bench.card.name} ({bench.card.arch}) as {bench.device}; {bench.compiler}", flush=True)
    if bench.rehearsal:
        print("REHEARSAL on the virtual GPU: no figure here is measured, and nothing is recorded as such", flush=True)
    done, end = [], time.monotonic() + TOTAL_SECONDS
    for place, part in enumerate(parts):
        started = time.monotonic()
        later = sum(MOST_SECONDS[each] for each in parts[place + 1 :])
        outcome = _apart(bench, part, min(end - started, max(MOST_SECONDS[part], end - started - later)))
        path = write(folder, bench, outcome, time.monotonic() - started)
        done.append(outcome)
        print(f"{part}: {outcome.shown} ({time.monotonic() - started:.0f} s) -> {path}", flush=True)
    _table(bench, done)
    return 0 if all(outcome.ok for outcome in done) else 1


def _apart(bench: Bench, part: str, seconds: float) -> Outcome:
    """The part in a process of its own, which is killed with all that it started when its time is over."""
    if seconds < 1:
        return Outcome(part, False, "left out: the parts before it took all the time", PARTS[part].WANTED)
    forking = multiprocessing.get_context("fork")  # nothing here has touched the card: a driver has its own process
    ours, theirs = forking.Pipe(duplex=False)
    child = forking.Process(target=_answer, args=(bench, part, theirs))
    child.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            return Outcome(part, False, f"did not end within {seconds:.0f} s", PARTS[part].WANTED)
        outcome: Outcome = ours.recv()
        return outcome
    except EOFError:
        return Outcome(part, False, "ended without an answer; what it said is above", PARTS[part].WANTED)
    finally:
        _kill(child)


def _answer(bench: Bench, part: str, connection: Connection) -> None:
    os.setsid()
    connection.send(_one(bench, part))


def _kill(child: multiprocessing.process.BaseProcess) -> None:
    if child.pid is not None and os.getpgid(child.pid) == child.pid:
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.join()


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
