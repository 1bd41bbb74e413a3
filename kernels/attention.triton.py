"""Attention, BLOCK_M queries of one head per program: keys in pieces of BLOCK_N, with running maxima and running sums.

Scores and sums are f32; weights are rounded to f16 before they meet the values, as tensor cores want them.
"""

import triton
import triton.language as tl

# kernelevo: tune BLOCK_M 16 32 64 128
# kernelevo: tune BLOCK_N 16 32 64
# kernelevo: tune num_warps 1 2 4 8 = 4
# kernelevo: tune num_stages 1 2 3
# kernelevo: launch attention[ceildiv(length, BLOCK_M), heads](q, k, v, out, length, width, \
#     BLOCK_M=BLOCK_M, BLOCK_N=BLOCK_N, WIDTH=pow2ceil(width))


@triton.jit
def attention(q, k, v, out, length, width, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, WIDTH: tl.constexpr):
    head = tl.program_id(1) * length * width
    row = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    lane, col = tl.arange(0, WIDTH), tl.arange(0, BLOCK_N)
    mine = head + row[:, None] * width + lane[None, :]
    wanted = (row[:, None] < length) & (lane[None, :] < width)
    query = tl.load(q + mine, wanted, other=0.0)
    scale = 1.0 / tl.sqrt(width.to(tl.float32))

    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    mixed = tl.zeros([BLOCK_M, WIDTH], tl.float32)
    for start in range(0, length, BLOCK_N):
        at = start + col
        theirs = head + at[:, None] * width + lane[None, :]
        there = (at[:, None] < length) & (lane[None, :] < width)
        keys = tl.load(k + theirs, there, other=0.0)
        values = tl.load(v + theirs, there, other=0.0)
        score = tl.dot(query, tl.trans(keys)) * scale
        score = tl.where(at[None, :] < length, score, float("-inf"))
        higher = tl.maximum(largest, tl.max(score, 1))
        shrink = tl.exp(largest - higher)
        weight = tl.exp(score - higher[:, None])
        total = total * shrink + tl.sum(weight, 1)
        mixed = tl.dot(weight.to(tl.float16), values, mixed * shrink[:, None])
        largest = higher
    tl.store(out + mine, (mixed / total[:, None]).to(tl.float16), wanted)
