"""The published ladders: what each step is called, what its author measured on which card, and how it is launched here.

Published figures are throughputs, larger is better. Sizes here are smaller than the authors', so that the virtual GPU
ends soon; what that changes is said where the orders differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Rung:
    """One step. `published` is in the ladder's unit; `why` says why the model does not see the step, if it does not."""

    kernel: str
    says: str
    published: float
    grid: Grid
    block: Grid
    why: str = ""


@dataclass(frozen=True)
class Ladder:
    """`amount` is the work of one launch in units of 1e9 of `unit` times a second: GFLOP for GFLOP/s."""

    name: str
    source: str
    measured_on: str
    card: str
    unit: str
    amount: float
    size: str
    rungs: tuple[Rung, ...]
    inputs: Callable[[], Mapping[str, Array]]
    output: str
    reference: Callable[[Mapping[str, Array]], npt.NDArray[np.float64]]
    scalars: tuple[int, ...]
    tolerance: float
    zeroed: bool = field(default=False)


def uniform(*shape: int) -> Array:
    return np.random.default_rng(7).uniform(-1, 1, shape).astype(np.float32)


M, N, K = 2688, 3072, 256
SGEMM = Ladder(
    name="SGEMM",
    source="S. Boehm, github.com/siboehm/SGEMM_CUDA (README), 4092 x 4092 x 4092",
    measured_on="RTX A6000",
    card="rtx_a6000",
    unit="GFLOP/s",
    amount=2 * M * N * K / 1e9,
    size=f"{M} x {N} x {K}",
    rungs=(
        Rung("naive", "a thread per element, along columns", 309.0, (M // 32, N // 32, 1), (32, 32, 1)),
        Rung("coalesced", "along rows", 1986.5, (M // 32, N // 32, 1), (32, 32, 1)),
        Rung(
            "shared_tile",
            "32 x 32 tiles in shared memory",
            2980.3,
            (N // 32, M // 32, 1),
            (32, 32, 1),
            why="the step before is modelled too fast: all but its first loads hit L1 there, "
            "and the bandwidth of GA102's L2 is an estimate",
        ),
        Rung("register_column", "8 elements to a thread", 8474.7, (N // 64, M // 64, 1), (512, 1, 1)),
        Rung("register_patch", "8 x 8 elements to a thread", 15971.7, (N // 128, M // 128, 1), (256, 1, 1)),
        Rung(
            "vector_patch",
            "16-byte accesses, A transposed",
            18237.3,
            (N // 128, M // 128, 1),
            (256, 1, 1),
            why="it is modelled too fast: its shared accesses cost what the banks take, and register banks, "
            "instruction cache and power are not modelled",
        ),
        Rung(
            "warp_tile",
            "a tile to a warp",
            21779.3,
            (N // 128, M // 128, 1),
            (128, 1, 1),
            why="it is modelled too fast: nothing but issue holds it up there, for register banks, "
            "instruction cache and power are not modelled",
        ),
    ),
    inputs=lambda: {"a": uniform(M, K), "b": uniform(K, N)},
    output="c",
    reference=lambda given: given["a"].astype(np.float64) @ given["b"].astype(np.float64),
    scalars=(M, N, K),
    tolerance=1e-4,
)

SIDE = 4096
TRANSPOSE = Ladder(
    name="transpose",
    source="yencal.github.io/gpu-matrix-transpose-optimization, 32768 x 32768",
    measured_on="H100 SXM",
    card="h100",
    unit="GB/s",
    amount=2 * 4 * SIDE * SIDE / 1e9,
    size=f"{SIDE} x {SIDE}",
    rungs=(
        Rung("naive", "a thread per element", 475.5, (SIDE // 32, SIDE // 32, 1), (32, 32, 1)),
        Rung(
            "shared_tile",
            "through a tile in shared memory",
            996.1,
            (SIDE // 32, SIDE // 32, 1),
            (32, 32, 1),
            why="the step before is modelled too fast: how L2 and DRAM take one word of each of "
            "32 far sectors is not modelled",
        ),
        Rung("padded_tile", "padded by a column", 1693.4, (SIDE // 32, SIDE // 32, 1), (32, 32, 1)),
        Rung(
            "coarsened",
            "4 rows to a thread",
            2772.4,
            (SIDE // 32, SIDE // 32, 1),
            (32, 8, 1),
            why="the step before is modelled too fast: with one load a thread and 32 warps at a "
            "barrier, latency grows under load",
        ),
        Rung("vectorised", "64 x 64 tiles, 16-byte accesses", 2940.5, (SIDE // 64, SIDE // 64, 1), (16, 8, 1)),
    ),
    inputs=lambda: {"in": uniform(SIDE, SIDE)},
    output="out",
    reference=lambda given: given["in"].T.astype(np.float64),
    scalars=(SIDE,),
    tolerance=0.0,
)

LENGTH = 1 << 23
REDUCTION = Ladder(
    name="reduction",
    source="github.com/MasterSkepticista/parallel_reductions_cuda (README), 33,554,432 floats",
    measured_on="RTX 3090",
    card="rtx_3090",
    unit="GB/s",
    amount=4 * LENGTH / 1e9,
    size=f"{LENGTH:,} floats",
    rungs=(
        Rung("vector_atomics", "16-byte loads, an atomic per thread", 9.9, (LENGTH // 1024, 1, 1), (256, 1, 1)),
        Rung("interleaved", "a tree of diverging threads", 223.0, (LENGTH // 256, 1, 1), (256, 1, 1)),
        Rung("undivided", "threads that do not diverge", 317.0, (LENGTH // 256, 1, 1), (256, 1, 1)),
        Rung("sequential", "without bank conflicts", 331.0, (LENGTH // 256, 1, 1), (256, 1, 1)),
        Rung("first_add", "the first addition while loading", 618.0, (LENGTH // 512, 1, 1), (256, 1, 1)),
        Rung(
            "last_warp",
            "the last warp without barriers",
            859.0,
            (LENGTH // 512, 1, 1),
            (256, 1, 1),
            why="the step before already streams at DRAM's rate in the model: warps that wait at "
            "barriers instead of loading cost nothing there",
        ),
    ),
    # Small whole numbers, whose sums are exact in any order.
    inputs=lambda: {"in": np.random.default_rng(7).integers(0, 3, LENGTH).astype(np.float32)},
    output="out",
    reference=lambda given: given["in"].sum(dtype=np.float64, keepdims=True),
    scalars=(LENGTH,),
    tolerance=0.0,
    zeroed=True,
)

ROWS = COLS = 4096
SOFTMAX = Ladder(
    name="softmax",
    source="github.com/Pupking/04_fused_softmax, 4096 x 4096",
    measured_on="RTX 3050 Laptop",
    card="rtx_3050_laptop",
    unit="GB/s",
    amount=2 * 4 * ROWS * COLS / 1e9,
    size=f"{ROWS} x {COLS}",
    rungs=(
        Rung("row_per_thread", "a thread per row", 22.8, (ROWS // 256, 1, 1), (256, 1, 1)),
        Rung("row_per_block", "a block per row, trees in shared memory", 81.3, (ROWS, 1, 1), (256, 1, 1)),
        Rung(
            "shuffles",
            "shuffles instead of trees",
            110.5,
            (ROWS, 1, 1),
            (256, 1, 1),
            why="the step before already streams at DRAM's rate in the model: its barriers cost "
            "nothing there, and the row stays in L1",
        ),
        Rung(
            "online",
            "maximum and sum in one pass",
            94.4,
            (ROWS, 1, 1),
            (256, 1, 1),
            why="all steps but the first stream at DRAM's rate in the model, whatever they compute",
        ),
    ),
    inputs=lambda: {"in": 4 * uniform(ROWS, COLS)},
    output="out",
    reference=lambda given: _softmax(given["in"].astype(np.float64)),
    scalars=(ROWS, COLS),
    tolerance=1e-4,
)

LADDERS = (SGEMM, TRANSPOSE, REDUCTION, SOFTMAX)


def _softmax(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
