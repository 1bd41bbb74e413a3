"""Random Triton programs give the same integers as their NumPy twins, whatever the number of warps and the target."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from ahead_of_time import compile_kernel, launch
from triton_programs import PROGRAMS, Program, random_program

from kernelevo.virtual import Machine, Module

WATCHES: tuple[dict[str, bool], ...] = ({}, {"track_uninitialised": True}, {"caches": True, "scoreboard": True})


def load(program: Program, folder: Path) -> ModuleType:
    """Triton reads a function's text from its file."""
    file = folder / "program.py"
    file.write_text(program.text)
    spec = importlib.util.spec_from_file_location("program", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs(program: Program, seed: int) -> np.ndarray:
    limit = (20, 1 << 31)[seed % 2]
    shape = (PROGRAMS, 2, program.rows, program.cols)
    return np.random.default_rng(seed).integers(-limit, limit, shape).astype(np.int32)


def assert_equal_to_its_twin(seed: int, folder: Path) -> None:
    program, choose = random_program(seed), random.Random(seed)
    compiled = compile_kernel(
        load(program, folder).kernel, {"x": "*i32", "out": "*i32"}, {"ROWS": program.rows, "COLS": program.cols},
        ["x", "out"], capability=choose.choice([80, 80, 90]), num_warps=choose.choice([1, 2, 4, 8]),
    )  # fmt: skip
    x = inputs(program, seed)
    expected = program.expected(x)
    with Machine(Module(compiled.ptx), memory_bytes=1 << 24) as machine:
        out = machine.empty(expected.shape, np.int32)
        report = launch(machine, compiled, [PROGRAMS], [machine.array(x), out], **choose.choice(WATCHES))
        found = out.numpy()
    assert report.faults == (), program.text
    assert np.array_equal(found, expected), program.text


@pytest.mark.parametrize("seed", range(10))
def test_a_random_program_gives_the_integers_of_its_twin(seed: int, tmp_path: Path) -> None:
    assert_equal_to_its_twin(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 310))
def test_many_random_programs_give_the_integers_of_their_twins(seed: int, tmp_path: Path) -> None:
    assert_equal_to_its_twin(seed, tmp_path)


def test_random_programs_differ_and_a_wrong_twin_shows() -> None:
    programs = [random_program(seed) for seed in range(20)]
    assert len({program.text for program in programs}) == 20
    x = inputs(programs[0], 1)
    assert not np.array_equal(programs[0].expected(x), programs[0].expected(x + 1))
