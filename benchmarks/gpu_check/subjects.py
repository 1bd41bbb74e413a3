"""Kernel files as programs for a device: built for it, with their jobs on given seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpu_check.bench import Bench
from kernelevo import run
from kernelevo.errors import Infrastructure
from kernelevo.evaluators.jobs import build_job
from kernelevo.evaluators.schedule import schedule
from kernelevo.evaluators.trials import Drawn, Trial, draw
from kernelevo.interfaces import Compiler, Device
from kernelevo.kernel.problem import Problem
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, BuildRequest, Image, Job

BUDGET = Budget(120.0, 8 << 30, 4 * 10**9)
POISON = 0xFFC5FFC6


@dataclass(frozen=True)
class Subject:
    """A kernel file with what runs it. `problem` is that of the file."""

    file: Path
    task: run.Task
    problem: Problem
    compiler: Compiler
    walls: list[Sandbox]

    def image(self, device: Device, trials: list[Trial]) -> Image:
        """Built for the device, with every kernel that these trials launch; raises Infrastructure."""
        plan = self.task.language.read_plan(self.task.text, self.task.file_name, {})
        planned = [schedule(plan, self.problem, trial.case, device.properties) for trial in trials]
        names = tuple(dict.fromkeys(step.kernel for each in planned for step in each.steps if hasattr(step, "kernel")))
        request = BuildRequest(self.task.text, self.task.file_name, names, self.compiler.target(device.arch))
        built = self.compiler.build(request, BUDGET)
        if not isinstance(built, Image):
            raise Infrastructure(f"{self.file.name} does not compile for {device.arch}: {built.diagnostics}")
        return built

    def job(self, device: Device, image: Image, drawn: Drawn, timed: bool = False) -> Job:
        plan = self.task.language.read_plan(self.task.text, self.task.file_name, {})
        steps = schedule(plan, self.problem, drawn.trial.case, device.properties)
        return build_job(self.problem, drawn, steps, image, POISON, timed)

    def tests(self, count: int, seed: int) -> list[Drawn]:
        """So many test cases with inputs of this seed, each on another distribution."""
        rng = np.random.default_rng(seed)
        cases = self.problem.tests[:count]
        return [draw(self.problem, Trial(case, at, False, False, False), rng) for at, case in enumerate(cases)]


@contextmanager
def opened(bench: Bench, file: Path) -> Iterator[Subject]:
    request = bench.request(file)
    task = run.open_task(request)
    with bench.compilers(request) as (walls, compiler):
        yield Subject(file, task, task.problem, compiler, walls)
