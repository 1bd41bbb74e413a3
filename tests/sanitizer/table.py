"""Runs every planted bug and its fixed twin, and writes the table: docs/sanitizer-table.md for people,
tests/sanitizer/results.json for the tests.

    python -m tests.sanitizer.table [--repeats N] [--write]

Without --write the table is printed only. Found means: a finding of the planted kind at a marked line (of an output
that was never computed: the array's first byte that nobody wrote). Clean means: no finding by any check in two orders.
Costs are CPU seconds of one launch of each kernel of benchmarks/kernels with a check, over those without, the least of
the repeats, measured turn by turn; they are those of this machine, and no test holds them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from corpus.compiling import compiler_version  # noqa: E402
from interpreter_speed import HERE as BENCHMARKS  # noqa: E402
from interpreter_speed import Workload, machine_words, workloads  # noqa: E402
from nvrtc_ptx import compile_ptx  # noqa: E402

from kernelevo.compilers.toolkit import find_toolkit  # noqa: E402
from kernelevo.virtual import Machine, Module  # noqa: E402
from sanitizer.planted_kernel import PlantedKernel, planted_kernels  # noqa: E402

RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = ROOT / "docs" / "sanitizer-table.md"
BY_RACE_CHECK = ("race", "missing_wait")
OUTPUT = "uninitialised_output"
ORDERS = (0, 1)
CHECKS: Mapping[str, Mapping[str, bool]] = {
    "plain": {},
    "tracking": {"track_uninitialised": True},
    "races": {"check_races": True},
}
BUDGET = 10**9
REPEATS = 3


@dataclass(frozen=True)
class KindRow:
    """Of one kind: how many bugs are planted and found, how many fixed twins are clean, and which are not."""

    kind: str
    planted: int
    found: int
    clean: int
    missed: tuple[str, ...]
    accused: tuple[str, ...]


@dataclass(frozen=True)
class CostRow:
    """Of one benchmark kernel: CPU seconds of a launch without a check, and how many times that with one."""

    kernel: str
    shape: str
    seconds: float
    tracking: float
    races: float


def main() -> int:
    options = _options()
    kinds = kind_rows()
    costs = [_cost(workload, options.repeats) for workload in workloads()]
    document = _document(kinds, costs)
    if options.write:
        DOCUMENT.write_text(document, encoding="utf-8")
        RESULTS.write_text(_record(kinds, costs), encoding="utf-8")
    print(document)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="timed launches of each kernel and check")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name} and {RESULTS.name}")
    return parser.parse_args()


def kind_rows() -> list[KindRow]:
    """One row for each kind that is planted, by name."""
    planted = planted_kernels()
    return [kind_row(kind, [each for each in planted if each.fault == kind]) for kind in _kinds(planted)]


def _kinds(planted: Sequence[PlantedKernel]) -> list[str]:
    return sorted({each.fault for each in planted})


def kind_row(kind: str, planted: Sequence[PlantedKernel]) -> KindRow:
    missed = tuple(each.path.stem for each in planted if not is_found(each))
    accused = tuple(each.path.stem for each in planted if not is_clean(each))
    return KindRow(kind, len(planted), len(planted) - len(missed), len(planted) - len(accused), missed, accused)


def is_found(planted: PlantedKernel) -> bool:
    """Whether the buggy text is found out by its kind, at its line."""
    run = planted.run(fixed=False, races=planted.fault in BY_RACE_CHECK)
    if planted.fault == OUTPUT:
        return run.uninitialised[planted.shown_by] >= 0
    seen = (*run.report.faults, *run.report.remarks)
    return any(fault.kind == planted.fault and fault.source.line in planted.bug_lines for fault in seen)


def is_clean(planted: PlantedKernel) -> bool:
    """Whether nothing is found in the fixed twin, by any check, in two orders of threads."""
    runs = [planted.run(fixed=True, order=order, races=races) for order in ORDERS for races in (False, True)]
    shown = [run.uninitialised[planted.shown_by] for run in runs[::2]] if planted.fault == OUTPUT else []
    return not any(run.report.faults for run in runs) and all(place == -1 for place in shown)


def _cost(workload: Workload, repeats: int) -> CostRow:
    text = (BENCHMARKS / "kernels" / f"{workload.kernel}.cu").read_text(encoding="utf-8")
    module = Module(compile_ptx(find_toolkit(), text, f"{workload.kernel}.cu"))
    seconds: dict[str, list[float]] = {name: [] for name in CHECKS}
    with Machine(module, memory_bytes=1 << 30) as machine:
        args = workload.prepare(machine).args
        for turn in range(repeats + 1):
            for name, check in CHECKS.items():
                started = time.process_time()
                report = machine.launch(
                    workload.kernel, grid=workload.grid, block=workload.block, args=args, budget=BUDGET, **check
                )
                if report.faults:
                    raise SystemExit(f"{workload.kernel} is not clean: {report.faults[0].message}")
                if turn:  # the first turn warms up
                    seconds[name].append(time.process_time() - started)
    plain, tracking, races = (min(seconds[name]) for name in CHECKS)
    ratios = round(tracking / plain, 2), round(races / plain, 2)
    return CostRow(workload.kernel, workload.shape, round(plain, 4), *ratios)


def _record(kinds: Sequence[KindRow], costs: Sequence[CostRow]) -> str:
    """One line a row, so that a change shows as a change of lines."""
    parts = {name: ",\n".join(json.dumps(asdict(row)) for row in rows) for name, rows in _named(kinds, costs)}
    head = json.dumps({"compiler": compiler_version(), "machine": machine_words()})[:-1]
    return f'{head},\n"kinds": [\n{parts["kinds"]}\n],\n"costs": [\n{parts["costs"]}\n]}}\n'


def _named(kinds: Sequence[KindRow], costs: Sequence[CostRow]) -> list[tuple[str, Sequence[Any]]]:
    return [("kinds", kinds), ("costs", costs)]


def _document(kinds: Sequence[KindRow], costs: Sequence[CostRow]) -> str:
    planted, found, clean = (sum(getattr(row, name) for row in kinds) for name in ("planted", "found", "clean"))
    head = HEAD.format(planted=planted, found=found, clean=clean, kinds=len(kinds), compiler=compiler_version())
    table = [["kind", "planted", "found at its line", "fixed twin clean", "missed", "wrongly accused"], ["---"] * 6]
    table += [_kind_cells(row) for row in kinds]
    cost = [["kernel", "shape", "ms without", "tracking", "races"], ["---"] * 5, *map(_cost_cells, costs)]
    return f"{head}{_table(table)}\n{COSTS.format(machine=machine_words())}{_table(cost)}"


def _kind_cells(row: KindRow) -> list[str]:
    names = [", ".join(f"`{name}`" for name in each) or "-" for each in (row.missed, row.accused)]
    return [f"`{row.kind}`", str(row.planted), str(row.found), str(row.clean), *names]


def _cost_cells(row: CostRow) -> list[str]:
    return [f"`{row.kernel}`", row.shape, f"{row.seconds * 1e3:.0f}", f"{row.tracking:.2f}", f"{row.races:.2f}"]


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


HEAD = """# The sanitizer table

Written by `python -m tests.sanitizer.table --write`; `tests/sanitizer/test_table.py` runs every planted bug again and
holds the numbers. {planted} bugs of {kinds} kinds are planted, {found} are found at their line, and {clean} of the
fixed twins are clean. Compiler: {compiler}.

Each file of `tests/sanitizer/planted` is a small kernel with one bug and, with `-DFIXED`, the same kernel without it.
A bug is found if a finding of its kind names a line that the file marks; `uninitialised_output` if the bytes of the
output that nobody wrote are known. A twin is clean if tracking and the race check, each in two orders of threads, find
nothing. What is missed or accused wrongly is annotated in its file with the reason. [sanitizers.md](sanitizers.md)
explains the kinds.

"""
COSTS = """
## What the checks cost

CPU time of one launch with a check over the same launch without it (which still checks bounds, alignment and barriers),
the least of several, on {machine}. Tracking and the race check are two runs in a search for faults.

"""

if __name__ == "__main__":
    sys.exit(main())
