"""The same work on the virtual GPU, on other tools that run kernels without a GPU, and as plain C++, in one run.

    python benchmarks/peers.py [--python PATH]... [--repeats 3] [--json] [--record]

Four kernels (saxpy, softmax with a row for each block, naive sgemm, block sums), at a large size, and at a small one
for the Numba CUDA simulator; the virtual GPU alone does one block of saxpy too, which is what a launch costs by itself.
Peers: Oclgrind, the Numba CUDA simulator, Triton's interpreter (benchmarks/peers/ holds the twins in their languages),
and loops of plain C++ compiled for this processor. Every peer's results are checked against float64 NumPy first. Times
are CPU seconds (user and system) of one launch, without compiling and without a process's start; peers take turns, and
the best of the repeats counts. Another Python that has Numba, or triton and torch, is named with --python. A peer that
is not there is skipped, said and counted; --record, which writes benchmarks/results/peers.json, refuses then.
benchmarks/peers_triton.py compares whole Triton kernels.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from interpreter_speed import machine_words

HERE = Path(__file__).parent
RESULT = HERE / "results" / "peers.json"
sys.path.insert(0, str(HERE / "peers"))

from native import find_native  # noqa: E402
from oclgrind import find_oclgrind  # noqa: E402
from python_peers import find_numba, find_triton  # noqa: E402
from timings import Missing, Peer  # noqa: E402
from virtual_gpu import VirtualGpu  # noqa: E402
from works import Work, large, one_block, small  # noqa: E402


@dataclass(frozen=True)
class Row:
    """One work by one peer. `times_virtual` is the virtual GPU's rate over the peer's: below 1 the peer is faster."""

    kernel: str
    shape: str
    peer: str
    seconds: float
    rate: float
    unit: str
    times_virtual: float


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        ours = VirtualGpu([*large(), *small(), one_block()])
        peers, missing = _divide(_find([sys.executable, *options.python], Path(folder)))
        for peer in [ours, *peers]:
            _check(peer)
        # From here every result is right; only speed is left to learn.
        for _ in range(options.repeats):
            for peer in [ours, *peers]:
                peer.round()
        rows = _rows(ours, peers)
    record = _record([ours, *peers], missing, rows, options.repeats)
    print(json.dumps(record) if options.json else _table(rows, record))
    if options.record:
        _write(record, missing)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], help="a Python with Numba, or with triton and torch")
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds of all peers")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(HERE.parent)}")
    return parser.parse_args()


def _find(pythons: Sequence[str], folder: Path) -> list[Peer | Missing]:
    return [
        *find_oclgrind(large(), folder),
        find_numba(pythons, small(), folder / "numba"),
        find_triton(pythons, large(), folder / "triton"),
        *find_native([*large(), *small()], folder),
    ]


def _divide(found: Iterable[Peer | Missing]) -> tuple[list[Peer], list[Missing]]:
    peers: list[Peer] = []
    missing: list[Missing] = []
    for one in found:
        if isinstance(one, Missing):
            missing.append(one)
        else:
            peers.append(one)
    return peers, missing


def _check(peer: Peer) -> None:
    for work, result in zip(peer.works, peer.results(), strict=True):
        work.check(peer.name, result)


def _rows(ours: Peer, peers: Sequence[Peer]) -> list[Row]:
    return [
        _row(work, peer, ours.best(work))
        for work in ours.works
        for peer in [ours, *peers]
        if work.name in {one.name for one in peer.works}
    ]


def _row(work: Work, peer: Peer, ours: float) -> Row:
    seconds = peer.best(work)
    return Row(work.kernel, work.shape, peer.name, seconds, work.amount / seconds, work.unit, seconds / ours)


def _record(peers: Sequence[Peer], missing: Sequence[Missing], rows: list[Row], repeats: int) -> dict[str, Any]:
    return {
        "machine": machine_words(),
        "time": f"CPU seconds of one launch, user and system, best of {repeats}, peers in turn",
        "versions": {peer.name: peer.version for peer in peers},
        "skipped": {one.name: one.reason for one in missing},
        "rows": [asdict(row) for row in rows],
    }


def _table(rows: Sequence[Row], record: dict[str, Any]) -> str:
    lines = [f"{'kernel':13}{'shape':13}{'peer':23}{'ms':>11}{'M/s':>11}  {'unit':9}{'virtual GPU is':>16}"]
    for row in rows:
        lines.append(
            f"{row.kernel:13}{row.shape:13}{row.peer:23}{row.seconds * 1e3:11.4g}{row.rate / 1e6:11.3f}  {row.unit:9}"
            f"{_words(row):>16}"
        )
    lines += [f"{name}: {version}" for name, version in record["versions"].items()]
    lines += [f"skipped: {name}: {reason}" for name, reason in record["skipped"].items()]
    return "\n".join([*lines, f"{len(record['skipped'])} peers skipped; {record['machine']}; {record['time']}"])


def _words(row: Row) -> str:
    if row.times_virtual == 1:
        return ""
    return f"{row.times_virtual:.1f}x faster" if row.times_virtual > 1 else f"{1 / row.times_virtual:.1f}x slower"


def _write(record: dict[str, Any], missing: Sequence[Missing]) -> None:
    if missing:
        names = ", ".join(one.name for one in missing)
        raise SystemExit(
            f"not recorded: a record holds every peer, and this run had no {names}; install what is missing"
        )
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
