"""CUDA text to PTX by NVRTC in this process: the corpus is ours, so no wall is needed.

https://docs.nvidia.com/cuda/nvrtc/. The options are those of a candidate's build (kernelevo/compilers/nvrtc.py).
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from kernelevo.compilers.toolkit import PRELUDE, Toolkit, find_toolkit
from kernelevo.errors import Infrastructure

HERE = Path(__file__).parent
TARGETS = ("sm_80", "sm_90")


def sources() -> list[str]:
    """The names of the corpus files, without .cu."""
    return sorted(path.stem for path in HERE.glob("*.cu"))


@functools.cache
def compiled(source: str, target: str) -> str:
    """The PTX of one corpus file; raises Infrastructure with the compiler's log where it refuses."""
    return compiled_file(HERE / f"{source}.cu", target)


@functools.cache
def compiled_file(path: Path, target: str, defined: tuple[str, ...] = ()) -> str:
    """The PTX of one file with the macros `defined`; raises Infrastructure with the compiler's log as above."""
    toolkit = find_toolkit()
    library = ctypes.CDLL(str(toolkit.library))
    program = ctypes.c_void_p()
    library.nvrtcCreateProgram(ctypes.byref(program), path.read_bytes(), path.name.encode(), 0, None, None)
    try:
        options = [*_options(toolkit, target), *(f"-D{name}".encode() for name in defined)]
        status = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        if status != 0:
            log = _text(library, program, "ProgramLog")
            raise Infrastructure(f"NVRTC refused {path.name} for {target}; mend it: {log}")
        return _text(library, program, "PTX")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def compiler_version() -> str:
    return f"NVRTC {find_toolkit().version}"


def _options(toolkit: Toolkit, target: str) -> list[bytes]:
    words = [f"--gpu-architecture={target.replace('sm_', 'compute_')}", "-lineinfo", f"--pre-include={PRELUDE}"]
    return [word.encode() for word in [*words, *(f"-I{folder}" for folder in toolkit.include)]]


def _text(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode()
