"""One small kernel for each part of the Triton language that compiles to PTX of its own kind; test_triton_language.py
runs them. Results of different operations go to consecutive rows of one output.
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import libdevice


@triton.jit
def functions(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(x + at, inside, other=1.0)
    size = tl.abs(value)
    tl.store(out + at, tl.sin(value), inside)
    tl.store(out + n + at, tl.cos(value), inside)
    tl.store(out + 2 * n + at, tl.exp2(value), inside)
    tl.store(out + 3 * n + at, tl.log(size), inside)
    tl.store(out + 4 * n + at, tl.log2(size), inside)
    tl.store(out + 5 * n + at, tl.sqrt(size), inside)
    tl.store(out + 6 * n + at, tl.rsqrt(size), inside)
    tl.store(out + 7 * n + at, tl.sqrt_rn(size), inside)
    tl.store(out + 8 * n + at, tl.div_rn(value, 3.0), inside)
    tl.store(out + 9 * n + at, tl.erf(value), inside)
    tl.store(out + 10 * n + at, tl.floor(value), inside)
    tl.store(out + 11 * n + at, tl.ceil(value), inside)
    tl.store(out + 12 * n + at, tl.sigmoid(value), inside)
    tl.store(out + 13 * n + at, tl.fma(value, value, value), inside)
    tl.store(out + 14 * n + at, tl.clamp(value, -0.5, 0.5), inside)


@triton.jit
def library_functions(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(x + at, inside, other=1.0)
    size = tl.abs(value)
    tl.store(out + at, libdevice.tanh(value), inside)
    tl.store(out + n + at, libdevice.atan2(value, 2.0), inside)
    tl.store(out + 2 * n + at, libdevice.pow(size, 1.5), inside)
    tl.store(out + 3 * n + at, libdevice.log1p(size), inside)
    tl.store(out + 4 * n + at, libdevice.expm1(value), inside)
    tl.store(out + 5 * n + at, libdevice.cbrt(value), inside)
    tl.store(out + 6 * n + at, libdevice.lgamma(size), inside)
    tl.store(out + 7 * n + at, libdevice.tan(value), inside)
    tl.store(out + 8 * n + at, libdevice.fmod(value, 0.25), inside)
    tl.store(out + 9 * n + at, libdevice.rint(value), inside)
    tl.store(out + 10 * n + at, libdevice.sinh(value), inside)
    tl.store(out + 11 * n + at, libdevice.erfc(value), inside)


@triton.jit
def doubles(x, out, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    value = tl.load(x + at)
    tl.store(out + at, tl.exp(value))
    tl.store(out + n + at, tl.sin(value))
    tl.store(out + 2 * n + at, tl.log(tl.abs(value)))
    tl.store(out + 3 * n + at, 1 / value)
    tl.store(out + 4 * n + at, tl.sqrt(tl.abs(value)))
    tl.store(out + 5 * n + at, tl.erf(value))
    tl.store(out + 6 * n + at, value.to(tl.float32).to(tl.float64))
    tl.store(out + 7 * n + at, value.to(tl.float16).to(tl.float64))
    tl.store(out + 8 * n + at, tl.cumsum(value, 0))


@triton.jit
def integers(x, y, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    left, right = tl.load(x + at, inside, other=1), tl.load(y + at, inside, other=1)
    tl.store(out + at, left + right, inside)
    tl.store(out + n + at, left * right, inside)
    tl.store(out + 2 * n + at, left // right, inside)
    tl.store(out + 3 * n + at, left % right, inside)
    tl.store(out + 4 * n + at, left ^ right, inside)
    tl.store(out + 5 * n + at, left >> (right & 7), inside)
    tl.store(out + 6 * n + at, left << (right & 7), inside)
    tl.store(out + 7 * n + at, tl.minimum(left, right), inside)
    tl.store(out + 8 * n + at, tl.where(left < right, left, right + 1), inside)
    tl.store(out + 9 * n + at, tl.abs(left), inside)
    tl.store(out + 10 * n + at, ~left, inside)
    tl.store(out + 11 * n + at, -left, inside)


@triton.jit
def _recurrence(a, b, c, d):
    return a * c, b * c + d


@triton.jit
def scans(x, y, out, ROWS: tl.constexpr, COLS: tl.constexpr):
    at = tl.arange(0, ROWS)[:, None] * COLS + tl.arange(0, COLS)[None, :]
    n: tl.constexpr = ROWS * COLS
    factor, term = tl.load(x + at), tl.load(y + at)
    _, forwards = tl.associative_scan((factor, term), 1, _recurrence)
    _, backwards = tl.associative_scan((factor, term), 1, _recurrence, reverse=True)
    tl.store(out + at, forwards)
    tl.store(out + n + at, backwards)
    tl.store(out + 2 * n + at, tl.cumsum(term, 0))
    tl.store(out + 3 * n + at, tl.cumprod(factor, 1))


@triton.jit
def reductions(x, out, ROWS: tl.constexpr, COLS: tl.constexpr):
    row, col = tl.arange(0, ROWS), tl.arange(0, COLS)
    value = tl.load(x + row[:, None] * COLS + col[None, :])
    tl.store(out + row, tl.sum(value, 1))
    tl.store(out + ROWS + row, tl.min(value, 1))
    tl.store(out + 2 * ROWS + row, tl.argmax(value, 1))
    tl.store(out + 3 * ROWS + row, tl.argmin(value, 1))
    tl.store(out + 4 * ROWS + col, tl.max(value, 0))
    tl.store(out + 4 * ROWS + COLS + col, tl.xor_sum(value, 0))


@triton.jit
def shapes(x, y, out, ROWS: tl.constexpr, COLS: tl.constexpr):
    row, col = tl.arange(0, ROWS)[:, None], tl.arange(0, COLS)[None, :]
    n: tl.constexpr = ROWS * COLS
    flat = tl.arange(0, n)
    left, right = tl.load(x + row * COLS + col), tl.load(y + row * COLS + col)
    tl.store(out + tl.arange(0, COLS)[:, None] * ROWS + tl.arange(0, ROWS)[None, :], tl.trans(left))
    joined = tl.join(left, right)
    tl.store(out + n + tl.arange(0, 2 * n), tl.reshape(joined, [2 * n]))
    first, second = tl.split(joined)
    tl.store(out + 3 * n + row * COLS + col, first - second)
    both = tl.arange(0, ROWS)[:, None] * 2 * COLS + tl.arange(0, 2 * COLS)[None, :]
    tl.store(out + 4 * n + both, tl.interleave(left, right))
    tl.store(out + 6 * n + flat, tl.flip(tl.reshape(left, [n])))
    turned = tl.permute(tl.reshape(left, [ROWS // 2, 2, COLS]), [2, 0, 1])
    tl.store(out + 7 * n + flat, tl.reshape(turned, [n]))
    tl.store(out + 8 * n + row * COLS + col, tl.sort(left, 1, descending=True))
    tl.store(out + 9 * n + row * COLS + col, tl.gather(left, (col + row) % COLS, 1))


@triton.jit
def atomics(x, out, floats, halves, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(x + at, inside, other=0)
    place = value & 15
    tl.atomic_add(out + place, value, inside)
    tl.atomic_max(out + 16 + place, value, inside)
    tl.atomic_min(out + 32 + place, value, inside)
    tl.atomic_or(out + 48 + place, value, inside)
    tl.atomic_and(out + 64 + place, value, inside)
    tl.atomic_xor(out + 80 + place, value, inside)
    tl.atomic_add(floats + place, value.to(tl.float32), inside)
    tl.atomic_max(floats + 16 + place, value.to(tl.float32), inside)
    tl.atomic_min(floats + 32 + place, value.to(tl.float32), inside)
    tl.atomic_add(halves + place, (value & 3).to(tl.float16), inside)
    before = tl.atomic_xchg(out + 96 + at, value, inside)
    tl.store(out + 96 + n + at, before, inside)


@triton.jit
def locked_sum(lock, out, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    tl.store(out + at, tl.load(out + at) + tl.program_id(0))
    tl.debug_barrier()
    tl.atomic_xchg(lock, 0)


@triton.jit
def conversions(x, out, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    value = tl.load(x + at)
    tl.store(out + at, value.to(tl.float16).to(tl.float32))
    tl.store(out + BLOCK + at, value.to(tl.bfloat16).to(tl.float32))
    tl.store(out + 2 * BLOCK + at, value.to(tl.float8e5).to(tl.float32))
    tl.store(out + 3 * BLOCK + at, value.to(tl.int32).to(tl.float32))
    tl.store(out + 4 * BLOCK + at, value.to(tl.int64).to(tl.float32))
    tl.store(out + 5 * BLOCK + at, value.to(tl.int16).to(tl.float32))
    tl.store(out + 6 * BLOCK + at, value.to(tl.int8).to(tl.float32))
    tl.store(out + 7 * BLOCK + at, tl.abs(value).to(tl.uint8).to(tl.float32))
    tl.store(out + 8 * BLOCK + at, value.to(tl.float16, fp_downcast_rounding="rtz").to(tl.float32))
    tl.store(out + 9 * BLOCK + at, (value > 0).to(tl.float32))
    tl.store(out + 10 * BLOCK + at, value.to(tl.int32, bitcast=True).to(tl.float32))
    tl.store(out + 11 * BLOCK + at, (value.to(tl.bfloat16) * value.to(tl.bfloat16)).to(tl.float32))


@triton.jit
def product(a, b, c, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, PRECISION: tl.constexpr, SUMS: tl.constexpr):
    row, col, depth = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)
    left, right = tl.load(a + row * K + depth[None, :]), tl.load(b + depth[:, None] * N + col)
    tl.store(c + row * N + col, tl.dot(left, right, input_precision=PRECISION, out_dtype=SUMS))


@triton.jit
def products(a, b, c, COUNT: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    each = tl.arange(0, COUNT)[:, None, None]
    row, depth = tl.arange(0, M)[None, :, None], tl.arange(0, K)
    col = tl.arange(0, N)[None, None, :]
    left = tl.load(a + each * M * K + row * K + depth[None, None, :])
    right = tl.load(b + each * K * N + depth[None, :, None] * N + col)
    tl.store(c + each * M * N + row * N + col, tl.dot(left, right))


@triton.jit
def described_product(a, b, c, m, n, k, BLOCK: tl.constexpr):
    left = tl.make_tensor_descriptor(a, [m, k], [k, 1], [BLOCK, BLOCK])
    right = tl.make_tensor_descriptor(b, [k, n], [n, 1], [BLOCK, BLOCK])
    result = tl.make_tensor_descriptor(c, [m, n], [n, 1], [BLOCK, BLOCK])
    row, col = tl.program_id(0) * BLOCK, tl.program_id(1) * BLOCK
    sums = tl.zeros([BLOCK, BLOCK], tl.float32)
    for start in range(0, k, BLOCK):
        sums = tl.dot(left.load([row, start]), right.load([start, col]), sums)
    result.store([row, col], sums)


@triton.jit
def printing(x, BLOCK: tl.constexpr):
    value = tl.load(x + tl.arange(0, BLOCK))
    tl.device_print("value", value)
    tl.device_assert(value < 40, "at least forty")


@triton.jit
def own_assembly(x, out, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    mixed = tl.inline_asm_elementwise(
        "{ .reg .b32 moved; shl.b32 moved, $1, 3; xor.b32 $0, moved, $1; }",
        "=r,r", [tl.load(x + at)], dtype=tl.int32, is_pure=True, pack=1,
    )  # fmt: skip
    tl.store(out + at, mixed)


@triton.jit
def collatz(x, out):
    value = tl.load(x + tl.program_id(0))
    steps = 0
    while value != 1:
        if value % 2 == 0:  # noqa: SIM108 - a branch is what is tried here
            value = value // 2
        else:
            value = 3 * value + 1
        steps += 1
    tl.store(out + tl.program_id(0), steps)


@triton.jit
def selections(x, out, n, BLOCK: tl.constexpr, BINS: tl.constexpr, COUNT: tl.constexpr):
    at = tl.arange(0, BLOCK)
    value = tl.load(x + at, at < n, other=0)
    tl.store(out + tl.arange(0, BINS), tl.histogram(value & (BINS - 1), BINS, mask=at < n))
    tl.store(out + BINS + tl.arange(0, COUNT), tl.topk(value, COUNT))


@triton.jit
def hinted(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(x + at, inside, other=0.0, eviction_policy="evict_first")
    value += tl.load(x + at, inside, other=0.0, eviction_policy="evict_last")
    value += tl.load(x + at, inside, other=0.0, cache_modifier=".cg")
    value += tl.load(x + at, inside, other=0.0, cache_modifier=".cv")
    value += tl.load(x + at, inside, other=0.0, volatile=True)
    tl.store(out + at, value, inside, cache_modifier=".wt")
    tl.store(out + n + at, value, inside, cache_modifier=".cs")
    tl.store(out + 2 * n + at, value, inside, eviction_policy="evict_first")
