"""How long a call of a program in Python takes behind the wall: start of its zygote, calls that do nothing, and calls
that are given much; beside a fresh interpreter that imports the same packages, which the zygote saves each call.

    python benchmarks/program_latency.py [--calls 20]

Prints the median with the least and the most; times are wall time on this machine, under whatever load it has.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from kernelevo.interfaces import ProgramCall, ProgramFailure
from kernelevo.sandbox_programs import JailedPrograms

NOTHING = "def denoise(counts, seed):\n    return counts\n"
IMPORTS = "import sklearn.decomposition, sklearn.linear_model, sklearn.neighbors, sklearn.svm, scipy.stats"
SIZES = {"16 x 16": (16, 16), "300 x 2,500": (300, 2500), "2,000 x 5,000": (2000, 5000)}
"""Cells and genes: nothing, a task of 1,000 cells and 15,000 genes, and one of ten times as much."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    calls = parser.parse_args().calls
    show("a fresh interpreter's imports", 3, fresh)
    show("start of the zygote and a call", 3, started)
    programs = JailedPrograms()
    for name, shape in SIZES.items():
        given = np.ones(shape)
        show(f"a call that returns {name}", calls, lambda given=given: answered(programs, given))
    programs.close()


def fresh() -> None:
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)


def started() -> None:
    programs = JailedPrograms()
    answered(programs, np.ones((16, 16)))
    programs.close()


def answered(programs: JailedPrograms, given: np.ndarray) -> None:
    found = programs.call(ProgramCall(NOTHING, "denoise", [given], 1, given.shape))
    if isinstance(found, ProgramFailure):
        raise RuntimeError(found.words)


def show(name: str, times: int, work: Callable[[], None]) -> None:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    spread = f"({min(taken):.1f} to {max(taken):.1f}, {times} times)"
    print(f"{name:<34} {statistics.median(taken):7.1f} ms  {spread}", flush=True)


if __name__ == "__main__":
    main()
