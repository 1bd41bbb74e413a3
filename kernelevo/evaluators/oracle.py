"""Expected outputs from a kernel instead of a reference: for problems whose only truth is the original kernel.

The oracle runs on the same device, behind the same wall, in jobs of its own: nothing of it is in a candidate's job.
Without a reference there are no honest implementations to compare, so without a declared tolerance the bound is

    bound_i = ORACLE_ULPS * ulp_compute(max(|e_i|, median |e|))  +  1 * ulp_storage(e_i)

which lets sums be reordered and still refuses the next precision down for f32. Every verdict says that an oracle was
used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernelevo.errors import BadInput
from kernelevo.evaluators import tolerance
from kernelevo.evaluators.expected import Expected, as_stored
from kernelevo.evaluators.jobs import build_job
from kernelevo.evaluators.outcome import require_done
from kernelevo.evaluators.parameters import check_launches
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.schedule import schedule
from kernelevo.evaluators.styles import PRECISIONS
from kernelevo.evaluators.trials import Drawn
from kernelevo.interfaces import Compiler, Device
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.languages import CUDA, language_of
from kernelevo.kernel.plan import LaunchLine, Plan
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import Problem
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image, RunReport

ORACLE_ULPS = 256.0
POISON = 0xFFF5FFF5

Array = np.ndarray


@dataclass(frozen=True)
class Oracle:
    """A built oracle kernel. Its own faults are the user's input at fault: BadInput."""

    problem: Problem
    path: Path
    plan: Plan
    image: Image
    device: Device

    def expect(self, drawn: Drawn, budget: Budget) -> Expected:
        """The oracle's outputs on a trial's inputs; raises BadInput if it does not run to its end."""
        report = self._run(drawn, budget)
        values = {output.name: self._value(output, drawn, report) for output in self.problem.outputs}
        floats = {output.name for output in self.problem.outputs if output.dtype.is_float}
        bounds = {
            output.name: self._bound(output, values[output.name]) if output.name in floats else None
            for output in self.problem.outputs
        }
        return Expected(values, bounds)

    def _run(self, drawn: Drawn, budget: Budget) -> RunReport:
        case, properties = drawn.trial.case, self.device.properties
        try:
            steps = schedule(self.plan, self.problem, case, properties)
            check_launches(self.plan, steps, self.image, case.name, properties)
            job = build_job(self.problem, drawn, steps, self.image, POISON, profile=False)
            report = self.device.run(self.image, [job], budget)[0]
            require_done(report, case.name)
        except Rejected as fault:
            raise BadInput(
                f"the oracle {self.path} fails itself, so it cannot judge: {fault.feedback}; correct it"
            ) from fault
        return report

    def _value(self, output: Tensor, drawn: Drawn, report: RunReport) -> Array:
        stored = np.frombuffer(report.outputs[output.name], output.dtype.storage)
        numbers = dtypes.from_storage(stored.reshape(output.sizes(drawn.trial.case.dims)), output.dtype)
        return as_stored(output, numbers)

    def _bound(self, output: Tensor, values: Array) -> Array:
        if self.problem.tolerance is not None:
            return tolerance.declared(values, self.problem.tolerance)
        precision = PRECISIONS[self.problem.compute_dtype.name]
        finite = np.where(np.isfinite(values), np.abs(values), 0.0)
        scale = np.maximum(finite, np.median(finite))
        return 2 * precision.epsilon * ORACLE_ULPS * scale + tolerance.roundings(
            values, precision, 1.0, output.dtype.name
        )


def build_oracle(problem: Problem, compiler: Compiler, device: Device, budget: Budget) -> Oracle:
    """Compiles the problem's oracle; raises BadInput if it cannot be read or built."""
    path = problem.oracle
    if path is None:
        raise ValueError(f"problem {problem.name} has no oracle")
    if language_of(path) is not CUDA:
        raise BadInput(f"the oracle {path} is no .cu file, and no other can be an oracle; write a reference instead")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the oracle {path} cannot be read: {error.strerror}; problem {problem.name} names it"
        ) from error
    plan = read_plan(text, path.name)
    names = tuple(dict.fromkeys(step.kernel for step in plan.steps if isinstance(step, LaunchLine)))
    image = compiler.build(BuildRequest(text, path.name, names, device.arch), budget)
    if isinstance(image, BuildFailure):
        first = next((str(each) for each in image.diagnostics if each.severity == "error"), "no diagnostic")
        raise BadInput(f"the oracle {path} does not compile: {first}; correct it")
    return Oracle(problem, path, plan, image, device)
