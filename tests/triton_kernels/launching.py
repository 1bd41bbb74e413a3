"""Compiles and launches one Run of triton_corpus.py on the virtual GPU, and measures each output against its bound."""

from __future__ import annotations

import importlib

import numpy as np
from ahead_of_time import Compiled, compile_kernel, launch
from triton_corpus import Array, Run, numbers

from kernelevo.virtual import LaunchReport, Machine, Module


def compile_run(run: Run, *, module: str = "triton_corpus_kernels", capability: int = 80, **options: int) -> Compiled:
    kernel = getattr(importlib.import_module(module), run.kernel)
    return compile_kernel(kernel, run.types, run.constants, run.divisible, capability=capability, **options)


def outputs_of(run: Run, compiled: Compiled, **watch: bool) -> tuple[LaunchReport, dict[str, Array]]:
    """The report, and the outputs as numbers."""
    with Machine(Module(compiled.ptx), memory_bytes=1 << 26, shared_bytes_per_block=164 << 10) as machine:
        arguments = {
            name: machine.array(value) if isinstance(value, np.ndarray) else value for name, value in run.values.items()
        }
        report = launch(machine, compiled, run.grid, [arguments[name] for name in run.types], **watch)
        found = {name: numbers(arguments[name].numpy(), run.types[name].removeprefix("*")) for name in run.expected}
    return report, found


def error_ratios(run: Run, found: dict[str, Array]) -> dict[str, float]:
    """The largest error of each output in units of its bound; without a bound, 0 where all are equal, else inf."""
    ratios = {}
    for name, expected in run.expected.items():
        error = np.abs(found[name] - expected)
        bound = run.bounds.get(name)
        ratio = np.where(error == 0, 0.0, np.inf) if bound is None else error / bound
        ratios[name] = float(np.max(ratio, initial=0.0)) if not np.isnan(ratio).any() else np.inf
    return ratios
