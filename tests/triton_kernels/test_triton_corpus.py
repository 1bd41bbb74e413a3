"""The Triton corpus, compiled ahead of time, runs on the virtual GPU and computes what it should, with any number of
warps and stages.
"""

from __future__ import annotations

import dataclasses
import re
import zlib

import numpy as np
import pytest
from ahead_of_time import Compiled
from launching import compile_run, error_ratios, outputs_of
from triton_corpus import RUNS, Run

WITH_DOT = ("flash", "flash_causal", "matmul_bf16", "matmul_f16", "matmul_f16_ragged", "matmul_tf32")
WATCHES: tuple[dict[str, bool], ...] = (
    {"counters": False},
    {"track_uninitialised": True},
    {"check_races": True},
    {"caches": True, "scoreboard": True, "lines": True},
)


def make(name: str) -> Run:
    """The same inputs whenever it is asked for."""
    return RUNS[name](np.random.default_rng(zlib.crc32(name.encode())))


def compiled(run: Run, *, capability: int = 80, **options: int) -> Compiled:
    return compile_run(run, capability=capability, **options)


def right(run: Run, compiled: Compiled) -> bool:
    report, found = outputs_of(run, compiled)
    assert report.faults == ()
    return max(error_ratios(run, found).values()) <= 1


@pytest.mark.parametrize("name", RUNS)
def test_a_kernel_computes_what_it_should_in_every_watch_mode(name: str) -> None:
    run = make(name)
    program = compiled(run)
    report, found = outputs_of(run, program)
    assert report.faults == ()
    assert report.counts["warp_instructions"] > 0
    assert max(error_ratios(run, found).values()) <= 1
    for watch in WATCHES:
        again, same = outputs_of(run, program, **watch)
        assert again.faults == (), watch
        assert all(np.array_equal(same[output], found[output]) for output in found), watch


def test_another_result_is_refused() -> None:
    run = make("fused_gelu_dropout")
    other = dataclasses.replace(run, values={**run.values, "seed": run.values["seed"] + 1})
    assert right(run, compiled(run))
    assert not right(other, compiled(other))


def test_a_pipeline_that_does_not_wait_for_its_copies_is_refused() -> None:
    run = make("matmul_f16")
    program = compiled(run, num_stages=3)
    hasty, waits = re.subn(r"cp\.async\.wait_group\s+\w+;", "", program.ptx)
    assert waits > 0
    assert right(run, program)
    assert not right(run, dataclasses.replace(program, ptx=hasty))


@pytest.mark.parametrize("warps", [1, 2, 8])
def test_a_matrix_product_is_right_with_other_numbers_of_warps(warps: int) -> None:
    run = make("matmul_f16_ragged")
    assert right(run, compiled(run, num_warps=warps))


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_a_matrix_product_is_right_with_other_numbers_of_stages(stages: int) -> None:
    run = make("matmul_tf32")
    assert right(run, compiled(run, num_stages=stages))


@pytest.mark.parametrize("name", [name for name in RUNS if name not in WITH_DOT])
def test_a_kernel_without_matrices_is_right_as_it_is_compiled_for_sm_90(name: str) -> None:
    run = make(name)
    program = compiled(run, capability=90)
    assert ".target sm_90" in program.ptx
    assert right(run, program)


@pytest.mark.slow
@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("warps", [1, 2, 4, 8])
@pytest.mark.parametrize("name", RUNS)
def test_every_number_of_warps_and_stages_is_right(name: str, warps: int, stages: int) -> None:
    run = make(name)
    assert right(run, compiled(run, num_warps=warps, num_stages=stages))
