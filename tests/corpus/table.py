"""Runs the whole corpus and writes its table: docs/corpus.md for people, tests/corpus/results.json for the tests.

    python -m tests.corpus.table [--only KERNEL] [--write]

Without --write the table is printed only. The exit status is 1 if a row that should hold does not. Counts are integers
of the PTX, the same on every machine with the same compiler; the errors depend on the host's libm in the last digit.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import arithmetic, control, discrete, matrices, numerics, ordering, rows, sums
from .case import Case
from .compiling import TARGETS, compiler_version
from .executing import Row, execute

ROOT = Path(__file__).parent.parent.parent
RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = ROOT / "docs" / "corpus.md"
SHOWN = {
    "warp instructions": ("warp_instructions",),
    "sectors": ("global_load_sectors", "global_store_sectors"),
    "wavefronts": ("shared_load_wavefronts", "shared_store_wavefronts"),
}


def all_cases() -> list[Case]:
    parts = (rows, sums, matrices, arithmetic, control, ordering, numerics, discrete)
    return [case for part in parts for case in part.all_cases()]


def main() -> int:
    options = _options()
    chosen = [case for case in all_cases() if options.only in (None, case.kernel, case.source)]
    found = [execute(case, target) for case in sorted(chosen, key=_order) for target in TARGETS]
    document = _document(found)
    if options.write:
        DOCUMENT.write_text(document, encoding="utf-8")
        RESULTS.write_text(_record(found), encoding="utf-8")
    print(document)
    wrong = [f"{row.kernel} {row.shape} {row.target}: {row.complaints[0]}" for row in found if row.complaints]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one kernel, or one source file without .cu")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name} and {RESULTS.name}")
    options = parser.parse_args()
    if options.only and options.write:
        parser.error("--write writes the whole table: leave --only away")
    return options


def _order(case: Case) -> tuple[str, str]:
    return case.source, case.kernel


def _record(found: Sequence[Row]) -> str:
    """One line a row, so that a change shows as a change of lines."""
    lines = [json.dumps(_entry(row)) for row in found]
    return f'{{"compiler": "{compiler_version()}",\n"rows": [\n' + ",\n".join(lines) + "\n]}\n"


def _entry(row: Row) -> dict[str, Any]:
    error = None if math.isnan(row.error) else float(f"{row.error:.3g}")
    return {
        "kernel": row.kernel,
        "target": row.target,
        "shape": row.shape,
        "source": row.source,
        "against": row.against,
        "error": error,
        "bound": float(f"{row.bound:.3g}"),
        "faults": list(row.faults),
        "counts": dict(row.counts),
    }


def _document(found: Sequence[Row]) -> str:
    held = sum(not row.complaints for row in found)
    kernels = len({(row.source, row.kernel) for row in found})
    head = HEAD.format(compiler=compiler_version(), kernels=kernels, rows=len(found), held=held)
    titles = ["kernel", "target", "shape", "compared against", "max error", "bound", "faults", *SHOWN]
    lines = [titles, ["---"] * len(titles), *(_cells(row) for row in found)]
    return head + "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _cells(row: Row) -> list[str]:
    name = [f"`{row.kernel}`", row.target, row.shape, row.against]
    if row.complaints:
        return [*name, "-", "-", "does not hold", *("-" for _ in SHOWN)]
    error = "-" if math.isnan(row.error) else "exact" if row.bound == 0 else f"{row.error:.1e}"
    bound = f"{row.bound:.1e}" if row.bound else "-"
    counts = [" + ".join(str(row.counts[key]) for key in keys) for keys in SHOWN.values()]
    return [*name, error, bound, ", ".join(row.faults) or "none", *counts]


HEAD = """# The corpus

Written by `python -m tests.corpus.table --write`; `tests/corpus/test_corpus.py` runs every row again and holds the
bounds and the counts. {kernels} kernels, {rows} rows, {held} of them hold. Compiler: {compiler}.

Each kernel of `tests/corpus/*.cu` is compiled for both targets and run three times: with counters, with tracking of
uninitialised values, and with the cache model and the scoreboard. All give the same bits and the same counts.
Errors are |got - expected| / scale, the largest of all elements; the scale of a sum is the sum of magnitudes, and the
bound follows from the roundings (see the references beside the kernels). *Exact* is bit for bit. A row with a fault
other than none must stop at it. Sectors are those of global loads + stores, wavefronts those of shared loads + stores.

"""

if __name__ == "__main__":
    sys.exit(main())
