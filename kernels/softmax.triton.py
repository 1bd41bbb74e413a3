"""Softmax over the last axis, one row per program, in pieces of BLOCK: the maximum, the sum, then the division."""

import triton
import triton.language as tl

# kernelevo: tune BLOCK 32 64 128 256 512 1024 2048
# kernelevo: tune num_warps 1 2 4 8 = 4
# kernelevo: tune num_stages 1 2 3
# kernelevo: launch softmax[rows](x, y, cols, BLOCK=BLOCK)


@triton.jit
def softmax(x, y, cols, BLOCK: tl.constexpr):
    x += tl.program_id(0) * cols
    y += tl.program_id(0) * cols
    lane = tl.arange(0, BLOCK)

    largest = tl.full([BLOCK], float("-inf"), tl.float32)
    for start in range(0, cols, BLOCK):
        at = start + lane
        largest = tl.maximum(largest, tl.load(x + at, at < cols, other=float("-inf")))
    top = tl.max(largest, 0)

    sums = tl.zeros([BLOCK], tl.float32)
    for start in range(0, cols, BLOCK):
        at = start + lane
        sums += tl.exp(tl.load(x + at, at < cols, other=float("-inf")) - top)
    total = tl.sum(sums, 0)

    for start in range(0, cols, BLOCK):
        at = start + lane
        tl.store(y + at, tl.exp(tl.load(x + at, at < cols, other=0.0) - top) / total, at < cols)
