"""Compiling a @triton.jit function of ours ahead of time, in this process and with no GPU, and launching its PTX on the
virtual GPU.

Triton's own launcher needs a driver, so triton.compile is called with a target in its place. The PTX has two u64
parameters more than the function: global scratch and profile scratch. They are null unless the compiler asks for some.

Limits: text that nobody vouches for does not belong here, but behind the wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelevo.virtual import Array, LaunchReport, Machine

BUDGET = 10**9


@dataclass(frozen=True)
class Compiled:
    """What came out: the entry's name, its text, and what a launch of it must give."""

    name: str
    ptx: str
    warps: int
    shared_bytes: int
    scratch_bytes: int


def compile_kernel(
    kernel: Any,
    types: Mapping[str, str],
    constants: Mapping[str, Any],
    divisible: Iterable[str] = (),
    *,
    capability: int = 80,
    **options: int,
) -> Compiled:
    """`types` of the parameters in Triton's words ("*fp16", "i32"); `divisible` are those that are multiples of 16."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    place = {name: index for index, name in enumerate(kernel.arg_names)}
    source = ASTSource(
        fn=kernel,
        signature={name: types.get(name, "constexpr") for name in kernel.arg_names},
        constexprs={(place[name],): value for name, value in constants.items()},
        attrs={(place[name],): [["tt.divisibility", 16]] for name in divisible},
    )
    made = triton.compile(
        source, target=GPUTarget("cuda", capability, 32), options={"enable_fp_fusion": True, **options}
    )
    metadata = made.metadata
    return Compiled(metadata.name, made.asm["ptx"], metadata.num_warps, metadata.shared, metadata.global_scratch_size)


def launch(
    machine: Machine, compiled: Compiled, grid: Sequence[int], arguments: Sequence[Array | int | float], **watch: bool
) -> LaunchReport:
    """Runs it to its end or its first fault; `arguments` are those of the signature, without the constants."""
    blocks = int(np.prod(grid))
    scratch = machine.empty(blocks * compiled.scratch_bytes, np.uint8) if compiled.scratch_bytes else 0
    return machine.launch(
        compiled.name,
        grid=tuple(grid),
        block=32 * compiled.warps,
        args=[*arguments, scratch, 0],
        budget=BUDGET,
        shared_bytes=compiled.shared_bytes,
        **watch,
    )
