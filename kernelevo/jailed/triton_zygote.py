"""RUNS BEHIND THE WALL: the zygote (zygote.py) that has loaded Triton, and whose children build with it.

triton_zygote.py TRITON_FOLDER LOCK_LIBRARY, with the control socket as descriptor 3
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import triton_build
from triton_package import import_triton
from zygote import serve_errands

INHERITED_BYTES = 64 << 20
"""24 MB with Triton 3.9."""

WARM_UP = """\
import triton
import triton.language as tl

@triton.jit
def warm_up(x, y, BLOCK: tl.constexpr):
    half = tl.zeros([16, 16], tl.float16)
    tile = tl.sum(tl.dot(half, half), 0)
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.sum(tl.exp(tl.load(x + i)), 0) + tl.sum(tile, 0))
"""


def main(triton_folder: str, lock_library: str) -> None:
    import_triton(triton_folder)
    warm_up()
    serve_errands(lock_library, build, INHERITED_BYTES)


def warm_up() -> None:
    parameters = [
        {"name": name, "type": kind, "divisible": False, "value": value}
        for name, kind, value in (("x", "*fp32", None), ("y", "*fp32", None), ("BLOCK", None, 64))
    ]
    instance = {"kernel": "warm_up", "symbol": "warm_up", "parameters": parameters, "num_warps": 4, "num_stages": 3}
    request = {"text": WARM_UP, "file_name": "warm_up.py", "arch": 80, "ptx_version": 80, "instances": [instance]}
    answer = triton_build.build(request)
    if "error" in answer:
        raise RuntimeError(f"Triton cannot compile a kernel of ours: {answer}")


def build(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    return triton_build.build(request), []


main(*sys.argv[1:])
