"""A plan on one case: which launches happen, with every size and argument a number.

A group is a run of guarded launches closed by the next unguarded one; the first whose guard holds is taken. A group
that ends without an unguarded launch (at a zero line or at the end of the plan) and whose guards all fail breaks a
rule.

Limits of a launch are those of every CUDA device since compute capability 3.0 (CUDA programming guide, "Compute
capabilities"), and what the device's properties say of threads and shared memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kernelevo.evaluators.rejection import Rejected, broken_rule
from kernelevo.evaluators.specialise import fraction_parameter, integer_parameter, pointer_parameter
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import MAX_ALIGNMENT, Argument
from kernelevo.kernel.expressions import Expression, ExpressionError
from kernelevo.kernel.plan import LaunchLine, Plan, TempLine, TritonCall, ZeroLine
from kernelevo.kernel.problem import Case, Problem, Scalar, Tensor
from kernelevo.kernel.triton_instance import Instance, InstanceParameter
from kernelevo.kernel.triton_plan import TRUTH
from kernelevo.types import BufferArgument, Clear, Dim3, ScalarArgument

GRID_LIMIT: Dim3 = (2**31 - 1, 65535, 65535)
BLOCK_LIMIT: Dim3 = (1024, 1024, 64)
CLUSTER_BLOCKS = 8
STEPS_LIMIT = 64
STAGES_LIMIT = 16
TEMP_BYTES_LIMIT = 1 << 30


@dataclass(frozen=True)
class LaunchStep:
    """One launch that happens: `kernel` as the plan spells it (of Triton: its specialisation), sizes in threads, blocks
    and bytes.
    """

    kernel: str
    grid: Dim3
    block: Dim3
    shared_bytes: int
    arguments: tuple[BufferArgument | ScalarArgument, ...]
    cooperative: bool
    cluster: Dim3
    line: int

    @property
    def threads_per_block(self) -> int:
        return self.block[0] * self.block[1] * self.block[2]

    @property
    def blocks(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]


@dataclass(frozen=True)
class Temp:
    """Scratch of one case."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Schedule:
    """Everything that one case does."""

    steps: tuple[LaunchStep | Clear, ...]
    temps: tuple[Temp, ...]


@dataclass(frozen=True)
class _Place:
    """What expressions of one case may name, and how messages call the case."""

    case: str
    names: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    scalars: Mapping[str, Scalar]
    temps: Mapping[str, TempLine]
    properties: Mapping[str, int]

    def value(self, expression: Expression, line: int, what: str) -> int:
        try:
            return expression.evaluate(self.names)
        except ExpressionError as fault:
            raise self.broken(line, f"{what}: {fault}") from None

    def broken(self, line: int, message: str) -> Rejected:
        return broken_rule(f"line {line}, case {self.case}: {message}")


def schedule(plan: Plan, problem: Problem, case: Case, properties: Mapping[str, int]) -> Schedule:
    """The plan's steps on `case` of a device with these properties; raises Rejected (RULE_BROKEN) naming line, case,
    value and limit.
    """
    return schedule_of(plan, problem.arguments, case, properties)


def schedule_of(
    plan: Plan, arguments: Sequence[Argument], case: Case, properties: Mapping[str, int]
) -> Schedule:
    """The same from a problem's arguments alone."""
    place = _place(plan, arguments, case, properties)
    temps = tuple(_temps(plan, place))
    steps = tuple(_steps(plan, place))
    if len(steps) > STEPS_LIMIT:
        raise broken_rule(f"case {case.name}: the plan has {len(steps)} steps, and at most {STEPS_LIMIT} are allowed")
    return Schedule(steps, temps)


def _place(plan: Plan, arguments: Sequence[Argument], case: Case, properties: Mapping[str, int]) -> _Place:
    tensors = {each.name: each for each in arguments if isinstance(each, Tensor)}
    scalars = {each.name: each for each in arguments if isinstance(each, Scalar)}
    temps = {temp.name: temp for temp in plan.temps}
    for temp in plan.temps:
        if temp.name in tensors or temp.name in scalars or temp.name in case.dims or temp.name in plan.macros:
            raise broken_rule(f"line {temp.line}: the name of temp {temp.name} is taken; choose another")
    names = {**plan.macros, "sms": properties["sms"], "warp": properties["warp"], **case.dims}
    return _Place(case.name, names, tensors, scalars, temps, properties)


def _temps(plan: Plan, place: _Place) -> Iterator[Temp]:
    total = 0
    for line in plan.temps:
        elements = place.value(line.elements, line.line, f"size of temp {line.name}")
        size = elements * dtypes.named(line.dtype, f"line {line.line}").bytes
        total += size
        if elements < 1 or total > TEMP_BYTES_LIMIT:
            limit = f"sizes are positive, and all temps together take at most {TEMP_BYTES_LIMIT} bytes"
            raise place.broken(line.line, f"temp {line.name} has {elements} elements; {limit}")
        yield Temp(line.name, size)


def _steps(plan: Plan, place: _Place) -> Iterator[LaunchStep | Clear]:
    for group in _groups(plan):
        if isinstance(group, ZeroLine):
            yield _clear(group, place)
        else:
            yield _launch(_chosen(group, place), place)


def _groups(plan: Plan) -> Iterator[list[LaunchLine] | ZeroLine]:
    open_group: list[LaunchLine] = []
    for step in plan.steps:
        if isinstance(step, LaunchLine):
            open_group.append(step)
        closes = isinstance(step, ZeroLine) or step.guard is None
        if closes and open_group:
            yield open_group
            open_group = []
        if isinstance(step, ZeroLine):
            yield step
    if open_group:
        yield open_group


def _chosen(group: list[LaunchLine], place: _Place) -> LaunchLine:
    for line in group:
        if line.guard is None or _within_launch(line, place).value(line.guard, line.line, "when(...)"):
            return line
    last = group[-1]
    raise place.broken(
        last.line, f"no guard of this group of launches holds; add a launch of {last.kernel} without when(...)"
    )


def _clear(line: ZeroLine, place: _Place) -> Clear:
    tensor = place.tensors.get(line.buffer)
    if tensor is None and line.buffer not in place.temps:
        raise place.broken(line.line, f"zero {line.buffer}: there is no such buffer; {_buffers(place)}")
    if tensor is not None and tensor.role == "in":
        raise place.broken(
            line.line, f"zero {line.buffer}: it is an input, which must not be changed; zero an output or a temp"
        )
    return Clear(line.buffer)


def _buffers(place: _Place) -> str:
    return f"there are {', '.join([*place.tensors, *sorted(place.temps)])}"


def _launch(line: LaunchLine, outside: _Place) -> LaunchStep:
    place = _within_launch(line, outside)
    grid = _sizes(line, "grid", line.grid, GRID_LIMIT, place)
    block = _sizes(line, "block", line.block, BLOCK_LIMIT, place)
    shared = place.value(line.shared, line.line, f"shared memory of {line.kernel}")
    cluster = _cluster(line, grid, place)
    arguments = tuple(_argument(line, each, outside) for each in line.arguments)
    kernel = line.kernel
    if line.triton is not None:
        instance = _instance(line, line.triton, arguments, place)
        kernel, arguments = str(instance), _kept(instance, arguments)
    step = LaunchStep(kernel, grid, block, shared, arguments, line.cooperative, cluster, line.line)
    _within(step, "threads per block", step.threads_per_block, 1, place.properties["threads_per_block"], place)
    _within(step, "dynamic shared bytes", shared, 0, place.properties["shared_bytes_per_block"], place)
    return step


def _within_launch(line: LaunchLine, place: _Place) -> _Place:
    """The place with the names that a launch of a Triton kernel adds: its constants and options, as Triton's `meta`."""
    call = line.triton
    if call is None:
        return place
    known = replace(place, names={**TRUTH, **place.names})
    given = {**call.constants, "num_warps": call.num_warps, "num_stages": call.num_stages}
    values = {
        name: known.value(value, line.line, f"{name} of {line.kernel}")
        for name, value in given.items()
        if value is not None
    }
    return replace(place, names={**known.names, **values})


def _instance(
    line: LaunchLine, call: TritonCall, arguments: tuple[BufferArgument | ScalarArgument, ...], place: _Place
) -> Instance:
    """The specialisation of a Triton kernel that this case needs."""
    num_warps, num_stages = place.names["num_warps"], place.names["num_stages"]
    if num_warps not in (1, 2, 4, 8, 16, 32) or not 1 <= num_stages <= STAGES_LIMIT:
        rule = f"warps are a power of two up to 32, stages from 1 to {STAGES_LIMIT}"
        raise place.broken(line.line, f"{line.kernel} has {num_warps} warps and {num_stages} stages; {rule}")
    given = zip(call.names, line.arguments, arguments, strict=True)
    parameters = [_parameter(name, written, argument, place) for name, written, argument in given]
    constants = [
        InstanceParameter(name, None, False, None if value is None else place.names[name])
        for name, value in call.constants.items()
    ]
    return Instance(line.kernel, (*parameters, *constants), num_warps, num_stages)


def _parameter(
    name: str, written: Expression, argument: BufferArgument | ScalarArgument, place: _Place
) -> InstanceParameter:
    if isinstance(argument, ScalarArgument):
        scalar = place.scalars.get(written.name or "")
        if scalar is not None and scalar.dtype.is_float:
            return fraction_parameter(name, scalar.dtype)
        return integer_parameter(name, int(argument.value))
    if argument.buffer in place.temps:
        return pointer_parameter(name, dtypes.named(place.temps[argument.buffer].dtype, name), MAX_ALIGNMENT)
    tensor = place.tensors[argument.buffer]
    return pointer_parameter(name, tensor.dtype, tensor.aligned)


def _kept(
    instance: Instance, arguments: tuple[BufferArgument | ScalarArgument, ...]
) -> tuple[BufferArgument | ScalarArgument, ...]:
    """The arguments whose parameters did not become constants."""
    given = zip(instance.parameters, arguments, strict=False)
    return tuple(argument for parameter, argument in given if parameter.type is not None)


def _sizes(line: LaunchLine, what: str, sizes: tuple[Expression, ...], limits: Dim3, place: _Place) -> Dim3:
    values = [place.value(size, line.line, f"{what} of {line.kernel}") for size in sizes]
    for axis, value, limit in zip("xyz", values, limits, strict=True):
        if not 1 <= value <= limit:
            raise place.broken(line.line, f"{what}.{axis} of {line.kernel} is {value}, and must be from 1 to {limit}")
    return (values[0], values[1], values[2])


def _within(step: LaunchStep, what: str, value: int, least: int, most: int, place: _Place) -> None:
    if not least <= value <= most:
        raise place.broken(
            step.line, f"{step.kernel} has {value} {what}, and must have from {least} to {most} on this device"
        )


def _cluster(line: LaunchLine, grid: Dim3, place: _Place) -> Dim3:
    if line.cluster is None:
        return (1, 1, 1)
    sizes = _sizes(line, "cluster", line.cluster, grid, place)
    blocks = sizes[0] * sizes[1] * sizes[2]
    if blocks > CLUSTER_BLOCKS or any(whole % part for whole, part in zip(grid, sizes, strict=True)):
        rule = f"a cluster has at most {CLUSTER_BLOCKS} blocks and divides the grid"
        raise place.broken(line.line, f"cluster {sizes} of {line.kernel} in grid {grid}: {rule}")
    return sizes


def _argument(line: LaunchLine, expression: Expression, place: _Place) -> BufferArgument | ScalarArgument:
    name = expression.name
    if name is not None and (name in place.tensors or name in place.temps):
        return BufferArgument(name)
    if name is not None and name in place.scalars:
        return ScalarArgument(place.scalars[name].value)
    return ScalarArgument(place.value(expression, line.line, f"argument {expression} of {line.kernel}"))
