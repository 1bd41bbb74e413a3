"""What ptxas makes of the PTX, kernel by kernel: the counts that the PTX predicts, and those of the machine code.

    python benchmarks/machine_code.py [--only sgemm_tiled] [--record]

Every kernel of tests/corpus (its first case) and of benchmarks/kernels is compiled for sm_90 behind the wall, executed
once on the virtual GPU, and its cubin read by nvdisasm; the kernels of kernels/ are judged as `kernelevo profile` does
it. Static counts are instructions in the text; agreements weigh each block by how often it executed
(kernelevo/devices/machine_code.py): before and after neighbouring accesses are merged, and after the correction, which
compares what the time model is given. `merged` holds the merge pass to the machine code: a load or store of shared
memory whose line has no access left there was merged away. --record writes benchmarks/results/machine_code.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpreter_speed import workloads

from kernelevo import run
from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.devices.machine_code import agreement, compare
from kernelevo.devices.sass_classes import PADDING, class_of
from kernelevo.disassembler import NvdisasmDisassembler, find_nvdisasm
from kernelevo.sandbox import Sandbox
from kernelevo.settings import Request, Settings
from kernelevo.types import Budget, BuildRequest, Image, LineCounts, MachineCode
from kernelevo.virtual import LaunchReport, Machine, Module

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULT = HERE / "results" / "machine_code.json"
ARCHITECTURE = "sm_90"
BUDGET = Budget(60.0, 4 << 30, 1)
SHARED = ("shared_load", "shared_store")
sys.path.insert(0, str(ROOT))


@dataclass(frozen=True)
class Row:
    """One kernel. `merged_right`, `merged_wrong` and `merged_missed` are lines of plain shared-memory accesses that the
    pass says are merged away and are, are not, and that it says are left though they are merged away.
    """

    source: str
    kernel: str
    ptx_static: int
    predicted_static: int
    machine_static: int
    shared_loads: tuple[int, int, int]
    """In the PTX, as merged, in the machine code (static)."""
    agreement_before: float
    agreement_merged: float
    agreement_corrected: float
    matched: float
    merged_right: int
    merged_wrong: int
    merged_missed: int


class Tools:
    """A wall, the compiler and the disassembler behind it."""

    def __init__(self) -> None:
        toolkit = find_toolkit()
        self.wall = Sandbox(toolkit.library, toolkit.read_only)
        self._compiler = NvrtcCompiler(self.wall, toolkit)
        found = find_nvdisasm()
        self.source = f"nvdisasm {found.version}, NVRTC {toolkit.version}"
        self._disassembler = NvdisasmDisassembler(self.wall, found)

    def build(self, path: Path) -> tuple[Image, MachineCode]:
        image = self._compiler.build(BuildRequest(path.read_text(), path.name, (), ARCHITECTURE), BUDGET)
        if not isinstance(image, Image):
            raise SystemExit(f"{path} does not compile: {image.diagnostics[0]}")
        code = self._disassembler.read(image)
        if code is None:
            raise SystemExit(f"the machine code of {path} cannot be read")
        return image, code


def main() -> int:
    options = _options()
    tools = Tools()
    rows = sorted(_rows(tools, options.only), key=lambda row: (row.source, row.kernel))
    shipped = {path.stem: _shipped(path) for path in sorted((ROOT / "kernels").glob("*.cu")) if options.only is None}
    tools.wall.close()
    print(_table(rows))
    for name, cases in shipped.items():
        print(f"kernels/{name}.cu: {cases}")
    summary = _summary(rows)
    print(json.dumps(summary, indent=1))
    if options.record:
        record = {
            "tools": tools.source, "target": ARCHITECTURE, "summary": summary, "shipped": shipped,
            "rows": [dataclasses.asdict(row) for row in rows],
        }  # fmt: skip
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one kernel")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(ROOT)}")
    return parser.parse_args()


def _rows(tools: Tools, only: str | None) -> Iterator[Row]:
    yield from _corpus_rows(tools, only)
    for workload in workloads():
        if only not in (None, workload.kernel):
            continue
        image, code = tools.build(HERE / "kernels" / f"{workload.kernel}.cu")
        with Machine(Module(image.ptx), memory_bytes=1 << 30) as machine:
            prepared = workload.prepare(machine)
            report = machine.launch(
                workload.kernel, grid=workload.grid, block=workload.block, args=prepared.args, budget=10**9, lines=True
            )
        yield _row("benchmarks", workload.kernel, image, code, report)


def _corpus_rows(tools: Tools, only: str | None) -> Iterator[Row]:
    from tests.corpus.executing import launch_case
    from tests.corpus.table import all_cases

    seen: set[tuple[str, str]] = set()
    for case in all_cases():
        if (case.source, case.kernel) in seen or only not in (None, case.kernel):
            continue
        prepared = case.prepare()
        if prepared.fault:
            continue
        seen.add((case.source, case.kernel))
        image, code = tools.build(ROOT / "tests" / "corpus" / f"{case.source}.cu")
        report = launch_case(case, prepared, ARCHITECTURE, {"lines": True}).report
        yield _row(case.source, case.kernel, image, code, report)


def _row(source: str, kernel: str, image: Image, code: MachineCode, report: LaunchReport) -> Row:
    if report.faults:
        raise SystemExit(f"{kernel} of {source} stopped at a fault: {report.faults[0].message}")
    lines = report.lines
    apart = [dataclasses.replace(line, requests_merged=line.requests) for line in lines]
    before, after = (compare(kernel, each, image.ptx, code) for each in (apart, lines))
    own = [each for each in code.functions[kernel] if each.opcode.split(".")[0] not in PADDING]
    right, wrong, missed = _merged(lines, {each.ptx_line for each in own if class_of(each.opcode) in SHARED})
    loads = [line for line in lines if line.kind == "shared_load"]
    return Row(
        source, kernel, len(lines), sum(line.slots for line in lines if not _is_merged_away(line)), len(own),
        (
            len(loads), sum(not _is_merged_away(line) for line in loads),
            sum(class_of(each.opcode) == "shared_load" for each in own),
        ),
        round(agreement(before.predicted, before.machine), 3), round(agreement(after.predicted, after.machine), 3),
        round(agreement(after.corrected, after.machine), 3), round(after.known, 3), right, wrong, missed,
    )  # fmt: skip


def _is_merged_away(line: LineCounts) -> bool:
    return line.kind in SHARED and line.requests > 0 and line.requests_merged == 0


def _merged(lines: Sequence[LineCounts], with_access: set[int]) -> tuple[int, int, int]:
    plain = [line for line in lines if line.kind in SHARED and line.requests and _opcode(line) in ("ld", "st")]
    right = sum(_is_merged_away(line) and line.ptx_line not in with_access for line in plain)
    wrong = sum(_is_merged_away(line) and line.ptx_line in with_access for line in plain)
    missed = sum(not _is_merged_away(line) and line.ptx_line not in with_access for line in plain)
    return right, wrong, missed


def _opcode(line: LineCounts) -> str:
    words = line.instruction.split()
    return words[1 if words[0].startswith("@") else 0].split(".")[0]


def _shipped(path: Path) -> list[dict[str, Any]]:
    """The first case of a shipped kernel, launch by launch, as `kernelevo profile` has it."""
    judged = run.judge(Request(path, seed=1), Settings.from_environment(), run.REAL, lambda note: None, "")
    if not judged.verdict.cases:
        raise SystemExit(f"{path} did not pass: {judged.verdict.feedback}")
    steps = [step for step in judged.verdict.cases[0].steps if "machine_code" in step.details]
    keys = ("agreement_of_ptx", "agreement", "known")
    return [{"kernel": step.kernel, **{key: step.details["machine_code"][key] for key in keys}} for step in steps]


def _summary(rows: Sequence[Row]) -> dict[str, Any]:
    right, wrong, missed = (
        sum(getattr(row, name) for row in rows) for name in ("merged_right", "merged_wrong", "merged_missed")
    )
    agreements = {
        name: [getattr(row, f"agreement_{name}") for row in rows] for name in ("before", "merged", "corrected")
    }
    return {
        "kernels": len(rows),
        "merged": {
            "right": right, "wrong": wrong, "missed": missed,
            "precision": round(right / max(right + wrong, 1), 4), "recall": round(right / max(right + missed, 1), 4),
        },
        "agreement": {
            name: {"median": round(statistics.median(values), 3), "least": min(values),
                   "under 0.75": sum(value < 0.75 for value in values)}
            for name, values in agreements.items()
        },
        "matched, median": round(statistics.median(row.matched for row in rows), 3),
    }  # fmt: skip


def _table(rows: Sequence[Row]) -> str:
    head = (
        f"{'source':18} {'kernel':22} {'PTX':>6} {'slots':>6} {'SASS':>6}  {'LDS: PTX merged SASS':>20}  "
        f"{'agreement':>9} {'merged':>7} {'corrected':>9} {'matched':>8}  merged away: right wrong missed"
    )
    return "\n".join([head, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    loads = "{:>6} {:>6} {:>6}".format(*row.shared_loads)
    return (
        f"{row.source:18} {row.kernel:22} {row.ptx_static:6} {row.predicted_static:6} {row.machine_static:6}  "
        f"{loads:>20}  "
        f"{row.agreement_before:9.2f} {row.agreement_merged:7.2f} {row.agreement_corrected:9.2f} {row.matched:8.0%}  "
        f"{row.merged_right} {row.merged_wrong} {row.merged_missed}"
    )


if __name__ == "__main__":
    sys.exit(main())
