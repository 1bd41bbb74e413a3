"""Runs the plan of a kernel text on the virtual GPU for one case of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from nvrtc import compile_ptx, library_path

from kernelevo import native
from kernelevo.errors import NotInstalled
from kernelevo.kernel.expressions import Expression
from kernelevo.kernel.plan import LaunchLine, Plan
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import Problem
from kernelevo.virtual import Array, Machine, Module

SMS = 4
"""Multiprocessors that plans are told of: few, so that grids made for the device loop over the items several times."""
INSTRUCTIONS = 50_000_000


def missing() -> str:
    """Why kernels cannot be run here; empty where they can."""
    if library_path() is None:
        return "NVRTC is not installed"
    try:
        native.path("libkernelevo_vgpu.so")
    except NotInstalled as reason:
        return str(reason)
    return ""


@lru_cache(maxsize=256)
def module(text: str) -> Module:
    return Module(compile_ptx(text))


def run(text: str, problem: Problem, dims: Mapping[str, int], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs after the plan's steps, flat; outputs start poisoned. A fault fails the test that asks."""
    plan = read_plan(text, "kernel.cu")
    with Machine(module(text), 1 << 28) as machine:
        buffers: dict[str, Array] = {}
        for tensor in problem.tensors:
            kind, count = tensor.dtype.storage, tensor.elements(dims)
            skew = tensor.aligned if tensor.aligned < 256 else 0
            buffers[tensor.name] = machine.empty(count, kind, name=tensor.name, skew=skew)
            if tensor.is_input:
                buffers[tensor.name].write(inputs[tensor.name].ravel())
        for step in chosen_steps(plan, dims):
            if isinstance(step, LaunchLine):
                _launch(machine, plan, step, problem, dims, buffers)
            else:
                buffers[step.buffer].write(np.zeros_like(buffers[step.buffer].numpy()))
        return {tensor.name: buffers[tensor.name].numpy().copy() for tensor in problem.outputs}


def chosen_steps(plan: Plan, dims: Mapping[str, int]) -> list[Any]:
    """The steps that a case takes: of each group of guarded launches, the first whose guard holds."""
    names, chosen, group_done = _names(plan, dims), [], False
    for step in plan.steps:
        if not isinstance(step, LaunchLine):
            chosen.append(step)
            continue
        holds = step.guard is None or bool(step.guard.evaluate(names))
        if holds and not group_done:
            chosen.append(step)
        group_done = step.guard is not None and (group_done or holds)
    return chosen


def _names(plan: Plan, dims: Mapping[str, int]) -> dict[str, int]:
    return {**plan.macros, **dims, "sms": SMS, "warp": 32}


def _launch(
    machine: Machine,
    plan: Plan,
    line: LaunchLine,
    problem: Problem,
    dims: Mapping[str, int],
    buffers: Mapping[str, Array],
) -> None:
    names = _names(plan, dims)
    scalars = {scalar.name: scalar.value for scalar in problem.scalars}

    def value(argument: Expression) -> Any:
        known = {**buffers, **scalars}
        return known[argument.name] if argument.name in known else argument.evaluate(names)

    grid, block = ([extent.evaluate(names) for extent in extents] for extents in (line.grid, line.block))
    report = machine.launch(
        line.kernel,
        grid=grid,
        block=block,
        args=[value(one) for one in line.arguments],
        budget=INSTRUCTIONS,
        shared_bytes=line.shared.evaluate(names),
    )
    assert not report.faults, f"{line.kernel} at {dict(dims)}: {report.faults[0]}"
