"""Drivers by name, in this process: "virtual:h100", "cupy:0", "pycuda:0"."""

from __future__ import annotations

from kernelevo.devices import gpus
from kernelevo.errors import BadInput
from kernelevo.interfaces import Driver
from kernelevo.types import How

MEMORY_BYTES = 8 << 30
"""Of a virtual GPU, unless it is given."""
WARP_INSTRUCTIONS = 2 * 10**9
"""Of one call on a virtual GPU, unless it is given."""


def how_of(name: str) -> How:
    """Whether a driver of this name measures; raises BadInput where it names none."""
    kind, _, place = name.partition(":")
    if kind == "virtual" and place in gpus.names():
        return "modelled"
    if kind in ("cupy", "pycuda") and place.isdecimal():
        return "measured"
    choices = ", ".join(f"virtual:{each}" for each in gpus.names())
    raise BadInput(
        f"there is no driver {name!r}; choose one of {choices}, cupy:0 or pycuda:0 (the number is the card's)"
    )


def make_driver(name: str, memory_bytes: int = MEMORY_BYTES, warp_instructions: int = WARP_INSTRUCTIONS) -> Driver:
    """The driver of this name; the limits are a virtual GPU's. Raises BadInput, NotInstalled, Infrastructure."""
    how_of(name)
    kind, _, place = name.partition(":")
    if kind == "virtual":
        from kernelevo.devices.drivers.virtual import VirtualDriver

        return VirtualDriver(gpus.gpu(place), memory_bytes, warp_instructions)
    if kind == "cupy":
        from kernelevo.devices.drivers.cupy import open_cupy

        return open_cupy(int(place))
    from kernelevo.devices.drivers.pycuda import open_pycuda

    return open_pycuda(int(place))
