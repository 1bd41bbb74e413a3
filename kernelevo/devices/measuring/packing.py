"""A launch's parameter block, as PTX declares it: pointers by address, numbers in the declared type, little-endian.

What does not fit has been refused before (evaluators/parameters.py), so that here it is a defect of ours.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.types import BufferArgument, Clear, Image, Launch, Parameter, ScalarArgument

_FRACTIONS = {"f16": "<e", "f32": "<f", "f64": "<d"}


def driver_step(
    step: Launch | Clear, image: Image, addresses: Mapping[str, int], sizes: Mapping[str, int]
) -> DriverLaunch | DriverClear:
    """The step with addresses for the names of buffers."""
    if isinstance(step, Clear):
        return DriverClear(addresses[step.buffer], sizes[step.buffer])
    parameters = next(kernel.parameters for kernel in image.kernels if kernel.name == step.kernel)
    if len(parameters) != len(step.arguments):
        raise Infrastructure(
            f"{step.kernel} declares {len(parameters)} parameters, and its launch passes {len(step.arguments)}; "
            "report this kernel"
        )
    block = bytearray(max((each.offset + each.bytes for each in parameters), default=0))
    for parameter, argument in zip(parameters, step.arguments, strict=True):
        block[parameter.offset : parameter.offset + parameter.bytes] = _packed(parameter, argument, addresses)
    return DriverLaunch(
        step.kernel, step.grid, step.block, step.shared_bytes, bytes(block), step.cooperative, step.cluster
    )


def _packed(parameter: Parameter, argument: BufferArgument | ScalarArgument, addresses: Mapping[str, int]) -> bytes:
    try:
        if isinstance(argument, BufferArgument):
            return addresses[argument.buffer].to_bytes(parameter.bytes, "little")
        if form := _FRACTIONS.get(parameter.type):
            return struct.pack(form, argument.value)
        # Compilers declare an `int` of C as .u32, so a negative number fits an unsigned parameter, too.
        number = int(argument.value)
        return number.to_bytes(parameter.bytes, "little", signed=number < 0)
    except (OverflowError, struct.error) as error:
        raise Infrastructure(f"{argument} does not fit a parameter .{parameter.type}: {error}; report this") from error
