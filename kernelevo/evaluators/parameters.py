"""The launches of a schedule against what the compiler says of the kernels: parameters, static shared memory,
registers.

PTX does not tell int from unsigned nor a pointer from a 64-bit integer; what it does tell is checked: count, width,
and that no pointer or fraction lands in a parameter that cannot hold it. By-value structs cannot be written in a
plan.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernelevo.counting import counted
from kernelevo.evaluators.rejection import Rejected, broken_rule
from kernelevo.evaluators.schedule import TEMP_BYTES_LIMIT, LaunchStep, Schedule
from kernelevo.kernel.plan import LaunchLine, Plan
from kernelevo.types import BufferArgument, Image, KernelImage, Parameter, ScalarArgument

REGISTER_UNIT = 256
"""Registers are given to warps in units of this many (NVIDIA's occupancy calculator)."""
LOCAL_BYTES_LIMIT = 512 << 10
"""Local memory of a thread on every card since compute capability 5 (CUDA C++ Programming Guide, technical
specifications)."""
QUARTERS = 4
"""A block is refused by the registers that its warps would take if each quarter of the SM held as many of them
(cuda_occupancy.h, cudaOccMaxBlocksPerSMRegsLimit)."""


def check_launches(plan: Plan, schedule: Schedule, image: Image, case: str, properties: Mapping[str, int]) -> None:
    """Raises Rejected (RULE_BROKEN), naming launch, argument, value and limit, if a launch of `case` does not fit its
    kernel.
    """
    sources = {step.line: step for step in plan.steps if isinstance(step, LaunchLine)}
    for step in schedule.steps:
        if isinstance(step, LaunchStep):
            kernel = image.kernel(step.kernel)
            _check_arguments(step, kernel, sources[step.line], case)
            _check_resources(step, kernel, case, properties)


def _broken(step: LaunchStep, case: str, message: str) -> Rejected:
    return broken_rule(f"line {step.line}, case {case}: {message}")


def _check_arguments(step: LaunchStep, kernel: KernelImage, source: LaunchLine, case: str) -> None:
    declared = kernel.parameters[: len(kernel.parameters) - len(kernel.scratch_bytes)]
    if len(step.arguments) != len(declared):
        declares = f"{step.kernel} declares {counted(len(declared), 'parameter')}"
        raise _broken(step, case, f"the launch passes {counted(len(step.arguments), 'argument')} but {declares}")
    for number, (argument, parameter) in enumerate(zip(step.arguments, declared, strict=True), start=1):
        complaint = _misfit(argument, parameter)
        if complaint:
            # A Triton kernel takes fewer arguments than its line gives, since some are constants.
            written = f" (`{source.arguments[number - 1]}`)" if source.triton is None else ""
            raise _broken(step, case, f"argument {number} of {step.kernel}{written} {complaint}")


def _misfit(argument: BufferArgument | ScalarArgument, parameter: Parameter) -> str:
    """What is wrong with passing it there, or an empty string."""
    kind, bits = parameter.type[0], 8 * parameter.bytes
    if isinstance(argument, BufferArgument):
        return (
            ""
            if kind in "ub" and bits == 64
            else f"is a buffer, but the parameter is not a pointer (.{parameter.type})"
        )
    if parameter.type == "b8" and parameter.bytes > 1:
        size = counted(parameter.bytes, "byte")
        return f"is a number, but the parameter is a struct of {size}; pass its fields one by one"
    if kind == "f":
        return ""
    if argument.value != int(argument.value):
        return f"is {argument.value}, but the parameter is an integer (.{parameter.type})"
    if not -(2 ** (bits - 1)) <= argument.value < 2**bits:
        return f"is {argument.value}, which does not fit in the parameter's {bits} bits"
    return ""


def _check_resources(step: LaunchStep, kernel: KernelImage, case: str, properties: Mapping[str, int]) -> None:
    shared = kernel.static_shared_bytes + kernel.dynamic_shared_bytes + step.shared_bytes
    per_warp = -(-kernel.registers * properties["warp"] // REGISTER_UNIT) * REGISTER_UNIT
    warps = -(-step.threads_per_block // properties["warp"])
    registers = per_warp * -(-warps // QUARTERS) * QUARTERS
    limits = (
        ("bytes of shared memory per block", shared, properties["shared_bytes_per_block"]),
        ("registers per block", registers, properties["registers_per_sm"]),
        ("threads per block", step.threads_per_block, kernel.max_threads or properties["threads_per_block"]),
        ("bytes of local memory per thread", kernel.local_bytes, LOCAL_BYTES_LIMIT),
        ("bytes of scratch", step.blocks * max(kernel.scratch_bytes, default=0), TEMP_BYTES_LIMIT),
    )
    for what, value, limit in limits:
        if value > limit:
            raise _broken(step, case, f"{step.kernel} needs {value} {what}, and at most {limit} are possible here")
