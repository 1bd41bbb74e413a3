"""What each kernel of triton_corpus_kernels.py is given, and what it must compute: float64 NumPy, or exact integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import erf
from typing import Any

import numpy as np

Array = np.ndarray

_PHILOX_ROUNDS, _PHILOX_A, _PHILOX_B, _WEYL_A, _WEYL_B = 10, 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85


@dataclass(frozen=True)
class Run:
    """One launch: values in the order of the parameters (arrays go to the device), and what outputs must be.

    `bounds` says by output how far it may be off, absolutely; an output that is not named must be equal.
    """

    kernel: str
    types: Mapping[str, str]
    constants: Mapping[str, Any]
    divisible: Sequence[str]
    grid: Sequence[int]
    values: Mapping[str, Any]
    expected: Mapping[str, Array]
    bounds: Mapping[str, Array | float] = field(default_factory=dict)


def gelu_dropout(rng: np.random.Generator, n: int = 3001) -> Run:
    x, bias, p, seed = rng.standard_normal(n).astype(np.float16), _half(rng, 1024), 0.25, 12345
    value = x.astype(np.float32) + bias[np.arange(n) % 1024].astype(np.float32)
    gelu = 0.5 * value.astype(float) * (1 + np.array([erf(each * 0.70710678) for each in value.tolist()]))
    expected = np.where(uniform_of_philox(seed, n) > np.float32(p), gelu / (1 - p), 0.0)
    return Run(
        "fused_gelu_dropout",
        {"x": "*fp16", "bias": "*fp16", "out": "*fp16", "n": "i32", "p": "fp32", "seed": "i32"},
        {"BLOCK": 1024},
        ["x", "bias", "out"],
        [-(-n // 1024)],
        {"x": x, "bias": bias, "out": _unwritten(n, np.float16), "n": n, "p": p, "seed": seed},
        {"out": expected},
        {"out": 1e-6 + 2**-10 * np.abs(expected)},
    )


def softmax(rng: np.random.Generator, rows: int = 7, cols: int = 1000, stages: int = 2) -> Run:
    x = rng.standard_normal((rows, cols)).astype(np.float32)
    exponential = np.exp(x.astype(float) - x.max(axis=1, keepdims=True))
    expected = exponential / exponential.sum(axis=1, keepdims=True)
    return Run(
        "softmax",
        {"out": "*fp32", "x": "*fp32", "x_stride": "i32", "out_stride": "i32", "rows": "i32", "cols": "i32"},
        {"BLOCK": 1 << (cols - 1).bit_length(), "STAGES": stages},
        ["out", "x"],
        [3],
        {"out": _unwritten(x.shape), "x": x, "x_stride": cols, "out_stride": cols, "rows": rows, "cols": cols},
        {"out": expected},
        {"out": 2**-20 * expected},
    )


def layernorm(rng: np.random.Generator, rows: int = 5, cols: int = 1500) -> Run:
    x = (3 + 2 * rng.standard_normal((rows, cols))).astype(np.float16)
    weight, bias = (rng.standard_normal(cols).astype(np.float32) for _ in range(2))
    wide, epsilon = x.astype(float), 1e-5
    mean, scale = wide.mean(axis=1), 1 / np.sqrt(wide.var(axis=1) + epsilon)
    expected = (wide - mean[:, None]) * scale[:, None] * weight + bias
    types = dict.fromkeys(("weight", "bias", "means", "scales"), "*fp32")
    return Run(
        "layernorm",
        {"x": "*fp16", "y": "*fp16", **types, "stride": "i32", "cols": "i32", "epsilon": "fp32"},
        {"BLOCK": 1024},
        ["x", "y", "weight", "bias"],
        [rows],
        {
            "x": x, "y": _unwritten(x.shape, np.float16), "weight": weight, "bias": bias, "means": _unwritten(rows),
            "scales": _unwritten(rows), "stride": cols, "cols": cols, "epsilon": epsilon,
        },
        {"y": expected, "means": mean, "scales": scale},
        {"y": 1e-5 + 2**-10 * np.abs(expected), "means": 1e-5, "scales": 1e-5},
    )  # fmt: skip


def matmul(
    rng: np.random.Generator, dtype: str, m: int, n: int, k: int, tile: tuple[int, int, int], output: str = ""
) -> Run:
    """`dtype` as Triton writes it; strides are the extents, so that they are multiples of 16 only if those are."""
    a, b = _matrix(rng, (m, k), dtype), _matrix(rng, (k, n), dtype)
    left, right = numbers(a, dtype), numbers(b, dtype)
    expected = left @ right
    size = np.abs(left) @ np.abs(right)
    output = output or dtype
    integers = {"m": m, "n": n, "k": k, "a_stride": k, "b_stride": n, "c_stride": n}
    strides = [name for name, value in integers.items() if value % 16 == 0]
    return Run(
        "matmul",
        {"a": f"*{dtype}", "b": f"*{dtype}", "c": f"*{output}", **dict.fromkeys(integers, "i32")},
        {"BLOCK_M": tile[0], "BLOCK_N": tile[1], "BLOCK_K": tile[2], "GROUP": 3},
        ["a", "b", "c", *strides],
        [-(-m // tile[0]) * -(-n // tile[1])],
        {"a": a, "b": b, "c": _unwritten((m, n), _STORED[output]), **integers},
        {"c": expected},
        {"c": _PRODUCT_ERROR[dtype] * size + _ULP[output] * np.abs(expected)},
    )


def flash(rng: np.random.Generator, *, causal: bool, heads: int = 2, length: int = 100, width: int = 64) -> Run:
    q, k, v = (_half(rng, (heads, length, width)) for _ in range(3))
    score = q.astype(float) @ k.astype(float).transpose(0, 2, 1) * 0.125
    if causal:
        score = np.where(np.tril(np.ones((length, length), bool)), score, -np.inf)
    elif length % 64:
        # The kernel does not mask its last tile: keys beyond the end count with a score of zero and a value of zero.
        padding = -length % 64
        score = np.pad(score, ((0, 0), (0, 0), (0, padding)))
        v = np.pad(v, ((0, 0), (0, padding), (0, 0)))
    weight = np.exp(score - score.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    expected = weight @ v.astype(float)
    return Run(
        "flash",
        {**dict.fromkeys(("q", "k", "v", "out"), "*fp16"), "scale": "fp32", "length": "i32"},
        {"BLOCK_M": 64, "BLOCK_N": 64, "WIDTH": width, "CAUSAL": causal},
        ["q", "k", "v", "out"],
        [-(-length // 64), heads],
        {
            "q": q, "k": k, "v": v[:, :length], "out": _unwritten(q.shape, np.float16), "scale": 0.125,
            "length": length,
        },
        {"out": expected},
        {"out": 2**-10 * (weight @ np.abs(v.astype(float))) + 1e-6},
    )  # fmt: skip


def scan_sort_histogram(rng: np.random.Generator, n: int = 512) -> Run:
    x = rng.integers(-1000, 1000, n).astype(np.int32)
    counts = np.bincount(x & 63, minlength=64)
    found = np.zeros(192, np.int32)
    found[:64], found[64], found[128:] = counts, x.argmax(), counts
    return Run(
        "scan_sort_histogram",
        {"x": "*i32", "out": "*i32", "found": "*i32", "n": "i32"},
        {"BLOCK": 512},
        ["x", "out", "found"],
        [1],
        {"x": x, "out": _unwritten(2 * n, np.int32), "found": np.zeros(192, np.int32), "n": n},
        {"out": np.concatenate([np.cumsum(x), np.sort(x)]), "found": found},
    )


RUNS: dict[str, Callable[[np.random.Generator], Run]] = {
    "fused_gelu_dropout": gelu_dropout,
    "softmax": softmax,
    "layernorm": layernorm,
    "matmul_f16": lambda rng: matmul(rng, "fp16", 150, 136, 96, (64, 64, 32)),
    "matmul_f16_ragged": lambda rng: matmul(rng, "fp16", 70, 45, 37, (32, 32, 32), "fp32"),
    "matmul_bf16": lambda rng: matmul(rng, "bf16", 80, 64, 128, (64, 64, 64)),
    "matmul_tf32": lambda rng: matmul(rng, "fp32", 64, 96, 80, (64, 64, 32)),
    "flash": lambda rng: flash(rng, causal=False),
    "flash_causal": lambda rng: flash(rng, causal=True),
    "scan_sort_histogram": scan_sort_histogram,
}

_STORED = {"fp16": np.float16, "bf16": np.uint16, "fp32": np.float32}
_PRODUCT_ERROR = {"fp16": 2**-20, "bf16": 2**-20, "fp32": 2**-10}
"""Of the sum of |a * b|. Products of halves are exact; tf32 keeps eleven bits of each factor."""
_ULP = {"fp16": 2**-11, "bf16": 2**-8, "fp32": 2**-20}


def uniform_of_philox(seed: int, n: int) -> Array:
    """tl.rand(seed, range(n)): Philox 4x32-10 (Salmon et al., 2011) with the offset as counter and the seed as key."""
    c0, c1, c2, c3 = np.arange(n, dtype=np.uint64), *(np.zeros(n, np.uint64) for _ in range(3))
    low, k0, k1 = np.uint64(0xFFFFFFFF), np.uint64(seed), np.uint64(0)
    for _ in range(_PHILOX_ROUNDS):
        first, second = c0 * np.uint64(_PHILOX_A), c2 * np.uint64(_PHILOX_B)
        c0, c1 = (second >> np.uint64(32)) ^ c1 ^ k0, second & low
        c2, c3 = (first >> np.uint64(32)) ^ c3 ^ k1, first & low
        k0, k1 = (k0 + np.uint64(_WEYL_A)) & low, (k1 + np.uint64(_WEYL_B)) & low
    signed = c0.astype(np.uint32).view(np.int32)
    return np.where(signed < 0, -signed - 1, signed).astype(np.float32) * np.float32(4.6566127342e-10)


def numbers(stored: Array, dtype: str) -> Array:
    """Stored elements as float64; bf16 is held as its bits."""
    if dtype == "bf16":
        return (stored.astype(np.uint32) << 16).view(np.float32).astype(float)
    return stored.astype(float)


def _matrix(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Array:
    values = rng.standard_normal(shape).astype(np.float32)
    return (values.view(np.uint32) >> 16).astype(np.uint16) if dtype == "bf16" else values.astype(_STORED[dtype])


def _half(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Array:
    return rng.standard_normal(shape).astype(np.float16)


def _unwritten(shape: int | tuple[int, ...], dtype: Any = np.float32) -> Array:
    """Where an output goes: filled with a value that no right result has."""
    return np.full(shape, 77, dtype)
