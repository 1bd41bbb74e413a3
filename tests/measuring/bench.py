"""What the tests of this folder measure with: `cuda:virtual` on a driver in this process (the tests' own kernels are
trusted), and devices on scripted drivers.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kernelevo import Input, Output, Problem
from kernelevo.defences import ALL, Defences
from kernelevo.devices import gpus
from kernelevo.devices.cards.none import NoWatch
from kernelevo.devices.ceilings import modelled_ceilings
from kernelevo.devices.cuda import VIRTUAL, VIRTUAL_ROW, CudaDevice, Nature
from kernelevo.devices.drivers.virtual import VirtualDriver
from kernelevo.devices.measuring.session import Conditions
from kernelevo.devices.measuring.supervisor import PROBE, PROBE_SOURCE, Supervisor
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.interfaces import Compiler, Driver
from kernelevo.types import Budget, BuildFailure, BuildRequest, Candidate, Image, Verdict

BUDGET = Budget(seconds=120.0, memory_bytes=1 << 30, warp_instructions=10**8)


LOCKS = tempfile.TemporaryDirectory(prefix="kernelevo-lock-")
atexit.register(LOCKS.cleanup)


def new_lock() -> Path:
    return Path(tempfile.mkdtemp(dir=LOCKS.name)) / "card"


def probe_image(compiler: Compiler, arch: str) -> Image:
    image = compiler.build(BuildRequest(PROBE_SOURCE, "probe.cu", (PROBE,), arch), BUDGET)
    assert not isinstance(image, BuildFailure), image
    return image


def virtual_driver(budget: Budget = BUDGET) -> VirtualDriver:
    return VirtualDriver(gpus.gpu(VIRTUAL_ROW), budget.memory_bytes, budget.warp_instructions)


def virtual_device(compiler: Compiler, open_driver: Callable[[Budget], Driver] = virtual_driver) -> CudaDevice:
    card = virtual_driver().card()
    supervisor = Supervisor(open_driver, lambda: probe_image(compiler, card.arch), new_lock(), lambda seconds: None)
    conditions = Conditions(card, supervisor, NoWatch(), cooled_bytes=0)
    return CudaDevice(Nature(VIRTUAL, "modelled", modelled_ceilings(VIRTUAL_ROW)), conditions)


def judged(
    compiler: Compiler, text: str, problem: Problem, defences: Defences = ALL, mode: str = "search",
    device: CudaDevice | None = None, start: str | None = None,
) -> Verdict:  # fmt: skip
    """The verdict on a kernel's text."""
    device = device or virtual_device(compiler)
    beside = None if start is None else Candidate(start)
    evaluator = KernelEvaluator(problem, compiler, device, mode=mode, defences=defences, start=beside)
    return evaluator.evaluate(Candidate(text), BUDGET)


def scale_problem(benchmarks: tuple[str, ...] = ("n=3000",)) -> Problem:
    """y = 3 x + 1: cheap, and no two elements of an output are alike."""
    return Problem(
        arguments=[Input("x", "f32[n]"), Output("y", "f32[n]")],
        reference=lambda x: 3 * x + 1,
        benchmarks=list(benchmarks),
        tests=["n=1", "n=33", "n=257", "n=1000"],
    )


HONEST = """
#pragma kernelevo launch scale<<<ceildiv(n, 128), 128>>>(x, y, n)
extern "C" __global__ void scale(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 3.0f * x[i] + 1.0f;
}
"""


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)
