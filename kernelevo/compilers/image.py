"""Puts an Image together from what a compiler made: PTX, cubin, the names' symbols and the assembler's report."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelevo.compilers.cubin import BadCubin, Resources, read_resources
from kernelevo.compilers.ptx import entry_parameters
from kernelevo.errors import SandboxBroken
from kernelevo.types import BuildFailure, Diagnostic, Image, KernelImage, Parameter

MOST_THREADS = 1024  # of a block, on every architecture since sm_20

_FUNCTION = re.compile(r"ptxas info {1,9}: Function properties for (?P<name>\S{1,4096})")
_SPILLS = re.compile(
    r".{0,100}?\d{1,9} bytes stack frame, (?P<stores>\d{1,9}) bytes spill stores, (?P<loads>\d{1,9}) bytes spill loads"
)


_FILE = re.compile(r"^(\s*\.file\s+\d{1,9}\s+\")([^\"\n]{1,4096})(\")", re.MULTILINE)


def with_file_named(ptx: str, folder: str, file_name: str) -> str:
    """The PTX with the text's file called as the user calls it, without the folder that the compiler ran in."""
    recorded = f"{folder.rstrip('/')}/{file_name}"
    return _FILE.sub(lambda found: found[1] + (file_name if found[2] == recorded else found[2]) + found[3], ptx)


@dataclass(frozen=True)
class Built:
    """A compiler's output. `symbols` maps the names as the plan spells them to symbols of the image; empty: all
    kernels.
    """

    ptx: str
    cubin: bytes
    log: str
    symbols: Mapping[str, str]


def make_image(
    built: Built, key: str, arch: str, compiler: str, diagnostics: Sequence[Diagnostic]
) -> Image | BuildFailure:
    """The Image with what PTX and cubin say of each kernel; a failure where a name of the plan is not a kernel's.

    Raises SandboxBroken where PTX or cubin cannot be read.
    """
    try:
        resources = read_resources(built.cubin)
        parameters = entry_parameters(built.ptx, built.symbols.values())
    except (BadCubin, ValueError) as error:
        raise SandboxBroken(f"the compiler's output is malformed: {error}") from error
    symbols = built.symbols or {name: name for name in parameters}
    for spelled, symbol in symbols.items():
        if symbol not in parameters or symbol not in resources:
            error = Diagnostic("error", f"the launch plan names {spelled}, which is not a __global__ function")
            return BuildFailure((*diagnostics, error))
    spills = _spill_bytes(built.log)
    kernels = tuple(
        _kernel(spelled, symbol, parameters[symbol], resources[symbol], spills.get(symbol, 0))
        for spelled, symbol in symbols.items()
    )
    return Image(key, arch, built.ptx, built.cubin, kernels, compiler, tuple(diagnostics))


def _kernel(
    spelled: str, symbol: str, parameters: tuple[Parameter, ...], resources: Resources, spill_bytes: int
) -> KernelImage:
    return KernelImage(
        name=symbol,
        spelled=spelled,
        parameters=parameters,
        registers=resources.registers,
        spill_bytes=spill_bytes,
        static_shared_bytes=resources.shared_bytes,
        local_bytes=resources.stack_bytes,
        max_threads=min(MOST_THREADS, resources.max_threads or MOST_THREADS),
    )


def _spill_bytes(log: str) -> dict[str, int]:
    """Bytes of spill stores and loads by function, from `ptxas -v`.

    The candidate can write look-alike lines into the log, but only before the assembler's own: the last word counts.
    """
    spills = {}
    lines = log.split("\n")
    for line, following in itertools.pairwise(lines):
        function, figures = _FUNCTION.fullmatch(line[:5000]), _SPILLS.fullmatch(following[:500])
        if function and figures:
            spills[function["name"]] = int(figures["stores"]) + int(figures["loads"])
    return spills
