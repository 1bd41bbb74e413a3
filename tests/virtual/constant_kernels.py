"""Kernels of one thread that work on constants, as text that the assembler and the virtual GPU both take."""

from __future__ import annotations

import numpy as np

from kernelevo.virtual import Machine, Module

DECLARED = ".reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .b16 %h<8>; .reg .b64 %q<8>; .reg .pred %p<8>; .reg .f32 %f<8>;"
NOT_WRITTEN, WORDS = 0xEEEEEEEE, 64


def head(architecture: str, version: str = "8.0") -> str:
    return f".version {version}\n.target {architecture}\n.address_size 64\n"


def kernel(name: str, body: str, attributes: str = "") -> str:
    """`body` finds the address of 64 words in %rd1."""
    parameters = f".visible .entry {name}(.param .u64 out) {attributes}"
    return f"{parameters} {{ {DECLARED}\nld.param.u64 %rd1, [out];\n{body}\nret; }}\n"


def executed(text: str, name: str, block: int = 1) -> np.ndarray | str:
    """The words that a kernel leaves, or why it ended otherwise."""
    with Machine(Module(text), memory_bytes=1 << 20) as machine:
        out = machine.array(np.full(WORDS, NOT_WRITTEN, np.uint32))
        run = machine.launch(name, grid=1, block=block, args=[out], budget=20_000)
        return run.faults[0].kind if run.faults else out.numpy().copy()
