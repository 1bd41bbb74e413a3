"""Plain C++ as a peer: native.cpp, compiled here for this machine's processor, one thread.

Twice: by the rules of IEEE 754, where a sum has its order and so no vectors, and with -ffast-math, where it has not.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from timings import Missing, Timings
from works import Array, Work

SOURCE = Path(__file__).parent / "native.cpp"
FLAGS = ("-O3", "-march=native", "-std=c++17")
SAMPLE = 0.05


class Native:
    def __init__(self, name: str, compiler: str, flags: Sequence[str], works: Sequence[Work], folder: Path):
        self.name, self.works = name, works
        self.version = f"{_version(compiler)}, {' '.join(flags)}, one thread"
        self._timings = Timings()
        library = folder / f"{name.replace(' ', '-')}.so"
        subprocess.run([compiler, *flags, "-shared", "-fPIC", str(SOURCE), "-o", str(library)], check=True)
        self._library = ctypes.CDLL(str(library))

    def results(self) -> list[Array]:
        return [self._repeat(work, 1)[0] for work in self.works]

    def round(self) -> None:
        for work in self.works:
            once = max(self._repeat(work, 3)[1] / 3, 1e-9)
            times = max(1, int(SAMPLE / once))
            self._timings.add(work.name, self._repeat(work, times)[1] / times)

    def best(self, work: Work) -> float:
        return self._timings.best(work.name)

    def _repeat(self, work: Work, times: int) -> tuple[Array, float]:
        values = {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in work.values.items()}
        # Rows and blocks are the grid of a kernel, and the outer loop of a function.
        outer = [ctypes.c_int(work.grid[0])] if work.kernel in ("softmax", "reduction") else []
        words = [ctypes.c_int(times), *outer, *map(_word, values.values())]
        start = time.process_time()
        getattr(self._library, work.kernel)(*words)
        seconds = time.process_time() - start
        return np.asarray(values[work.output]), seconds


def find_native(works: Sequence[Work], folder: Path) -> list[Native | Missing]:
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return [Missing("native C++", f"the compiler {compiler} is not on the path; install it or set CXX")]
    return [
        Native("native C++", compiler, FLAGS, works, folder),
        Native("native C++ fast-math", compiler, (*FLAGS, "-ffast-math"), works, folder),
    ]


def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def _word(value: Array | int | float) -> Any:
    if isinstance(value, np.ndarray):
        return value.ctypes.data_as(ctypes.c_void_p)
    return ctypes.c_int(value) if isinstance(value, int) else ctypes.c_float(value)
