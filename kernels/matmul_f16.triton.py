"""c = a * b for row-major f16 matrices, added up in f32, one tile of c per program.

Programs go down GROUP tiles of a column before they go to the next one, so that neighbours share tiles of b.
"""

import triton
import triton.language as tl

# kernelevo: tune BLOCK_M 16 32 64 128 = 32
# kernelevo: tune BLOCK_N 16 32 64 128 = 32
# kernelevo: tune BLOCK_K 16 32 64 = 16
# kernelevo: tune GROUP 1 4 8
# kernelevo: tune num_warps 1 2 4 8 = 4
# kernelevo: tune num_stages 1 2 3 4
# kernelevo: launch matmul_f16[ceildiv(m, BLOCK_M) * ceildiv(n, BLOCK_N)](a, b, c, m, n, k, \
#     BLOCK_M=BLOCK_M, BLOCK_N=BLOCK_N, BLOCK_K=BLOCK_K, GROUP=GROUP)


@triton.jit
def matmul_f16(
    a, b, c, m, n, k, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr
):
    row_tiles, col_tiles = tl.cdiv(m, BLOCK_M), tl.cdiv(n, BLOCK_N)
    program = tl.program_id(0)
    first = program // (GROUP * col_tiles) * GROUP
    height = min(row_tiles - first, GROUP)
    inside = program % (GROUP * col_tiles)
    row = (first + inside % height) * BLOCK_M + tl.arange(0, BLOCK_M)
    col = inside // height * BLOCK_N + tl.arange(0, BLOCK_N)
    depth = tl.arange(0, BLOCK_K)

    sums = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    for start in range(0, k, BLOCK_K):
        at = start + depth
        left = tl.load(a + row[:, None] * k + at[None, :], (row[:, None] < m) & (at[None, :] < k), other=0.0)
        right = tl.load(b + at[:, None] * n + col[None, :], (at[:, None] < k) & (col[None, :] < n), other=0.0)
        sums = tl.dot(left, right, sums)
    tl.store(c + row[:, None] * n + col[None, :], sums, (row[:, None] < m) & (col[None, :] < n))
