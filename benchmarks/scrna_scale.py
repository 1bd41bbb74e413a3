"""How long thinning, denoising and scoring take on many cells, and how much memory beside the dense matrix.

    python benchmarks/scrna_scale.py [--cells 100000] [--genes 15000] [--json] [--record]

Two cases on synthetic counts (Poisson, 2,000 molecules a cell), each in a process of its own, on one thread:

    small    1,000 x 15,000; fails at 10 s, and where the peak above what the counts take reaches twice the dense matrix
    large    as many as asked for; fails where the peak reaches half of the dense matrix, which is never made

A case deals the molecules, denoises by rows (SVD of log counts, rank 10) and scores by both rules. Peaks are VmHWM of
/proc/self/status (Linux only); `before` is read when the counts are there. --record writes
benchmarks/results/scrna_scale.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from interpreter_speed import HERE, machine_words
from scipy import sparse
from threadpoolctl import threadpool_limits

from kernelevo.backends.scrna.by_blocks import denoised_rows
from kernelevo.backends.scrna.pipeline import SPACE
from kernelevo.backends.scrna.scoring import reference, score_guarded, score_published
from kernelevo.backends.scrna.thinning import Counts, blocks, split_molecules

RESULT = HERE / "results" / "scrna_scale.json"
SMALL = (1000, 15_000)
MOST_SECONDS, MOST_OF_SMALL, MOST_OF_LARGE = 10.0, 2.0, 0.5
"""The last two in dense matrices of float64."""
KINDS, MOLECULES = 8, 2000
RANK = 10


@dataclass(frozen=True)
class Row:
    """`seconds` of each step; `before` and `peak` are resident bytes, `dense` what a matrix of float64 takes."""

    case: str
    cells: int
    genes: int
    molecules: int
    places: int
    guarded: float
    published: float
    before: int
    peak: int
    dense: int
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def matrices(self) -> float:
        """Dense matrices that were needed above what was there before."""
        return (self.peak - self.before) / self.dense

    @property
    def whole(self) -> float:
        return sum(self.seconds.values())


def main() -> int:
    options = _options()
    if options.case:
        print(json.dumps(asdict(measure(options.case, options.cells, options.genes))))
        return 0
    asked = {"small": SMALL, "large": (options.cells, options.genes)}
    rows = [_in_a_process_of_its_own(case, *size) for case, size in asked.items()]
    record = {"machine": machine_words(), "unit": "bytes, seconds", "rows": [asdict(row) for row in rows]}
    print(json.dumps(record) if options.json else _table(rows))
    if found := [words for row in rows for words in beyond(row)]:
        raise SystemExit(f"{'; '.join(found)}; nothing is recorded")
    if options.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000, help="of the large case")
    parser.add_argument("--genes", type=int, default=15_000, help="of the large case")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/scrna_scale.json")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_a_process_of_its_own(case: str, cells: int, genes: int) -> Row:
    words = [sys.executable, __file__, "--case", case, "--cells", str(cells), "--genes", str(genes)]
    return Row(**json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout))


def measure(case: str, cells: int, genes: int) -> Row:
    with threadpool_limits(limits=1):
        counts = synthetic(cells, genes)
        before = _peak()
        watch = _Watch()
        halves = split_molecules(counts, seed=0)
        watch.lap("thinning")
        rows = denoised_rows(halves.train, SPACE.pipeline({"low_rank": 1}, rank=RANK), seed=0)
        watch.lap("denoising")
        known = reference(halves.train, halves.test)
        guarded = score_guarded(halves.train, halves.test, rows, known)
        watch.lap("scoring")
        published = score_published(halves.train, halves.test, rows, known)
        watch.lap("scoring by the published rule")
    return Row(
        case, cells, genes, int(counts.sum()), int(counts.nnz), guarded.guarded, published.published, before, _peak(),
        8 * cells * genes, watch.seconds,
    )  # fmt: skip


class _Watch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step], self._last = round(now - self._last, 2), now


def synthetic(cells: int, genes: int, seed: int = 0) -> Counts:
    """Kinds of cells that differ by a few times in a tenth of their genes, made by blocks."""
    source = np.random.default_rng(seed)
    level = np.exp(source.normal(0.0, 2.0, genes))
    kinds = level * np.exp(source.normal(0.0, 1.1, (KINDS, genes)) * (source.random((KINDS, genes)) < 0.1))
    means = kinds * (MOLECULES / kinds.sum(axis=1, keepdims=True))
    of, depth = source.integers(0, KINDS, cells), np.exp(source.normal(0.0, 0.3, cells))
    made = [
        sparse.csr_matrix(source.poisson(means[of[block]] * depth[block, None]).astype(np.int32))
        for block in blocks((cells, genes))
    ]
    return sparse.vstack(made, format="csr")


def beyond(row: Row) -> list[str]:
    """What of a case is more than is promised."""
    most = MOST_OF_SMALL if row.case == "small" else MOST_OF_LARGE
    found = []
    if row.case == "small" and row.whole >= MOST_SECONDS:
        found.append(f"{row.cells:,} x {row.genes:,} took {row.whole:.1f} s, and {MOST_SECONDS:g} are allowed")
    if row.matrices >= most:
        found.append(f"{row.cells:,} x {row.genes:,} needed {row.matrices:.2f} dense matrices; {most:g} are allowed")
    return found


def _peak() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def _table(rows: list[Row]) -> str:
    lines = [f"{'cells x genes':>20}{'seconds':>9}{'before MB':>11}{'peak MB':>9}{'dense MB':>10}{'guarded':>9}"]
    lines += [
        f"{f'{row.cells:,} x {row.genes:,}':>20}{row.whole:9.1f}{row.before / 1e6:11.0f}{row.peak / 1e6:9.0f}"
        f"{row.dense / 1e6:10.0f}{row.guarded:9.3f}  {_steps(row.seconds)}"
        for row in rows
    ]
    return "\n".join(lines)


def _steps(seconds: dict[str, Any]) -> str:
    return ", ".join(f"{step} {value:.1f} s" for step, value in seconds.items())


if __name__ == "__main__":
    raise SystemExit(main())
