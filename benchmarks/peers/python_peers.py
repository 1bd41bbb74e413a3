"""Peers that are Python: the Numba CUDA simulator and the interpreter of Triton, each in a process of its own.

A script beside this file executes all works once and prints their CPU seconds, which leave out its imports.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from timings import Missing, Timings, run_child
from works import Array, Work

HERE = Path(__file__).parent
PROBE = "import sys, importlib.util as u; sys.exit(not all(u.find_spec(name) for name in sys.argv[1:]))"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class PythonPeer:
    def __init__(self, name: str, words: Sequence[str], switch: str, works: Sequence[Work], folder: Path):
        self.name, self.works = name, works
        self.version = ""
        self._words, self._switch, self._folder = [*words, str(folder)], switch, folder
        self._timings = Timings()

    def results(self) -> list[Array]:
        self._run()
        return [np.load(self._folder / f"{work.name}.npy") for work in self.works]

    def round(self) -> None:
        for run, seconds in self._run().items():
            self._timings.add(run, seconds)

    def best(self, work: Work) -> float:
        return self._timings.best(work.name)

    def _run(self) -> dict[str, float]:
        for stale in self._folder.glob("*.npy"):
            stale.unlink()
        answer = json.loads(run_child(self._words, {**os.environ, **ONE_THREAD, self._switch: "1"})[0])
        self.version = answer["version"]
        seconds: dict[str, float] = answer["seconds"]
        return seconds


def find_numba(pythons: Sequence[str], works: Sequence[Work], folder: Path) -> PythonPeer | Missing:
    name = "Numba CUDA simulator"
    return _find(name, "numba_simulator.py", "NUMBA_ENABLE_CUDASIM", ("numba", "numpy"), pythons, works, folder)


def find_triton(pythons: Sequence[str], works: Sequence[Work], folder: Path) -> PythonPeer | Missing:
    name = "Triton interpreter"
    return _find(name, "triton_interpreter.py", "TRITON_INTERPRET", ("triton", "torch"), pythons, works, folder)


def _find(
    name: str,
    script: str,
    switch: str,
    modules: Sequence[str],
    pythons: Sequence[str],
    works: Sequence[Work],
    folder: Path,
) -> PythonPeer | Missing:
    for python in pythons:
        if subprocess.run([python, "-c", PROBE, *modules]).returncode == 0:
            folder.mkdir()
            return PythonPeer(name, [python, str(HERE / script)], switch, works, folder)
    return Missing(name, f"no Python has {' and '.join(modules)}; name one that has with --python PATH")
