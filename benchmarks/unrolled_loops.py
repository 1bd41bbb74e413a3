"""Whether counts corrected by machine code depend on how often ptxas unrolled the loops: they must not.

    python benchmarks/unrolled_loops.py --ptxas PATH [--record]

The PTX of each corpus kernel is assembled twice by the ptxas at PATH, as it is and with `.pragma "nounroll"` at every
label, and the same launch is corrected by both machine codes (kernelevo/devices/machine_code.py). Where unrolling made
the text longer by a tenth or more, the row shows the ratio of the corrected totals (unrolling saves compares and
branches, so a little under 1 is right) and that of the totals without a division by copies. --record writes
benchmarks/results/unrolled_loops.json.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kernelevo.devices.machine_code import blocks_of, compare
from kernelevo.disassembler import find_nvdisasm
from kernelevo.disassembler_listing import read_listing
from kernelevo.types import LineCounts, MachineCode

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "unrolled_loops.json"
ARCHITECTURE = "sm_90"
LONGER = 1.1
_LABEL = re.compile(r"^(\$L__BB\w+:)\s*$", re.MULTILINE)
sys.path.insert(0, str(ROOT))


def main() -> int:
    options = _options()
    rows = _rows(options.ptxas)
    for row in rows:
        print("{kernel:22} {static_unrolled:5} {static_rolled:5} instructions; corrected ratio {corrected:.2f}, "
              "without copies {naive:.2f}".format(**row))  # fmt: skip
    ratios, naive = [row["corrected"] for row in rows], [row["naive"] for row in rows]
    summary = {
        "kernels": len(rows), "corrected, median": statistics.median(ratios),
        "corrected, range": [min(ratios), max(ratios)], "without copies, median": statistics.median(naive),
        "without copies, largest": max(naive),
    }  # fmt: skip
    print(json.dumps(summary))
    if options.record:
        version = subprocess.run([options.ptxas, "--version"], capture_output=True, text=True, check=True).stdout
        record = {"ptxas": version.splitlines()[-1], "target": ARCHITECTURE, "summary": summary, "rows": rows}
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ptxas", required=True, help="a ptxas that reads the PTX of the installed NVRTC")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(ROOT)}")
    return parser.parse_args()


def _rows(ptxas: str) -> list[dict[str, Any]]:
    from tests.corpus.compiling import compiled
    from tests.corpus.executing import launch_case
    from tests.corpus.table import all_cases

    rows: dict[str, dict[str, Any]] = {}
    codes: dict[str, tuple[MachineCode, MachineCode]] = {}
    for case in all_cases():
        prepared = case.prepare()
        if case.kernel in rows or prepared.fault:
            continue
        ptx = compiled(case.source, ARCHITECTURE)
        if case.source not in codes:
            codes[case.source] = _assemble(ptxas, ptx), _assemble(ptxas, _LABEL.sub(r'\1 .pragma "nounroll";', ptx))
        lines = launch_case(case, prepared, ARCHITECTURE, {"lines": True}).report.lines
        rows[case.kernel] = _row(case.kernel, lines, ptx, *codes[case.source])
    return [row for row in rows.values() if row["static_unrolled"] >= LONGER * row["static_rolled"]]


def _row(
    kernel: str, lines: tuple[LineCounts, ...], ptx: str, unrolled: MachineCode, rolled: MachineCode
) -> dict[str, Any]:
    one, other = (sum(compare(kernel, lines, ptx, code).corrected.values()) for code in (unrolled, rolled))
    naive = sum(block.executed * sum(block.machine.values()) for block in blocks_of(kernel, lines, ptx, unrolled))
    return {
        "kernel": kernel,
        "static_unrolled": len(unrolled.functions[kernel]),
        "static_rolled": len(rolled.functions[kernel]),
        "corrected": round(one / other, 3),
        "naive": round(naive / other, 3),
    }


def _assemble(ptxas: str, ptx: str) -> MachineCode:
    with tempfile.TemporaryDirectory() as folder:
        text, cubin = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        # A ptxas a little older than NVRTC reads its PTX all the same.
        text.write_text(re.sub(r"^\.version .*$", ".version 9.0", ptx, flags=re.MULTILINE))
        subprocess.run([ptxas, f"-arch={ARCHITECTURE}", "-lineinfo", "-o", cubin, text], check=True)
        words = [find_nvdisasm().program, "-c", "-gp", cubin]
        listing = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    code = read_listing(listing, "nvdisasm")
    if code is None:
        raise SystemExit("this ptxas wrote no lines of the PTX into its cubin")
    return code


if __name__ == "__main__":
    sys.exit(main())
