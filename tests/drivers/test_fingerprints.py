"""Fingerprints: what they must tell apart, and that NumPy and CUDA C++ compute the same."""

from __future__ import annotations

import random

import numpy as np
import pytest
from drivers.conftest import build
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.devices import fingerprints
from kernelevo.devices.fingerprints import BLOCK, KERNEL, blocks, fingerprint, finish, source_mark
from kernelevo.virtual import Machine, Module

KEYS = st.integers(0, 2**64 - 1)


def by_the_formula(data: bytes, key: int) -> int:
    """The docstring's formula with Python's integers, word by word."""
    mask = (1 << 64) - 1

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    total = sum(mix(word ^ mix((key + (i + 1) * 0x9E3779B97F4A7C15) & mask)) for i, word in enumerate(words))
    return mix((total & mask) ^ mix(key ^ len(data)))


@given(st.binary(max_size=200), KEYS)
def test_it_is_the_formula(data: bytes, key: int) -> None:
    assert fingerprint(data, key) == by_the_formula(data, key)


@given(st.binary(min_size=1, max_size=200), KEYS, st.data())
def test_one_changed_bit_changes_it(data: bytes, key: int, draw: st.DataObject) -> None:
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    assert fingerprint(changed, key) != fingerprint(data, key)


@given(st.binary(min_size=16, max_size=200), KEYS, st.data())
def test_swapped_words_change_it(data: bytes, key: int, draw: st.DataObject) -> None:
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4").copy()
    i, j = (draw.draw(st.integers(0, len(words) - 1)) for _ in range(2))
    swapped = words.copy()
    swapped[[i, j]] = swapped[[j, i]]
    same = fingerprint(words.tobytes(), key) == fingerprint(swapped.tobytes(), key)
    assert same == (words.tobytes() == swapped.tobytes())


@given(st.binary(max_size=64), st.integers(1, 20), KEYS)
def test_zeros_at_the_end_count(data: bytes, zeros: int, key: int) -> None:
    assert fingerprint(data + b"\0" * zeros, key) != fingerprint(data, key)


@given(st.binary(min_size=1, max_size=64), KEYS)
def test_the_key_counts(data: bytes, key: int) -> None:
    assert fingerprint(data, key) != fingerprint(data, key ^ (1 << 63))


def test_parts_of_large_data_are_put_together() -> None:
    data = random.Random(1).randbytes(8 * (1 << 14) * 2 + 13)
    assert fingerprint(data, 5) == by_the_formula(data, 5)
    assert fingerprint(np.frombuffer(data, np.uint8).data, 5) == fingerprint(data, 5)


@pytest.fixture(scope="module")
def compiled(nvrtc: NvrtcCompiler) -> str:
    return build(nvrtc, fingerprints.SOURCE, (KERNEL,), "sm_90").ptx


@pytest.fixture(scope="module", params=["compiled now", "as shipped"])
def machine(request: pytest.FixtureRequest, compiled: str) -> Machine:
    return Machine(Module(compiled if request.param == "compiled now" else fingerprints.ptx()))


def on_the_gpu(machine: Machine, data: bytes, key: int, skew: int, grid: int) -> int:
    placed = machine.array(np.frombuffer(data, np.uint8), skew=skew)
    total = machine.array(np.zeros(1, np.uint64))
    report = machine.launch(KERNEL, grid=grid, block=BLOCK, args=[placed, len(data), key, total], budget=10**8)
    assert not report.faults, report.faults[0].message
    return finish(int(total.numpy()[0]), len(data), key)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=5000), key=KEYS, skew=st.integers(0, 9), grid=st.integers(1, 5))
def test_cuda_and_numpy_compute_the_same(machine: Machine, data: bytes, key: int, skew: int, grid: int) -> None:
    assert on_the_gpu(machine, data, key, skew, grid) == fingerprint(data, key)


def test_a_card_gets_enough_blocks_and_not_too_many() -> None:
    assert blocks(0, 132) == blocks(1, 132) == 1
    assert blocks(8 * BLOCK + 1, 132) == 2
    assert blocks(1 << 34, 132) == 8 * 132


def test_the_shipped_ptx_is_of_this_source() -> None:
    assert fingerprints.ptx().startswith(source_mark()), "run scripts/fingerprint-ptx"
