"""What one worker judges with, opened: the walls, the compilers behind them and the device, as a request wants them.

Everything is imported when it is needed: a command that judges nothing loads none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kernelevo.errors import KernelevoError
from kernelevo.interfaces import Compiler, Device
from kernelevo.settings import Request, Settings

if TYPE_CHECKING:
    from kernelevo.kernel.languages import Language
    from kernelevo.sandbox import Sandbox

CARDS = "cuda:"
"""What names of devices begin with that time single calls."""


def open_compilers(
    request: Request, language: Language, settings: Settings, include_folders: tuple[str, ...]
) -> tuple[list[Sandbox], Compiler, Compiler]:
    """The walls (the first runs kernels), this language's compiler, and one for CUDA, in which an oracle is written."""
    from kernelevo.compilers.nvcc import NvccCompiler
    from kernelevo.compilers.nvrtc import NvrtcCompiler
    from kernelevo.compilers.toolkit import find_toolkit
    from kernelevo.compilers.triton import TritonCompiler
    from kernelevo.compilers.triton_install import find_triton
    from kernelevo.kernel.languages import TRITON
    from kernelevo.sandbox import Sandbox, Worker

    triton = find_triton(request.compiler) if language is TRITON else None
    toolkit, cache = find_toolkit(), settings.cache / "builds"
    wall = Sandbox(toolkit.library, (*toolkit.read_only, *map(Path, include_folders)), request.unsafe)
    nvrtc = NvrtcCompiler(wall, toolkit, cache)
    if triton is not None:
        script = Sandbox(unsafe=request.unsafe, script=Worker(triton.words, triton.readable))
        return [wall, script], TritonCompiler(script, triton, cache), nvrtc
    compiler = nvrtc if request.compiler == "nvrtc" else NvccCompiler(wall, cache)
    return [wall], compiler, compiler


def target_note(compiler: Compiler, device: Device) -> str:
    """What is to be said where the code is not for the device's own architecture."""
    target = compiler.target(device.arch)
    if target == device.arch:
        return ""
    return f"{compiler.name} compiles for {target}, not for the device's own {device.arch}: times are further off"


def open_device(
    request: Request, walls: Sequence[Sandbox], cuda: Compiler, settings: Settings
) -> tuple[Device, dict[str, str], str]:
    """The device, the versions of what serves it, and what is to be said where something is missing. `cuda` compiles
    the kernel that a card is probed with.
    """
    try:
        if request.device.startswith(CARDS):
            return _open_card(request, cuda, settings)
        return _open_virtual(request, walls[0])
    except KernelevoError:
        for wall in walls:
            wall.close()
        raise


def _open_virtual(request: Request, wall: Sandbox) -> tuple[Device, dict[str, str], str]:
    from kernelevo.devices.virtual import open_virtual
    from kernelevo.disassembler import open_disassembler

    disassembler, versions, note = None, {}, "times are modelled from the PTX, as asked: no machine code is read"
    if request.times_from == "machine-code":
        disassembler, versions, note = open_disassembler(wall)
    return open_virtual(request.device, wall, disassembler), versions, note


def _open_card(request: Request, cuda: Compiler, settings: Settings) -> tuple[Device, dict[str, str], str]:
    from kernelevo.joining_cards import open_card

    device = open_card(request.device, request.driver, cuda, settings.cache, request.unsafe)
    return device, dict(device.versions), ""
