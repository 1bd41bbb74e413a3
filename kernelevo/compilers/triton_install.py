"""Where Triton is: its folder, its ptxas, and the Python interpreter that may run it behind the wall.

Nothing of Triton is imported here. The jailed interpreter sees the standard library and Triton's folder, and no other
package.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernelevo import native
from kernelevo.errors import BadInput, NotInstalled

INSTALL = 'pip install "kernelevo[triton]"'
SUPPORTED = "3.9"
"""The versions that jailed/triton_build.py follows, by their beginning."""

_SCRIPTS = Path(__file__).parent.parent / "jailed"


@dataclass(frozen=True)
class TritonInstall:
    """`package` is Triton's folder; `interpreter` a Python outside any virtual environment."""

    package: Path
    version: str
    ptxas: Path
    ptxas_version: str
    interpreter: Path

    @property
    def scripts(self) -> Path:
        return _SCRIPTS.resolve()

    @property
    def words(self) -> tuple[str, ...]:
        """What starts the zygote (no site, no environment, no bytecode files), which must find all that it needs."""
        script, lock = self.scripts / "triton_zygote.py", native.path("libkernelevo_lock.so").resolve()
        return (str(self.interpreter), "-I", "-S", "-B", str(script), str(self.package), str(lock))

    @property
    def readable(self) -> tuple[Path, ...]:
        """What the jailed interpreter reads."""
        return (*native.interpreter_files(), self.scripts, self.package, native.path("libkernelevo_lock.so"))

    @property
    def ptx_version(self) -> int:
        """The newest PTX that this ptxas reads: Triton's own rule (backends/nvidia/compiler.py, ptx_get_version)."""
        major, minor = (int(part) for part in self.ptxas_version.split(".")[:2])
        if major >= 13:
            return 90 + (major - 13) * 10 + minor
        return 80 + minor - (minor >= 6)


def find_triton(asked: str = "nvrtc") -> TritonInstall:
    """The installed Triton; raises NotInstalled with the command that installs it, BadInput where another compiler than
    the default was `asked` for.
    """
    if asked != "nvrtc":
        raise BadInput(f"--compiler {asked} is for CUDA files, and this is a Triton file; leave it out")
    found = importlib.util.find_spec("triton")
    # A folder of this name on the path is a package, too, but one without a file to begin with.
    if found is None or found.origin is None or not found.submodule_search_locations:
        raise NotInstalled(f"Triton is not installed, and a .triton.py file needs it; run: {INSTALL}")
    package = Path(found.submodule_search_locations[0]).resolve()
    version = _version()
    if not version.startswith(f"{SUPPORTED}."):
        raise NotInstalled(f"Triton {version} is installed, but {SUPPORTED} is needed; run: {INSTALL}")
    ptxas = package / "backends" / "nvidia" / "bin" / "ptxas"
    if not ptxas.is_file():
        raise NotInstalled(f"the assembler {ptxas} of Triton is not there; install it anew: {INSTALL}")
    return TritonInstall(package, version, ptxas, _ptxas_version(ptxas), native.interpreter())


def _version() -> str:
    try:
        return importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalled(f"the package triton does not tell its version; install it anew: {INSTALL}") from error


def _ptxas_version(ptxas: Path) -> str:
    said = subprocess.run([ptxas, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\bV(\d+\.\d+)", said.stdout)
    if said.returncode != 0 or not version:
        raise NotInstalled(f"{ptxas} does not tell its version; install Triton anew: {INSTALL}")
    return version[1]
