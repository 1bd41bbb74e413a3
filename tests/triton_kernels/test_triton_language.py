"""Each part of the Triton language, compiled for sm_80, computes on the virtual GPU what the language says."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from ahead_of_time import compile_kernel, launch
from launching import compile_run, error_ratios, outputs_of
from triton_corpus import Run
from triton_language import RUNS

from kernelevo.virtual import LaunchReport, Machine, Module


def make(name: str) -> Run:
    """The same inputs whenever it is asked for."""
    return RUNS[name](np.random.default_rng(zlib.crc32(name.encode())))


def assert_right(run: Run, **options: int) -> None:
    compiled = compile_run(run, module="triton_language_kernels", **options)
    for watch in ({}, {"check_races": True}):
        report, found = outputs_of(run, compiled, **watch)
        assert report.faults == ()
        assert max(error_ratios(run, found).values()) <= 1


@pytest.mark.parametrize("name", RUNS)
def test_it_computes_what_the_language_says(name: str) -> None:
    assert_right(make(name))


@pytest.mark.slow
@pytest.mark.parametrize("warps", [1, 2, 8])
@pytest.mark.parametrize("name", RUNS)
def test_it_does_so_with_any_number_of_warps(name: str, warps: int) -> None:
    assert_right(make(name), num_warps=warps)


def printing(size: int) -> LaunchReport:
    import triton_language_kernels

    compiled = compile_kernel(triton_language_kernels.printing, {"x": "*i32"}, {"BLOCK": 32}, num_warps=1, debug=True)
    with Machine(Module(compiled.ptx), memory_bytes=1 << 20) as machine:
        return launch(machine, compiled, [1], [machine.array(np.arange(size, size + 32, dtype=np.int32))])


def test_what_a_kernel_prints_is_in_the_report() -> None:
    report = printing(0)
    assert report.faults == ()
    lines = report.printed.splitlines()
    assert len(lines) == 32
    assert lines[7].startswith("pid (0, 0, 0)") and lines[7].endswith("value: 7")


def test_a_broken_assertion_stops_the_launch_and_says_which() -> None:
    report = printing(10)
    assert [fault.kind for fault in report.faults] == ["trap"]
    assert "at least forty" in report.faults[0].message
