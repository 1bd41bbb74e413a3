"""The largest tile of a Triton kernel: never smaller than any it has, and not told where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.kernel.triton_instance import Instance, InstanceParameter
from kernelevo.kernel.triton_tiles import largest_tile

SHIPPED = Path(__file__).parent.parent.parent / "kernels"


def instance(kernel: str = "k", **values: int | None) -> Instance:
    constants = tuple(InstanceParameter(name, None, False, value) for name, value in values.items())
    return Instance(kernel, (InstanceParameter("x", "*fp32", True, None), *constants), 4, 1)


def tile(body: str, **values: int | None) -> int:
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return largest_tile(f"import triton\n\n@triton.jit\ndef k(x, N: tl.constexpr):\n{lines}\n", instance(**values))


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        ("at = tl.arange(0, N)", 64),
        ("at = tl.arange(start=0, end=N)", 64),
        ("at = tl.arange(0, N // 2)\nother = tl.arange(N, N + 8)", 32),
        ("sums = tl.zeros([N, 4], tl.float32)\nat = tl.arange(0, N)", 256),
        ("sums = tl.full((N, N), 0.0, dtype=tl.float32)", 64 * 64),
        ("p = tl.make_block_ptr(x, (m, n), (n, 1), (0, 0), block_shape=(N, 16), order=(1, 0))", 1024),
        ("at = tl.arange(0, N)[:, None] * 8 + tl.arange(0, 8)[None, :]", 64 * 64),
        ("at = tl.arange(0, 16)\nboth = at[:, None] + at[None, :]", 256),
        ("# tl.arange(0, 4096)\nat = tl.arange(0, N)", 64),
    ],
)  # fmt: skip
def test_a_tile_is_as_large_as_its_text_says(body: str, elements: int) -> None:
    assert tile(body, N=64) == elements


@pytest.mark.parametrize(
    "body",
    [
        "at = tl.arange(0, M)", "N = N * 2\nat = tl.arange(0, N)", "at = tl.join(tl.arange(0, N), tl.arange(0, N))",
        "at = tl.arange(0, N)[:, None, None] * tl.arange(0, N)[None, :, None]", "at = tl.zeros(shape, tl.float32)",
        "pass", "at = tl.arange(0, N",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_not_told(body: str) -> None:
    assert tile(body, N=64) == 0


def test_a_constant_that_only_the_text_gives_is_not_known() -> None:
    assert tile("at = tl.arange(0, N)", N=None) == 0


def test_a_tile_of_another_function_is_not_told_and_one_of_another_kernel_does_not_count() -> None:
    helper = "@triton.jit\ndef part(x):\n    return x + tl.arange(0, 2048)\n\n"
    kernel = "@triton.jit\ndef k(x, N: tl.constexpr):\n    at = tl.arange(0, N)\n"
    assert largest_tile(f"import triton\n{helper}{kernel}", instance(N=64)) == 64
    assert largest_tile(f"import triton\n{helper}{kernel}    at = part(at)\n", instance(N=64)) == 0


def test_shipped_kernels_are_read() -> None:
    text = (SHIPPED / "softmax.triton.py").read_text()
    assert largest_tile(text, instance("softmax", BLOCK=128)) == 128
    text = (SHIPPED / "matmul_f16.triton.py").read_text()
    assert largest_tile(text, instance("matmul_f16", BLOCK_M=32, BLOCK_N=64, BLOCK_K=16, GROUP=8)) >= 32 * 64
