"""nvdisasm behind the wall: a cubin to the machine instructions of its functions, each with the line of the PTX.

https://docs.nvidia.com/cuda/cuda-binary-utilities/#nvdisasm. It is an extra: the wheel nvidia-cuda-nvdisasm, or the
copy that Triton's wheel brings. A cubin was made of untrusted text, so its reader runs where the compiler ran, and what
it prints is read as hostile text.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernelevo.disassembler_listing import BadListing, read_listing
from kernelevo.errors import NotInstalled
from kernelevo.interfaces import Wall
from kernelevo.types import Budget, Image, MachineCode
from kernelevo.wire.command import Command, read_result

INSTALL = 'pip install "kernelevo[sass]"'
LIMITS = Budget(seconds=10.0, memory_bytes=1 << 30, warp_instructions=1)
"""Of one cubin: an ordinary one takes a quarter of a second, a third of which -ndf (no data flow analysis) saves."""
_FILE = "kernel.cubin"
_LARGEST_CUBIN = 16 << 20
_LONGEST_LISTING = 4 << 20  # what the wall keeps of a program's output: a listing as long may lack its end


@dataclass(frozen=True)
class Nvdisasm:
    """Where the program is, and which version of it."""

    program: Path
    version: str


def find_nvdisasm() -> Nvdisasm:
    """The wheel's program, else Triton's; raises NotInstalled where there is neither."""
    for package, pattern in (("nvidia", "cu*/bin/nvdisasm"), ("triton", "backends/nvidia/bin/nvdisasm")):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for program in sorted(Path(folder).glob(pattern), reverse=True):
                return Nvdisasm(program.resolve(), _version(package, program))
    raise NotInstalled(
        f"nvdisasm is not installed: times are modelled from the PTX, not from what ptxas made of it; run: {INSTALL}"
    )


def _version(package: str, program: Path) -> str:
    if package == "nvidia":
        return importlib.metadata.version("nvidia-cuda-nvdisasm")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=20)
    found = re.search(r"\bV(\d+(?:\.\d+)+)", said.stdout)
    if said.returncode != 0 or not found:
        raise NotInstalled(f"{program} does not tell its version; run: {INSTALL}")
    return found[1]


def open_disassembler(wall: Wall) -> tuple[NvdisasmDisassembler | None, dict[str, str], str]:
    """The disassembler and its version by name; without one, what is to be said about it."""
    try:
        found = find_nvdisasm()
    except NotInstalled as absent:
        return None, {}, str(absent)
    return NvdisasmDisassembler(wall, found), {"nvdisasm": found.version}, ""


class NvdisasmDisassembler:
    """Implements interfaces.Disassembler. It keeps what it read last: a device asks for one image many times."""

    def __init__(self, wall: Wall, found: Nvdisasm) -> None:
        self.source = f"nvdisasm {found.version}"
        self._program = found.program
        self._wall = wall
        self._last: tuple[str, MachineCode | None] = ("", None)

    def read(self, image: Image) -> MachineCode | None:
        if self._last[0] != image.key:
            self._last = (image.key, self._read(image.cubin))
        return self._last[1]

    def _read(self, cubin: bytes) -> MachineCode | None:
        if not cubin or len(cubin) > _LARGEST_CUBIN:
            return None
        command = Command(
            words=(str(self._program), "-c", "-gp", "-ndf", _FILE),
            environment={},
            readable=(str(self._program.parent),),
            inputs={_FILE: cubin},
            outputs=(),
            forks=0,
            file_bytes=1 << 20,
        )
        answer = self._wall.call(command.request(), LIMITS)
        if answer.ended != "done":
            return None
        result = read_result(answer)
        if result.code != 0 or len(result.log.encode()) >= _LONGEST_LISTING:
            return None
        try:
            return read_listing(result.log, self.source)
        except BadListing:
            return None
