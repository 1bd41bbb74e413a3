"""Races found and missed on the Indigo suite: kernels of irregular codes with planted bugs, made by others.

    python benchmarks/indigo.py CHECKOUT [--graph DAG_100n_200e] [--record] [--json]

CHECKOUT holds the artifact of HiRace (Jacobson, Burtscher, Gopalakrishnan: "HiRace: Accurate and Fast Data Race
Checking for GPU Programs", SC24; repository JohnJacobsonIII/HiRace-Artifact-SC24): its `indigo/` folder has the
kernels, bugs in their file names, and six input graphs. Each kernel is compiled by NVRTC and run on the virtual GPU as
the artifact runs it (256 threads a block, 1024 blocks, inputs from the C library's rand), with the race check and all
memory checks, and its answer is held against the file's name, as in the artifact's Table I. PUBLISHED are that table's
figures of the other tools, measured by its authors on a GPU; they are not run here.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from nvrtc_ptx import compile_ptx

from kernelevo.compilers.toolkit import Toolkit, find_toolkit
from kernelevo.virtual import LaunchReport, Machine, Module

RESULT = Path(__file__).parent / "results" / "indigo.json"
THREADS, BLOCKS = 256, 1024
BUDGET, MAX_FAULTS = 2_000_000, 200
RACY = re.compile("(atomic|race|guard|sync)Bug")
RACES = ("race", "missing_wait")
# Found of the 346 kernels with a race, by graph: HiRace, iGUARD, Compute Sanitizer (racecheck), comparing with a serial
# run. Table I of the paper. It does not give false alarms, but says that HiRace has none.
PUBLISHED = {
    "DAG_100n_200e": (346, 298, 92, 301),
    "DAG_200n_400e": (346, 298, 92, 301),
    "DAG_5n_5e": (182, 118, 92, 44),
    "counterDAG_200n_1000e": (346, 298, 56, 282),
    "counterDAG_5n_5e": (295, 148, 92, 194),
    "power_law_200n_1000e": (346, 297, 128, 306),
}


@dataclass(frozen=True)
class Graph:
    """Compressed sparse rows: neighbours of vertex i are nlist[nindex[i]:nindex[i + 1]]; `data` are two arrays."""

    name: str
    nindex: np.ndarray
    nlist: np.ndarray
    data: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Row:
    """Kernels of one graph: with a race and found, only remarked, or missed; without one and accused.

    Of kernels with a bounds bug that is found, false alarms are not counted: what they read outside their arrays
    decides what they do from there on, races included.
    """

    graph: str
    kernels: int
    racy: int
    found: int
    remarked: int
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    bounds_bugs: int
    bounds_found: int
    seconds: float


def main() -> int:
    options = _options()
    kernels = list(read_kernels(options.checkout / "indigo" / "indigo_sources", find_toolkit()))
    graphs = sorted((options.checkout / "indigo" / "input").glob("*.egr"))
    rows = [_judge(kernels, read_graph(path)) for path in graphs if options.graph in (None, path.stem)]
    if not kernels or not rows:
        print(f"{options.checkout} holds no kernels of Indigo, or no such graph", file=sys.stderr)
        return 2
    record = {"threads": THREADS, "blocks": BLOCKS, "rows": [asdict(row) for row in rows]}
    if options.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record) if options.json else table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="folder that holds the artifact")
    parser.add_argument("--graph", help="only this input graph")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    return parser.parse_args()


def read_kernels(folder: Path, toolkit: Toolkit) -> Iterator[tuple[str, Module]]:
    """The kernels, compiled, by file name. Their host code (a serial twin and a checker) is cut off."""
    for path in sorted(folder.glob("*/*.cu")):
        text = path.read_text(encoding="utf-8").replace('#include "indigo_cuda.h"', "")
        device_code = re.split(r"^\s*void serial_code", text, maxsplit=1, flags=re.MULTILINE)[0]
        yield path.stem, Module(compile_ptx(toolkit, device_code, path.name))


def read_graph(path: Path) -> Graph:
    """An ECL graph: numbers of vertices and edges, then both arrays. Data as the suite's own main draws it."""
    words = np.fromfile(path, np.int32)
    nodes, edges = int(words[0]), int(words[1])
    library = ctypes.CDLL(None)
    library.srand(1)
    length = max(nodes, edges, 1)
    data = tuple(
        np.array([0] + [library.rand() % most for _ in range(length - 1)], np.int32) for most in (nodes, max(edges, 1))
    )
    return Graph(path.stem, words[2 : nodes + 3], words[nodes + 3 : nodes + 3 + edges], (data[0], data[1]))


def _judge(kernels: list[tuple[str, Module]], graph: Graph) -> Row:
    started = time.monotonic()
    reports = {name: launch(module, graph) for name, module in kernels}
    faults = {name: {fault.kind for fault in report.faults} for name, report in reports.items()}
    remarked = {name for name, report in reports.items() if any(each.kind in RACES for each in report.remarks)}
    racy = [name for name in reports if RACY.search(name)]
    accused = {name for name, seen in faults.items() if seen.intersection(RACES)}
    bounds = [name for name in reports if "boundsBug" in name]
    return Row(
        graph=graph.name,
        kernels=len(reports),
        racy=len(racy),
        found=sum(name in accused for name in racy),
        remarked=sum(name in remarked - accused for name in racy),
        missed=tuple(name for name in racy if name not in accused | remarked),
        false_alarms=tuple(sorted(name for name in accused.difference(racy) if "out_of_bounds" not in faults[name])),
        bounds_bugs=len(bounds),
        bounds_found=sum("out_of_bounds" in faults[name] for name in bounds),
        seconds=round(time.monotonic() - started, 1),
    )


def launch(module: Module, graph: Graph) -> LaunchReport:
    with Machine(module, memory_bytes=1 << 26) as machine:
        args = [machine.array(values) for values in (graph.nindex, graph.nlist, *graph.data)]
        return machine.launch(
            module.kernels[0].name, grid=BLOCKS, block=THREADS, args=[*args, len(graph.nindex) - 1], budget=BUDGET,
            check_races=True, max_faults=MAX_FAULTS,
        )  # fmt: skip


def table(rows: list[Row]) -> str:
    columns = (
        "with a race", "found", "as remark", "missed", "false alarms", "bounds bugs", "found", "HiRace", "iGUARD",
        "Compute Sanitizer", "seconds",
    )  # fmt: skip
    lines = [" | ".join(("| graph | kernels", *columns)) + " |", "| --- " + "| ---: " * (1 + len(columns)) + "|"]
    for row in rows:
        hirace, iguard, sanitizer, _ = PUBLISHED.get(row.graph, ("", "", "", ""))
        figures = (
            row.kernels, row.racy, row.found, row.remarked, len(row.missed), len(row.false_alarms), row.bounds_bugs,
            row.bounds_found, hirace, iguard, sanitizer, row.seconds,
        )  # fmt: skip
        lines.append(f"| {row.graph} | " + " | ".join(map(str, figures)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
