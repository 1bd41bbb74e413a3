"""Generated problems follow from their names, are other problems than the shipped ones, and splits share none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from kernelevo.backends.kernels.backend import UNTRAINED, generated_tasks
from kernelevo.backends.kernels.generated import FAMILIES, GeneratedProblem, generate
from kernelevo.errors import BadInput
from kernelevo.kernel.problem import Problem, load_problem
from kernelevo.learning import Split

KERNELS = Path(__file__).parents[2] / "kernels"
MADE = (Split.TRAINING, Split.REWARD, Split.GATE, Split.DEVELOPMENT)
_KEPT = re.compile(r"(?:__\w+__|atomic\w+|f?(?:abs|max|min)f?|\w*(?:exp|log|sqrt|tanh)f)\Z")


def normalised(text: str) -> str:
    """The kernel without comments, plan and spacing, its own names by order of appearance, its numbers alike."""
    code = "\n".join(line for line in re.sub(r"//[^\n]*", "", text).splitlines() if not line.startswith("#"))
    names: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        word = match[0]
        return word if _KEPT.match(word) else names.setdefault(word, f"n{len(names)}")

    code = re.sub(r"\b(blockIdx|blockDim|threadIdx|gridDim)\.([xyz])\b", r"__\1_\2__", code)
    code = re.sub(r"\b\d[\w.]*", "0", code)
    return re.sub(r"\s+", "", re.sub(r"\b[A-Za-z_]\w*", renamed, code))


def every(*splits: Split) -> list[GeneratedProblem]:
    return [generate(name) for split in splits for name in generated_tasks(split)]


def shipped() -> dict[str, Problem]:
    return {file.stem: load_problem(file.with_name(f"{file.stem}.problem.py")) for file in KERNELS.glob("*.cu")}


def shapes(problem: Problem) -> tuple[str, ...]:
    """What the arguments look like, with dimensions by order of appearance."""
    names: dict[str, str] = {}
    found = []

    def renamed(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"d{len(names)}")

    for tensor in problem.tensors:
        extents = [re.sub(r"[a-z_]\w*", renamed, str(extent)) for extent in tensor.shape]
        found.append(f"{tensor.role} {tensor.dtype} {extents}")
    return tuple(found)


def output(problem: Problem, seed: int) -> np.ndarray:
    """What the reference gives for random inputs that hang on the seed and the shapes alone."""
    rng = np.random.default_rng(seed)
    dims = {name: 5 + 2 * place for place, name in enumerate(problem.dims)}
    inputs = {tensor.name: rng.normal(size=tensor.sizes(dims)) for tensor in problem.inputs}
    return next(iter(problem.expected(inputs, dims).values()))


@pytest.mark.parametrize("split", [Split.REWARD, Split.GATE, Split.DEVELOPMENT])
def test_what_is_computed_follows_from_the_inputs(split: Split) -> None:
    """Else a launch may be left out and nobody sees it: pipeline-1003, which is listed nowhere, is such a one."""
    assert np.array_equal(*(output(generate("pipeline-1003").problem, seed) for seed in (1, 2)))
    for problem in every(split):
        one, other = (output(problem.problem, seed) for seed in (1, 2))
        assert np.mean(one == other) < 0.7, problem.problem


def test_a_problem_follows_from_its_name() -> None:
    for family in FAMILIES:
        one, other = generate(f"{family}-7"), generate(f"{family}-7")
        assert one.text == other.text and one.problem.benchmarks == other.problem.benchmarks
        assert np.array_equal(output(one.problem, 1), output(other.problem, 1))
        assert generate(f"{family}-8").text != one.text


@pytest.mark.parametrize("name", ["no_family-1", "row_map", "row_map--1", "row_map-01", "row_map-99999", "row_map-x"])
def test_a_name_that_is_none_is_bad_input(name: str) -> None:
    with pytest.raises(BadInput, match="generated problem"):
        generate(name)


def test_what_is_audited_is_the_same_at_more_sizes() -> None:
    made = generate("row_map-3")
    assert made.problem.benchmarks == made.audited.benchmarks
    assert made.audited.any_size and len(made.audited.tests) > len(made.problem.tests)


def test_no_start_is_a_shipped_one_by_other_names() -> None:
    known = {normalised(file.read_text(encoding="utf-8")) for file in KERNELS.glob("*.cu")}
    assert len(known) == len(shipped())
    assert not {made.name for made in every(*MADE) if normalised(made.text) in known}


def test_normalising_sees_through_names_numbers_and_comments() -> None:
    text = (KERNELS / "reduce_sum.cu").read_text(encoding="utf-8")
    other = "// another\n" + re.sub(r"\bx\b(?!\))", "samples", text).replace("BLOCK", "SIZE").replace("256", "64")
    other = other.replace("threadIdx.samples", "threadIdx.x").replace("blockIdx.samples", "blockIdx.x")
    other = other.replace("blockDim.samples", "blockDim.x")
    assert other != text and normalised(other) == normalised(text)
    assert normalised(text.replace("x[i]", "x[i] * x[i]")) != normalised(text)


def test_no_generated_problem_computes_what_a_shipped_one_does() -> None:
    known = {(shapes(problem), name): problem for name, problem in shipped().items()}
    compared = 0
    for made in every(*MADE):
        for (shape, name), problem in known.items():
            if shape == shapes(made.problem):
                compared += 1
                assert not np.allclose(output(made.problem, 5), output(problem, 5), rtol=1e-3), (made.name, name)
    assert compared > 100


def test_the_gate_and_development_have_programs_that_no_lever_and_no_base_saw() -> None:
    seen = {normalised(made.text) for made in every(Split.TRAINING, Split.REWARD)}
    unseen = every(Split.GATE, Split.DEVELOPMENT)
    assert not {made.name for made in unseen if normalised(made.text) in seen}


def test_reward_problems_are_no_training_problems() -> None:
    def judged(made: GeneratedProblem) -> tuple[str, str]:
        return made.text, made.problem.benchmarks[0].name

    assert not {judged(made) for made in every(Split.TRAINING)} & {judged(made) for made in every(Split.REWARD)}


def test_every_split_has_every_family() -> None:
    for split in MADE:
        left_out = UNTRAINED if split is Split.TRAINING else set()
        assert {generate(name).family for name in generated_tasks(split)} == set(FAMILIES) - left_out


def test_a_pipeline_is_its_stages_after_each_other() -> None:
    """Its reference is that of its stages, each on what the one before wrote, which may lie the other way."""
    made = generate("pipeline-3002")
    assert made.style == "permutation_stencil" and made.text.count("#pragma kernelevo launch") == 2
    assert re.search(r"launch \w+_1<<<.*>>>\(x, t1, rows, cols\)", made.text)
    assert re.search(r"launch \w+_2<<<.*>>>\(t1, y, cols, rows\)", made.text)
    (tensor,) = made.problem.outputs
    assert [extent.text for extent in tensor.shape] == ["cols", "rows"]
    x = np.random.default_rng(3).normal(size=(6, 9))
    written = made.problem.expected({"x": x}, {"rows": 6, "cols": 9})["y"]
    assert written.shape == (9, 6)
    moved = made.problem.expected({"x": np.where(np.arange(9) == 4, x + 1, x)}, {"rows": 6, "cols": 9})["y"]
    changed = np.flatnonzero(np.abs(moved - written).max(axis=1) > 1e-9)
    assert 4 in changed and len(changed) < 9, "a column of the input is a row of the output and of its neighbours"
