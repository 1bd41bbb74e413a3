"""Oclgrind as a peer (https://github.com/jrprice/Oclgrind): OpenCL C twins through the command `oclgrind-kernel`.

A work is a text file that names program, kernel, ranges and every value (format: the wiki's page on the kernel
interface); floats are given as the integers of their bits, so nothing is rounded on the way in or out. A process
compiles, reads the values and executes; what it costs to compile and read is measured with a kernel that does nothing
in one group with the same values, and taken off. Oclgrind checks bounds by default, as the virtual GPU does, and counts
instructions with --inst-counts: it is a peer with and without. Its compiler optimises by default.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from timings import Missing, Timings, run_child
from works import Array, Work

HERE = Path(__file__).parent
PROGRAM = "oclgrind-kernel"


class Oclgrind:
    def __init__(self, name: str, flags: Sequence[str], works: Sequence[Work], folder: Path):
        self.name, self.works = name, works
        self._command = [PROGRAM, "--num-threads", "1", *flags]
        self.version = f"{_version()}, {' '.join(self._command)}, less its start"
        self._folder = folder
        self._timings = Timings()
        for work in works:
            for kind in ("start", "timed", "shown"):
                self._file(work, kind).write_text(_simulation(work, kind))

    def results(self) -> list[Array]:
        return [self._shown(work) for work in self.works]

    def round(self) -> None:
        for work in self.works:
            for kind in ("start", "timed"):
                self._timings.add(f"{work.name} {kind}", self._run(work, kind)[1])

    def best(self, work: Work) -> float:
        start, timed = (self._timings.best(f"{work.name} {kind}") for kind in ("start", "timed"))
        if timed < 2 * start:
            raise SystemExit(
                f"{work.name} is mostly Oclgrind's start ({start:.2f} of {timed:.2f} s); give it more work"
            )
        return timed - start

    def _shown(self, work: Work) -> Array:
        lines = self._run(work, "shown")[0].splitlines()
        bits = [int(line.split("=")[1]) for line in lines if line.startswith(f"  {work.output}[")]
        return np.array(bits, np.int32).view(np.float32).reshape(work.expected.shape)

    def _run(self, work: Work, kind: str) -> tuple[str, float]:
        return run_child([*self._command, str(self._file(work, kind))], os.environ)

    def _file(self, work: Work, kind: str) -> Path:
        return self._folder / f"{work.name}-{kind}.sim"


def find_oclgrind(works: Sequence[Work], folder: Path) -> list[Oclgrind | Missing]:
    if shutil.which(PROGRAM) is None:
        return [Missing("Oclgrind", f"{PROGRAM} is not on the path; install Debian's package oclgrind")]
    return [
        Oclgrind("Oclgrind", (), works, folder),
        Oclgrind("Oclgrind with counts", ("--inst-counts",), works, folder),
    ]


def _version() -> str:
    shown = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in shown.splitlines() if line.startswith("Oclgrind"))


def _simulation(work: Work, kind: str) -> str:
    kernel = "start" if kind == "start" else work.kernel
    grid = (1, 1) if kind == "start" else work.grid
    threads = [blocks * size for blocks, size in zip(grid, work.block, strict=True)]
    head = [
        str(HERE / f"{work.kernel}.cl"),
        kernel,
        f"{threads[0]} {threads[1]} 1",
        f"{work.block[0]} {work.block[1]} 1",
    ]
    shown = {work.output: " dump"} if kind == "shown" else {}
    return "\n".join([*head, *(_argument(v, shown.get(name, "")) for name, v in work.values.items()), ""])


def _argument(value: Array | int | float, shown: str) -> str:
    if isinstance(value, np.ndarray):
        return f"<size={value.nbytes} int{shown}>\n" + " ".join(map(str, value.view(np.int32).ravel().tolist()))
    return f"<size=4>\n{value}"
