"""Layer normalisation over the last axis, one row per program, in pieces of BLOCK: the mean, the variance, the output."""

import triton
import triton.language as tl

# kernelevo: tune BLOCK 32 64 128 256 512 1024 2048
# kernelevo: tune num_warps 1 2 4 8 = 4
# kernelevo: tune num_stages 1 2 3
# kernelevo: launch layernorm[rows](x, gamma, beta, y, cols, epsilon, BLOCK=BLOCK)


@triton.jit
def layernorm(x, gamma, beta, y, cols, epsilon, BLOCK: tl.constexpr):
    x += tl.program_id(0) * cols
    y += tl.program_id(0) * cols
    lane = tl.arange(0, BLOCK)

    sums = tl.zeros([BLOCK], tl.float32)
    for start in range(0, cols, BLOCK):
        at = start + lane
        sums += tl.load(x + at, at < cols, other=0.0)
    mean = tl.sum(sums, 0) / cols

    squares = tl.zeros([BLOCK], tl.float32)
    for start in range(0, cols, BLOCK):
        at = start + lane
        difference = tl.where(at < cols, tl.load(x + at, at < cols, other=0.0) - mean, 0.0)
        squares += difference * difference
    scale = 1.0 / tl.sqrt(tl.sum(squares, 0) / cols + epsilon)

    for start in range(0, cols, BLOCK):
        at = start + lane
        normal = (tl.load(x + at, at < cols, other=0.0) - mean) * scale
        weight, bias = tl.load(gamma + at, at < cols, other=0.0), tl.load(beta + at, at < cols, other=0.0)
        tl.store(y + at, normal * weight + bias, at < cols)
