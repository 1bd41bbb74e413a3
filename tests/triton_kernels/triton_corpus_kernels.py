"""Triton kernels in the styles that people write: elementwise with random numbers, persistent rows, rows in pieces,
matrix products with grouped tiles, flash attention, and scan, sort, histogram and atomics. test_triton_corpus.py runs
them.
"""

import triton
import triton.language as tl


@triton.jit
def fused_gelu_dropout(x, bias, out, n, p, seed, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(x + at, inside).to(tl.float32) + tl.load(bias + at % 1024, inside).to(tl.float32)
    gelu = 0.5 * value * (1 + tl.erf(value * 0.70710678))
    random = tl.rand(seed, at)
    tl.store(out + at, tl.where(random > p, gelu / (1 - p), 0.0).to(tl.float16), inside)


@triton.jit
def softmax(out, x, x_stride, out_stride, rows, cols, BLOCK: tl.constexpr, STAGES: tl.constexpr):
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0), num_stages=STAGES):
        col = tl.arange(0, BLOCK)
        inside = col < cols
        value = tl.load(x + row * x_stride + col, inside, other=-float("inf"))
        value = value - tl.max(value, 0)
        exponential = tl.exp(value)
        tl.store(out + row * out_stride + col, exponential / tl.sum(exponential, 0), inside)


@triton.jit
def layernorm(x, y, weight, bias, means, scales, stride, cols, epsilon, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    x += row * stride
    y += row * stride
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, cols, BLOCK):
        col = start + tl.arange(0, BLOCK)
        total += tl.load(x + col, col < cols, other=0.0).to(tl.float32)
    mean = tl.sum(total, 0) / cols
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, cols, BLOCK):
        col = start + tl.arange(0, BLOCK)
        value = tl.load(x + col, col < cols, other=0.0).to(tl.float32)
        value = tl.where(col < cols, value - mean, 0.0)
        total += value * value
    scale = 1 / tl.sqrt(tl.sum(total, 0) / cols + epsilon)
    tl.store(means + row, mean)
    tl.store(scales + row, scale)
    for start in range(0, cols, BLOCK):
        col = start + tl.arange(0, BLOCK)
        inside = col < cols
        value = tl.load(x + col, inside, other=0.0).to(tl.float32)
        value = (value - mean) * scale * tl.load(weight + col, inside) + tl.load(bias + col, inside)
        tl.store(y + col, value.to(tl.float16), inside)


@triton.jit
def matmul(
    a, b, c, m, n, k, a_stride, b_stride, c_stride,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0)
    tiles_m, tiles_n = tl.cdiv(m, BLOCK_M), tl.cdiv(n, BLOCK_N)
    group = program // (GROUP * tiles_n)
    first = group * GROUP
    height = min(tiles_m - first, GROUP)
    tile_m = first + (program % (GROUP * tiles_n)) % height
    tile_n = (program % (GROUP * tiles_n)) // height
    rows = (tile_m * BLOCK_M + tl.arange(0, BLOCK_M)) % m
    cols = (tile_n * BLOCK_N + tl.arange(0, BLOCK_N)) % n
    depth = tl.arange(0, BLOCK_K)
    a_tile = a + rows[:, None] * a_stride + depth[None, :]
    b_tile = b + depth[:, None] * b_stride + cols[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for step in range(0, tl.cdiv(k, BLOCK_K)):
        left = tl.load(a_tile, mask=depth[None, :] < k - step * BLOCK_K, other=0.0)
        right = tl.load(b_tile, mask=depth[:, None] < k - step * BLOCK_K, other=0.0)
        total = tl.dot(left, right, total)
        a_tile += BLOCK_K
        b_tile += BLOCK_K * b_stride
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    cols = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    inside = (rows[:, None] < m) & (cols[None, :] < n)
    tl.store(c + rows[:, None] * c_stride + cols[None, :], total.to(c.dtype.element_ty), inside)


@triton.jit
def flash(
    q, k, v, out, scale, length,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, WIDTH: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    tile, head = tl.program_id(0), tl.program_id(1)
    q += head * length * WIDTH
    k += head * length * WIDTH
    v += head * length * WIDTH
    out += head * length * WIDTH
    row, lane, col = tile * BLOCK_M + tl.arange(0, BLOCK_M), tl.arange(0, WIDTH), tl.arange(0, BLOCK_N)
    query = tl.load(q + row[:, None] * WIDTH + lane[None, :], row[:, None] < length, other=0.0)
    largest = tl.full([BLOCK_M], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    mixed = tl.zeros([BLOCK_M, WIDTH], tl.float32)
    end = (tile + 1) * BLOCK_M if CAUSAL else length
    for start in range(0, end, BLOCK_N):
        at = start + col
        key = tl.load(k + at[None, :] * WIDTH + lane[:, None], at[None, :] < length, other=0.0)
        score = tl.dot(query, key) * scale
        if CAUSAL:
            score = tl.where(row[:, None] >= at[None, :], score, -float("inf"))
        higher = tl.maximum(largest, tl.max(score, 1))
        weight = tl.math.exp2((score - higher[:, None]) * 1.44269504)
        shrink = tl.math.exp2((largest - higher) * 1.44269504)
        total = total * shrink + tl.sum(weight, 1)
        value = tl.load(v + at[:, None] * WIDTH + lane[None, :], at[:, None] < length, other=0.0)
        mixed = tl.dot(weight.to(value.dtype), value, mixed * shrink[:, None])
        largest = higher
    tl.store(out + row[:, None] * WIDTH + lane[None, :], (mixed / total[:, None]).to(tl.float16), row[:, None] < length)


@triton.jit
def scan_sort_histogram(x, out, found, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, at < n, other=0)
    tl.store(out + at, tl.cumsum(value, 0), at < n)
    tl.atomic_add(found + (value & 63), 1, mask=at < n)
    tl.atomic_max(found + 64, tl.argmax(value, 0))
    tl.store(out + n + at, tl.sort(value), at < n)
    tl.store(found + 128 + tl.arange(0, 64), tl.histogram(value & 63, 64))
