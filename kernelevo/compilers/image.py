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
LONGEST_SYMBOL = 4095
"""Characters of a kernel's symbol, as `ptx` reads them."""

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
    """The Image with what PTX and cubin say of each kernel; a failure where a name of the plan is not a kernel's, or is
    one's whose head no plan can launch: it may have been written in inline assembly.

    Raises SandboxBroken where the cubin cannot be read.
    """
    try:
        resources = read_resources(built.cubin)
    except BadCubin as error:
        raise SandboxBroken(f"the compiler's output is malformed: {error}") from error
    try:
        parameters = entry_parameters(built.ptx, built.symbols.values())
    except ValueError as error:
        return BuildFailure((*diagnostics, Diagnostic("error", f"{error}; a plan cannot launch it")))
    symbols = built.symbols or {name: name for name in parameters}
    for spelled, symbol in symbols.items():
        if complaint := _no_kernel(spelled, symbol, symbol in parameters and symbol in resources):
            return BuildFailure((*diagnostics, Diagnostic("error", complaint)))
    spills = _spill_bytes(built.log)
    kernels = tuple(
        _kernel(spelled, symbol, parameters[symbol], resources[symbol], spills.get(symbol, 0))
        for spelled, symbol in symbols.items()
    )
    return Image(key, arch, built.ptx, built.cubin, kernels, compiler, tuple(diagnostics))


def _no_kernel(spelled: str, symbol: str, known: bool) -> str:
    """Why a name of the plan cannot be launched, or an empty string."""
    if len(symbol) > LONGEST_SYMBOL:
        return f"the symbol of {spelled} has {len(symbol)} characters, of which {LONGEST_SYMBOL} are read; shorten it"
    return "" if known else f"the launch plan names {spelled}, which is not a __global__ function"


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
