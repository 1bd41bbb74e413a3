"""Compiles the benchmark kernels to PTX with NVRTC in this process: they are ours, so no wall is needed."""

from __future__ import annotations

import ctypes

from kernelevo.compilers.toolkit import Toolkit
from kernelevo.errors import Infrastructure

ARCHITECTURE = "compute_80"


def compile_ptx(toolkit: Toolkit, text: str, name: str) -> str:
    """The PTX of CUDA C++ text; raises Infrastructure with the compiler's log where it refuses."""
    library = ctypes.CDLL(str(toolkit.library))
    program = ctypes.c_void_p()
    options = [b"-lineinfo", f"--gpu-architecture={ARCHITECTURE}".encode()]
    options += [f"-I{folder}".encode() for folder in toolkit.include]
    library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name.encode(), 0, None, None)
    try:
        status = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        if status != 0:
            raise Infrastructure(f"NVRTC refused {name}: {_text(library, program, 'ProgramLog')}")
        return _text(library, program, "PTX")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode()
