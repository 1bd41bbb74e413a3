"""Where the CUDA toolkit's wheels are: NVRTC's library and the folders of headers that device code may include.

The wheels install into `nvidia/cuNN/` of some folder on Python's path (https://pypi.org/project/cuda-toolkit/).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from kernelevo.errors import NotInstalled

PRELUDE = "kernelevo_prelude.h"
_SHIMS = Path(__file__).parent / "include"
_INSTALL = 'pip install "cuda-toolkit[nvrtc,cccl,cudart,crt]>=13.0,<14"'


@dataclass(frozen=True)
class Toolkit:
    """`library` is libnvrtc, `include` the header folders in the order of search (ours hold the standard C headers),
    `version` the compiler's, `headers` what tells these headers from any others.
    """

    library: Path
    include: tuple[Path, ...]
    version: str
    headers: str

    @property
    def read_only(self) -> tuple[Path, ...]:
        """The folders that the wall must let a compiling child read."""
        return (self.library.parent, *self.include)


def find_toolkit() -> Toolkit:
    """The newest toolkit among the installed wheels; raises NotInstalled naming what is missing."""
    libraries = sorted(file for folder in _nvidia_folders() for file in folder.glob("cu*/lib/libnvrtc.so.*"))
    if not libraries:
        raise NotInstalled(f"the CUDA compiler NVRTC is not installed; run: {_INSTALL}")
    library = libraries[-1].resolve()
    headers = library.parent.parent / "include"
    for needed in ("cuda_fp16.h", "crt/mma.h", "cccl/cuda/std/version"):
        if not (headers / needed).is_file():
            raise NotInstalled(f"the CUDA header {needed} is not in {headers}; run: {_INSTALL}")
    return Toolkit(
        library, (headers, _SHIMS.resolve(), headers / "cccl"), _wheel_version("nvidia-cuda-nvrtc"), _headers_identity()
    )


def _wheel_version(wheel: str) -> str:
    try:
        return importlib.metadata.version(wheel)
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalled(f"the wheel {wheel} is not installed; run: {_INSTALL}") from error


def _headers_identity() -> str:
    """What tells these headers from any others: the wheels' versions, and the content of ours."""
    wheels = [_wheel_version(f"nvidia-cuda-{part}") for part in ("runtime", "crt", "cccl")]
    ours = hashlib.sha256()
    for file in sorted(_SHIMS.iterdir()):
        ours.update(file.name.encode() + b"\0" + file.read_bytes())
    return " ".join([*wheels, ours.hexdigest()])


def _nvidia_folders() -> list[Path]:
    spec = importlib.util.find_spec("nvidia")
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
