"""How long a Triton build takes behind the wall: start of its zygote, one specialisation, nine, and from the cache.

    python benchmarks/triton_latency.py [--kernels 20]

The kernels are distinct texts of three shapes (elementwise, row sum, matrix product), so that nothing is answered from
a cache that is not meant to. NVRTC's elementwise kernel is built in turn with Triton's, and the ratio stated, since
times are wall time on this machine, under whatever load it has. Prints the median with the least and the most.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from compile_latency import ELEMENTWISE, row, seconds

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.compilers.triton import TritonCompiler
from kernelevo.compilers.triton_install import TritonInstall, find_triton
from kernelevo.interfaces import Compiler
from kernelevo.sandbox import Sandbox, Worker
from kernelevo.types import Budget, BuildRequest, Image

BUDGET = Budget(seconds=120.0, memory_bytes=4 << 30, warp_instructions=1)
HEAD = "import triton\nimport triton.language as tl\n\n\n@triton.jit\n"
ADD = (
    HEAD
    + """def k(x, y, m, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.exp(tl.load(x + i, mask=i < n)) + %d.0, mask=i < n)
"""
)
ROW_SUM = (
    HEAD
    + """def k(x, y, m, n, BLOCK: tl.constexpr):
    total = tl.zeros([BLOCK], tl.float32) + %d.0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        total += tl.load(x + tl.program_id(0) * n + i, mask=i < n, other=0.0)
    tl.store(y + tl.program_id(0), tl.sum(total, 0))
"""
)
PRODUCT = (
    HEAD
    + """def k(x, y, m, n, BLOCK: tl.constexpr):
    i = tl.arange(0, 32)
    total = tl.zeros([32, 32], tl.float32) + %d.0
    for p in range(0, n, 32):
        a = tl.load(x + i[:, None] * n + p + i[None, :])
        b = tl.load(x + (p + i[:, None]) * m + i[None, :])
        total = tl.dot(a, b, total)
    tl.store(y + i[:, None] * m + i[None, :], total)
"""
)
SHAPES = {"elementwise": ADD, "row sum": ROW_SUM, "matrix product": PRODUCT}
INTEGERS = ("{}: i32", "{}: i32 % 16", "{} = 1")
NAMES = tuple(
    f"k(x: *fp32 % 16, y: *fp32 % 16, {m.format('m')}, {n.format('n')}, BLOCK = 256) num_warps=4 num_stages=3"
    for m in INTEGERS
    for n in INTEGERS
)


def build(compiler: Compiler, text: str, names: tuple[str, ...]) -> None:
    image = compiler.build(BuildRequest(text, "k", names, "sm_80"), BUDGET)
    if not isinstance(image, Image):
        raise SystemExit(f"the benchmark's own kernel did not build: {image}")


def start(install: TritonInstall) -> None:
    with open_wall(install) as wall:
        build(TritonCompiler(wall, install), ADD % 0, NAMES[:1])


def open_wall(install: TritonInstall) -> Sandbox:
    return Sandbox(script=Worker(install.words, install.readable))


def times(work: Callable[[str], None], texts: list[str]) -> list[float]:
    return [seconds(lambda text=text: work(text)) for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", type=int, default=20, help="distinct kernels of each shape")
    count = parser.parse_args().kernels
    install, toolkit = find_triton(), find_toolkit()
    print(f"triton {install.version} (ptxas {install.ptxas_version}), sm_80, behind the wall")
    print(row("start of the zygote and a build", [seconds(lambda: start(install)) for _ in range(3)]))
    with (
        open_wall(install) as wall,
        Sandbox(toolkit.library, toolkit.read_only) as own,
        tempfile.TemporaryDirectory() as folder,
    ):
        compiler, nvrtc = TritonCompiler(wall, install, Path(folder)), NvrtcCompiler(own, toolkit)
        start(install)
        for name, shape in SHAPES.items():
            texts = [shape % number for number in range(count)]
            one = times(lambda text: build(compiler, text, NAMES[:1]), texts)
            print(row(name, one))
            print(row(f"{name}, 9 specialisations", times(lambda text: build(compiler, text, NAMES), texts)))
            print(row(f"{name}, 9, cached", times(lambda text: build(compiler, text, NAMES), texts)))
            peer = times(lambda text: build(nvrtc, text, ("k",)), [ELEMENTWISE % number for number in range(count)])
            print(f"{'':32} {statistics.median(one) / statistics.median(peer):8.1f} times NVRTC's elementwise kernel")


if __name__ == "__main__":
    main()
