"""CUDA text -> PTX for these tests, by NVRTC straight from its wheel. No wall: the texts are this repository's own."""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path

ARCHITECTURE = "compute_80"


def library_path() -> Path | None:
    """Where NVRTC is; None where its wheel is not installed."""
    spec = find_spec("nvidia.cu13") if find_spec("nvidia") else None
    folders = list(spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders for path in sorted((Path(folder) / "lib").glob("libnvrtc.so.*"))), None)


def compile_ptx(text: str) -> str:
    """The PTX of the text; raises AssertionError with the compiler's log if it is refused."""
    path = library_path()
    assert path is not None, "NVRTC is not installed; tests that need it are to be skipped"
    library = ctypes.CDLL(str(path))
    program = ctypes.c_void_p()
    _ok(library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None))
    options = [f"--gpu-architecture={ARCHITECTURE}".encode(), b"-lineinfo"]
    status = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    log = _read(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program)
    assert status == 0, f"{log}\n{text}"
    ptx = _read(library.nvrtcGetPTXSize, library.nvrtcGetPTX, program)
    _ok(library.nvrtcDestroyProgram(ctypes.byref(program)))
    return ptx


def _read(size_of: ctypes._CFuncPtr, read: ctypes._CFuncPtr, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _ok(size_of(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _ok(read(program, buffer))
    return buffer.value.decode()


def _ok(status: int) -> None:
    assert status == 0, f"NVRTC answered {status}"
