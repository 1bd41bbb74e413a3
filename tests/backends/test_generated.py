"""Generated problems follow from their names, are other problems than the shipped ones, and splits share none."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import numpy as np
import pytest

from kernelevo.backends.kernels.backend import UNTRAINED, generated_tasks
from kernelevo.backends.kernels.generated import FAMILIES, GeneratedProblem, generate, layers, statistics
from kernelevo.backends.kernels.generated.drafting import Pen
from kernelevo.backends.kernels.generated.maps import FIRST, SECOND, Pool
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


def kernels_of(text: str) -> set[str]:
    """Every kernel of a file by itself, normalised."""
    code = "\n".join(line for line in text.replace("\\\n", "").splitlines() if not line.startswith("#"))
    return {normalised(part.partition("__device__")[0]) for part in code.split('extern "C"')[1:]}


def some_layers() -> list[GeneratedProblem]:
    """More of them than are listed: of both pools."""
    return [generate(f"layers-{first + number}") for first in (1000, 2000, 3000) for number in range(100)]


def test_no_kernel_of_layers_is_one_of_a_shipped_program() -> None:
    known = {each for file in KERNELS.glob("*.cu") for each in kernels_of(file.read_text(encoding="utf-8"))}
    linear = (KERNELS / "mlp.cu").read_text(encoding="utf-8")
    assert len(known) > len(shipped()) and len(kernels_of(linear)) == 2 and kernels_of(linear) <= known
    made = some_layers()
    assert sum(len(kernels_of(each.text)) for each in made) > 900
    assert not {each.name for each in made if kernels_of(each.text) & known}


def test_layers_compute_what_no_shipped_program_does() -> None:
    known = {(shapes(problem), name): problem for name, problem in shipped().items()}
    like_mlp = 0
    for made in some_layers():
        like_mlp += shapes(made.problem) == shapes(shipped_mlp())
        for (shape, name), problem in known.items():
            if shape == shapes(made.problem):
                assert not np.allclose(output(made.problem, 5), output(problem, 5), rtol=1e-3), (made.name, name)
    assert like_mlp, "none was compared with the mlp: its layers are what these are nearest to"


def shipped_mlp() -> Problem:
    return shipped()["mlp"]


def test_between_two_products_stands_more_than_a_function_of_elements() -> None:
    """Else they would be layers of a network with an activation, as the shipped mlp is."""
    products = re.compile(r"(?:bias|plain|second|first)_(?:plane|swapped|by_rows|tiled)|again")
    between = [re.split(products, each.style)[1] for each in some_layers() if len(products.findall(each.style)) == 2]
    assert len(between) > 60 and {each.strip("_") for each in between} == {
        "row_map", "permutation", "stencil", "broadcast", "foldr_applied", "foldc_applied", "fold0_applied",
    }  # fmt: skip


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


def test_layers_are_their_launches_after_each_other() -> None:
    """A fold is read by the map behind it, beside the plane that was folded; two products may be one kernel's."""
    made = next(each for each in some_layers() if "row_map_again" in each.style)
    first, second = re.findall(r"launch (\w+)<<<.*>>>\(t\d, w\d, (?:b\d, )?\w+, (.*)\)", made.text)[:2]
    assert first[0] == second[0] and first[1] != second[1] and made.text.count(f"void {first[0]}(") == 1
    folding = next(each for each in some_layers() if each.style.startswith("stencil_foldc_applied"))
    assert re.search(r"launch \w+_2<<<.*>>>\(t1, t2, rows, cols\)", folding.text)
    assert re.search(r"launch \w+_3<<<.*>>>\(t1, t2, \w+, rows, cols\)", folding.text)
    assert "#pragma kernelevo temp float t2[cols]" in folding.text


def test_every_kind_of_stage_product_and_statistic_is_drawn() -> None:
    styles = "_".join(each.style for each in some_layers())
    for kinds in layers._FORMS.values():
        for kind in {each for place in kinds for each in place} - {"", "product", "statistic"}:
            assert kind in styles, kind
    for kind in ("bias", "plain", "second", "first"):
        assert {style for style in ("plane", "swapped", "by_rows", "tiled") if f"{kind}_{style}" in styles}
    assert all(f"fold{along}_applied" in styles for along in "rc0")


@pytest.mark.parametrize("pool", [FIRST, SECOND])
@pytest.mark.parametrize("along", ["r", "c", "0"])
def test_a_map_that_reads_a_statistic_hangs_on_it_and_on_the_plane(pool: Pool, along: str) -> None:
    draft = statistics.applied(Pen(Random(1), pool), along)
    plane, read = np.random.default_rng(1).normal(size=(4, 5)), np.full({"r": 4, "c": 5, "0": 1}[along], 3.0)
    before = draft.reference(plane, read)
    assert before.shape == (4, 5)
    assert np.mean(draft.reference(plane, read + 1.0) != before) == 1.0
    assert np.mean(draft.reference(np.random.default_rng(2).normal(size=(4, 5)), read) != before) > 0.5


def test_a_column_fold_is_that_of_columns() -> None:
    found = [statistics.column_fold(Pen(Random(seed), FIRST)) for seed in range(12)]
    assert {draft.style for draft in found} == {"per_thread", "atomic"}
    plane = np.random.default_rng(1).normal(size=(4, 5))
    moved = plane + np.where(np.arange(5) == 2, 1.0, 0.0)
    for draft in found:
        changed = np.flatnonzero(draft.reference(moved) != draft.reference(plane))
        assert set(changed) <= {2} and draft.reference(plane).shape == (5,)
