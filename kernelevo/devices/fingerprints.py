"""A keyed 64-bit fingerprint of bytes, so that outputs can be compared without copying them off the card each time.

The bytes are padded with zeros to words w_0, w_1, ... of 64 bits, little-endian. With `mix` the finaliser of SplitMix64
(Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants of Stafford's variant
13), all arithmetic modulo 2**64 and the key K:

    sum         = mix(w_0 ^ mix(K + 1 * GOLDEN)) + mix(w_1 ^ mix(K + 2 * GOLDEN)) + ...
    fingerprint = mix(sum ^ mix(K ^ size in bytes))

The sum may be taken in any order, so that a GPU does it fast; the position of a word is in what it is mixed with, so
that swapped words change it. One changed word always changes it (`mix` is a bijection), other changes are missed with a
chance of 2**-64 for whoever does not know the key. It is no cryptographic hash: draw the key afterwards, and anew.

`SOURCE` is the same sum in CUDA C++, for drivers of cards. The shipped fingerprints.ptx is made of it by
`scripts/fingerprint-ptx`, for the oldest architecture that NVRTC knows; a card's driver compiles that on.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

import numpy as np
import numpy.typing as npt

GOLDEN = 0x9E3779B97F4A7C15
KERNEL = "kernelevo_fingerprint"
BLOCK = 256
PTX_ARCH = "sm_75"
_MASK = (1 << 64) - 1
_CHUNK_WORDS = 1 << 14

SOURCE = r"""
typedef unsigned long long u64;

__device__ __forceinline__ u64 mix(u64 z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

__device__ __forceinline__ u64 word(const unsigned char *at, u64 bytes) {
  u64 value = 0;
  for (u64 i = 0; i < bytes; i++) value |= (u64)at[i] << (8 * i);
  return value;
}

// Adds the sum over the words of `data` to *sum. Any number of blocks of whole warps.
extern "C" __global__ void kernelevo_fingerprint(const unsigned char *data, u64 size, u64 key, u64 *sum) {
  const u64 threads = (u64)gridDim.x * blockDim.x;
  const bool aligned = (u64)data % 8 == 0;
  u64 own = 0;
  for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; 8 * i < size; i += threads) {
    const u64 left = size - 8 * i;
    const u64 value = aligned && left >= 8 ? ((const u64 *)data)[i] : word(data + 8 * i, left < 8 ? left : 8);
    own += mix(value ^ mix(key + (i + 1) * 0x9E3779B97F4A7C15ull));
  }
  for (int step = 16; step > 0; step /= 2) own += __shfl_down_sync(0xffffffffu, own, step);
  if (threadIdx.x % 32 == 0) atomicAdd(sum, own);
}
"""


def fingerprint(data: bytes | bytearray | memoryview, key: int) -> int:
    """The fingerprint of the bytes under a key from 0 to 2**64 - 1."""
    view = memoryview(data).cast("B")
    total = 0
    for start in range(0, len(view), 8 * _CHUNK_WORDS):
        total += _sum(view[start : start + 8 * _CHUNK_WORDS], start // 8, key)
    return finish(total & _MASK, len(view), key)


def finish(total: int, size: int, key: int) -> int:
    """From the sum over the words, which a card computes, to the fingerprint."""
    return _mix(total ^ _mix(key ^ size))


def blocks(size: int, sms: int) -> int:
    """How many blocks of BLOCK threads a card should take for `size` bytes."""
    return max(1, min(8 * sms, -(-size // (8 * BLOCK))))


def ptx() -> str:
    """SOURCE as PTX, as it is shipped."""
    return resources.files(__package__).joinpath("fingerprints.ptx").read_text(encoding="utf-8")


def source_mark() -> str:
    """The first line of the shipped PTX: which source it was made of."""
    return f"// sha256 of the source: {hashlib.sha256(SOURCE.encode()).hexdigest()}"


def _sum(data: memoryview, first_word: int, key: int) -> int:
    """The sum over the words of a part of the data that begins with word `first_word`."""
    whole = len(data) // 8 * 8
    words = np.frombuffer(data[:whole], "<u8")
    if len(data) > whole:
        words = np.append(words, np.frombuffer(bytes(data[whole:]).ljust(8, b"\0"), "<u8"))
    masks = _steps()[: len(words)] + np.uint64((key + (first_word + 1) * GOLDEN) & _MASK)
    scratch = np.empty_like(masks)
    _mix_all(masks, scratch)
    masks ^= words
    _mix_all(masks, scratch)
    return int(masks.sum(dtype=np.uint64))


@functools.cache
def _steps() -> npt.NDArray[np.uint64]:
    """How far the keys of a chunk's words are from that of its first word."""
    return np.arange(_CHUNK_WORDS, dtype=np.uint64) * np.uint64(GOLDEN)


def _mix_all(z: npt.NDArray[np.uint64], scratch: npt.NDArray[np.uint64]) -> None:
    """Mixes every word of `z` in place; temporaries would take longer than the arithmetic."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        np.right_shift(z, np.uint64(shift), out=scratch)
        z ^= scratch
        if factor != 1:
            z *= np.uint64(factor)


def _mix(z: int) -> int:
    word = np.array([z & _MASK], np.uint64)
    _mix_all(word, np.empty_like(word))
    return int(word[0])
