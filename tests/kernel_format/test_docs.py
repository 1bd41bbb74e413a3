"""docs/problem-format.md: every example in it works, and every mistake that it shows is reported in these words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kernelevo
from kernelevo.errors import BadInput
from kernelevo.kernel.dtypes import DTYPES
from kernelevo.kernel.expressions import parse
from kernelevo.kernel.hostlauncher import derive_plan, has_plan
from kernelevo.kernel.plan import LaunchLine
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import load_problem
from kernelevo.kernel.triton_plan import read_triton_plan

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "problem-format.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language ("" for those without), in order."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return [text for name, text in fenced if name == language]


def test_there_are_examples_to_try() -> None:
    assert len(blocks("cuda")) >= 5
    assert len(blocks("python")) >= 3


@pytest.mark.parametrize("text", blocks("cuda"), ids=lambda text: text.split("\n")[0])
def test_a_kernel_example_has_a_plan(text: str) -> None:
    derived = text if has_plan(text) else derive_plan(text, "example.cu")[0]
    plan = read_plan(derived, "example.cu")
    names = {"rows": 64, "cols": 48, "n": 1000, "sms": 132, "warp": 32, **plan.macros}
    for step in plan.steps:
        assert all(size.evaluate(names) >= 1 for size in (*step.grid, *step.block))
    assert all(temp.elements.evaluate(names) >= 1 for temp in plan.temps)


PYTHON = blocks("python")
TRITON_FILES = [text for text in PYTHON if "@triton.jit" in text]
PROBLEMS = [text for text in PYTHON if text not in TRITON_FILES]


def test_the_triton_example_has_a_plan_whose_values_can_be_changed() -> None:
    assert len(TRITON_FILES) == 1
    plan = read_triton_plan(TRITON_FILES[0], "example.triton.py", {"BLOCK": 256})
    (launch,) = plan.steps
    assert isinstance(launch, LaunchLine)
    assert launch.triton is not None
    assert launch.triton.names == ("x", "y", "rows", "cols")
    assert plan.macros == {"BLOCK": 256, "num_warps": 4, "num_stages": 1}


def test_every_line_of_the_triton_grammar_is_shown_as_it_is() -> None:
    grammar = next(block for block in blocks("") if "KERNEL[GRID]" in block)
    example = (
        grammar.replace("[GRID]", "(3)")
        .replace("[ELEMENTS]", "(8)")
        .replace("ARGUMENT, ..., NAME=EXPRESSION, ...", "x, B=NAME")
        .replace("tune NAME VALUE VALUE ...", "tune NAME 1 2")
    )
    example = re.sub(r"[\[\]]", "", example).replace("(3)", "[3]").replace("(8)", "[8]")
    example = example.replace("TYPE NAME", "float scratch").replace("GUARD", "1").replace("START", "1")
    kernel = "@triton.jit\ndef KERNEL(x, B: tl.constexpr): pass\n"
    plan = read_triton_plan(example + kernel, "k.triton.py")
    assert (len(plan.steps), len(plan.temps), len(plan.tunes)) == (2, 1, 1)


@pytest.mark.parametrize("text", PROBLEMS, ids=range(len(PROBLEMS)))
def test_a_problem_example_loads(tmp_path: Path, text: str) -> None:
    path = tmp_path / "example.problem.py"
    path.write_text(text)
    assert load_problem(path).tests


def test_every_line_of_the_grammar_is_shown_as_it_is() -> None:
    grammar = next(block for block in blocks("") if "KERNEL<<<" in block)
    example = (
        grammar.replace("[, SHARED]", ", 64")
        .replace("ARGUMENT, ...", "x")
        .replace("cluster(X[, Y[, Z]])", "cluster(1, 2, 3)")
        .replace("[ELEMENTS]", "(8)")
    )
    example = re.sub(r"[\[\]]", "", example).replace("(8)", "[8]").replace("MACRO VALUE VALUE ...", "MACRO 1 2")
    example = example.replace("TYPE NAME", "float scratch").replace("GRID, BLOCK", "1, 1").replace("GUARD", "1")
    plan = read_plan(f"#ifndef MACRO\n#define MACRO 1\n#endif\n{example}", "k.cu")
    assert (len(plan.steps), len(plan.temps), len(plan.tunes)) == (2, 1, 1)


def test_every_public_name_and_type_is_described() -> None:
    python_door = ("Judge", "evaluate", "BadInput", "Infrastructure", "KernelevoError")
    door = (ROOT / "docs" / "batch-door.md").read_text(encoding="utf-8")
    described = {name: door if name in python_door else DOCUMENT for name in kernelevo.__all__}
    assert [name for name, text in described.items() if not re.search(rf"\b{name}\b", text)] == []
    assert [dtype.name for dtype in DTYPES if dtype.name not in DOCUMENT] == []


def test_every_operator_that_is_listed_is_one() -> None:
    listed = re.search(r"`(\+ - \* .*?)`\)", DOCUMENT)
    assert listed is not None
    for operator in listed.group(1).split():
        text = "a ? b : 2" if operator == "?:" else f"{operator}a" if operator in "~!" else f"a {operator} b"
        parse(text).evaluate({"a": 3, "b": 2})


def test_the_mistakes_that_are_shown_are_reported_in_these_words(tmp_path: Path) -> None:
    shown = next(block for block in blocks("") if "luanch" in block).strip().split("\n")
    kernel, problem = blocks("cuda")[0], PROBLEMS[0]
    host = "\n" * 19 + "void run(float* x) {\nfor (;;) k<<<1, 1>>>(x); }"
    path = tmp_path / "softmax.problem.py"
    wrong_shape = problem.replace("return e / e.sum(axis=1, keepdims=True)", "return e[:, 0]")
    said = [
        _message(lambda: read_plan(kernel.replace(" launch", " luanch"), "softmax.cu")),
        _message(lambda: load_problem(_written(path, wrong_shape))),
        _message(lambda: load_problem(_written(path, problem.replace(", cols=1024", "")))),
        _message(lambda: derive_plan(host, "mine.cu")),
    ]
    assert [message.replace(f"{tmp_path}/", "") for message in said] == shown


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _message(action) -> str:
    with pytest.raises(BadInput) as caught:
        action()
    return str(caught.value)
