"""Reading the plan of a Triton file: the whole grammar, binding of arguments, positions of mistakes, hostile text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.errors import BadInput
from kernelevo.kernel.directives import PlanError
from kernelevo.kernel.languages import CUDA, TRITON, language_of
from kernelevo.kernel.plan import LaunchLine, Plan, TritonCall, ZeroLine
from kernelevo.kernel.triton_instance import Instance, InstanceParameter, read_instance
from kernelevo.kernel.triton_plan import read_triton_plan, with_starts

WHOLE = """\
import triton
import triton.language as tl

# kernelevo: plan 1
# kernelevo: tune BLOCK 64 128 256 = 128
#kernelevo:tune num_warps 2 4
# kernelevo: temp unsigned int partial[rows * 8]
# kernelevo: zero out
# kernelevo: launch first[ceildiv(cols, BLOCK), rows](x, partial, \\
#     cols=cols / 4, BLOCK=2 * BLOCK) when(cols % 4 == 0)
# kernelevo: launch second[sms](x, partial, 32, num_stages=5)


@triton.jit
def first(x, partial, cols, BLOCK: tl.constexpr, MODE: "tl.constexpr" = None):
    pass


@jit
@other.jit(do_not_specialize=["x"])
def second(
    x,  # a comment, with (
    out,
    WIDTH: constexpr,
):
    '''# kernelevo: launch neither[1]()'''
"""


def launches(plan: Plan) -> list[tuple[LaunchLine, TritonCall]]:
    steps = [step for step in plan.steps if isinstance(step, LaunchLine)]
    return [(step, step.triton) for step in steps if step.triton is not None]


def test_every_line_of_the_grammar_is_read() -> None:
    plan = read_triton_plan(WHOLE, "k.triton.py")
    assert plan.steps[0] == ZeroLine("out", 8)
    assert [(temp.name, temp.dtype, str(temp.elements)) for temp in plan.temps] == [("partial", "u32", "rows * 8")]
    assert [(tune.macro, tune.values) for tune in plan.tunes] == [("BLOCK", (64, 128, 256)), ("num_warps", (2, 4))]
    assert plan.macros == {"BLOCK": 128, "num_warps": 2}
    (first, one), (second, two) = launches(plan)
    assert (first.kernel, first.line, str(first.guard)) == ("first", 9, "cols % 4 == 0")
    assert [str(size) for size in first.grid] == ["ceildiv(cols, BLOCK)", "rows", "1"]
    assert [str(argument) for argument in first.arguments] == ["x", "partial", "cols / 4"]
    assert one.names == ("x", "partial", "cols")
    assert {name: str(value) for name, value in one.constants.items()} == {"BLOCK": "2 * BLOCK", "MODE": "None"}
    assert (str(one.num_warps), str(one.num_stages)) == ("num_warps", "3")
    assert (second.kernel, second.line, second.guard) == ("second", 11, None)
    assert {name: str(value) for name, value in two.constants.items()} == {"WIDTH": "32"}
    assert (str(two.num_warps), str(two.num_stages)) == ("num_warps", "5")


def test_given_values_take_the_place_of_starts() -> None:
    assert read_triton_plan(WHOLE, "k.triton.py", {"BLOCK": 256}).macros == {"BLOCK": 256, "num_warps": 2}


def test_without_more_a_launch_has_tritons_own_warps_and_stages() -> None:
    text = "# kernelevo: launch k[1]()\n@triton.jit\ndef k(): pass\n"
    ((step, call),) = launches(read_triton_plan(text, "k"))
    assert (str(call.num_warps), str(call.num_stages)) == ("4", "3")
    assert step.block[0].evaluate({"num_warps": 4}) == 128


def test_values_are_written_as_starts_and_read_again() -> None:
    text = with_starts(WHOLE, {"BLOCK": 64, "num_warps": 4})
    assert read_triton_plan(text, "k").macros == {"BLOCK": 64, "num_warps": 4}
    changed = [(old, new) for old, new in zip(WHOLE.split("\n"), text.split("\n"), strict=True) if old != new]
    assert changed == [
        ("# kernelevo: tune BLOCK 64 128 256 = 128", "# kernelevo: tune BLOCK 64 128 256 = 64"),
        ("#kernelevo:tune num_warps 2 4", "#kernelevo:tune num_warps 2 4 = 4"),
    ]


KERNEL = "\n@triton.jit\ndef k(x, n, B: tl.constexpr): pass\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "f:1:1: no launch line"),
        ("# kernelevo: launch k[1](x, n, B=1)\n", "f:1:1: there is no @triton.jit function k"),
        ("# kernelevo: lunch k[1]()" + KERNEL, "f:1:14: 'lunch' is no line of a plan"),
        ("# kernelevo: launch k[1](x, n)" + KERNEL, "f:1:1: launch of k: its constant B has no value; add B=..."),
        ("# kernelevo: launch k[1](x, B=1)" + KERNEL, "its parameter n has no value"),
        ("# kernelevo: launch k[1](x, n, 1, B=1)" + KERNEL, "B is given twice"),
        ("# kernelevo: launch k[1](x, n, 1, 2)" + KERNEL, "it takes 3 arguments, and 4 are given"),
        ("# kernelevo: launch k[1](x, n, B=1, C=2)" + KERNEL, "it has no parameter C"),
        ("# kernelevo: launch k[1](x, B=1, n)" + KERNEL, "f:1:34: an argument without a keyword"),
        ("# kernelevo: launch k[1](x, n, 2 * B=1)" + KERNEL, "cannot be a keyword"),
        ("# kernelevo: launch k[1, 1, 1, 1](x, n, B=1)" + KERNEL, "at most three sizes"),
        ("# kernelevo: launch k[1](x, n, B=1) cooperative" + KERNEL, "f:1:37: expected when(...)"),
        ("# kernelevo: launch k<<<1, 32>>>(x, n, 1)" + KERNEL, "expected '['"),
        ("x = 1  # kernelevo: launch k[1](x, n, B=1)" + KERNEL, "f:1:8: a plan line is a comment on a line of its own"),
        ("# kernelevo: tune C 1 2\n# kernelevo: launch k[1](x, n, B=1)" + KERNEL, "f:1:1: no launch uses C"),
        ("# kernelevo: tune B 1 2 = x\n# kernelevo: launch k[1](x, n, B=B)" + KERNEL, "f:1:27: expected the start"),
        ("# kernelevo: tune B 1 1\n# kernelevo: launch k[1](x, n, B=B)" + KERNEL, "f:1:23: 1 is there twice"),
        ("# kernelevo: tune B 1 \\\n# 2\n# kernelevo: launch k[1](x, n, B=B)" + KERNEL, "f:1:1: a tune line does not"),
        ("# kernelevo: launch k[1](x, n, \\\n#   B=$)" + KERNEL, "f:2:7: '$' is no integer"),
        (
            "# kernelevo: launch k[1]()\n@triton.jit\ndef k(*args): pass\n",
            "f:3:1: k cannot be launched: it takes *args",
        ),
        ("# kernelevo: launch k[1]()\n@triton.autotune([])\n@triton.jit\ndef k(): pass\n", "triton.autotune"),
        (
            "# kernelevo: launch k[1]()\n@triton.jit\ndef k(num_warps): pass\n",
            "num_warps has the name of a launch option",
        ),
        ("# kernelevo: launch k[1]()\n@triton.jit\ndef k(x y): pass\n", "f:3:1: k cannot be launched"),
        ("# kernelevo: launch k[1]()\nif 1:\n    @triton.jit\n    def k(): pass\n", "there are none"),
        ("# kernelevo: launch k[1]()\ndef k(): pass\n", "there are none"),
        ("x = (\n# kernelevo: launch k[1]()", "f:3:1: this is no Python"),
        ('"""\n# kernelevo: launch k[1]()\n', "this is no Python"),
    ],
)
def test_a_mistake_is_one_sentence_at_its_place(text: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_triton_plan(text, "f")
    assert said in str(caught.value)


def test_a_line_in_a_string_is_no_line() -> None:
    text = f'"""\n# kernelevo: launch wrong[1]()\n"""\n# kernelevo: launch k[1](x, n, B=1){KERNEL}'
    assert [step.kernel for step, _ in launches(read_triton_plan(text, "k"))] == ["k"]


def test_text_is_never_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    text = f"open({str(witness)!r}, 'w')\n# kernelevo: launch k[1](x, n, B=1){KERNEL}"
    head = f"@triton.jit\ndef j(x: open({str(witness)!r}, 'w'), y=exit()): pass\n# kernelevo: launch j[1](1, 2)\n"
    assert read_triton_plan(text, "k").steps
    assert read_triton_plan(head, "k").steps
    assert not witness.exists()


LAUNCH = "# kernelevo: launch k[1](x, n, B=1)"
HOSTILE = {
    "nested brackets": LAUNCH + "\nx = " + "(" * 100_000,
    "a head of nested brackets": "# kernelevo: launch k[1]()\n@triton.jit\ndef k(" + "(" * 100_000,
    "a head of nested defaults": f"{LAUNCH}\n@triton.jit\ndef k(x={'[' * 9000}{']' * 9000}): pass\n",
    "a head of unary operators": f"{LAUNCH}\n@triton.jit\ndef k(x={'-' * 3000}1): pass\n",
    "a head of sums": f"{LAUNCH}\n@triton.jit\ndef k(x={'+'.join('a' * 1500)}): pass\n",
    "a long sum": LAUNCH + KERNEL + "+".join("a" * 60_000),
    "quotes": LAUNCH + "'" * 100_000,
    "backslashes": "# kernelevo: launch " + "\\\n#" * 50_000,
    "indentation": LAUNCH + KERNEL + "".join(" " * depth + "if 1:\n" for depth in range(400)),
    "marks": "# kernelevo:\n" * 30_000,
    "decorators": LAUNCH + "\n" + "@triton.jit\n" * 20_000 + "def k(x, n, B: constexpr): pass\n",
    "NUL": LAUNCH + "\0" + KERNEL,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_bounded_time_with_a_plan_or_a_plan_error(name: str) -> None:
    started = time.process_time()
    try:
        assert read_triton_plan(HOSTILE[name], "f").steps
    except PlanError as error:
        assert str(error).startswith("f:")
    assert time.process_time() - started < 10


@given(st.text(alphabet="# kernelevo:launchk[1](x,n=B)tunezrop\\\n\t@.jitdf:'\"-+", max_size=200))
def test_any_text_gives_a_plan_or_a_plan_error(text: str) -> None:
    try:
        assert read_triton_plan(f"{LAUNCH}{KERNEL}{text}", "f").steps
    except PlanError as error:
        assert str(error).startswith("f:")


def test_an_instance_is_read_as_it_was_written() -> None:
    parameters = (
        InstanceParameter("x", "*fp32", True, None),
        InstanceParameter("n", "i32", False, None),
        InstanceParameter("stride", None, False, 1),
        InstanceParameter("BLOCK", None, False, -1024),
        InstanceParameter("ACT", None, False, None),
    )
    text = "k(x: *fp32 % 16, n: i32, stride = 1, BLOCK = -1024, ACT = default) num_warps=4 num_stages=3"
    assert str(Instance("k", parameters, 4, 3)) == text
    assert read_instance(text) == Instance("k", parameters, 4, 3)
    assert read_instance(str(Instance("k", (), 1, 1))) == Instance("k", (), 1, 1)


@pytest.mark.parametrize("text", ["", "k", "k()", "k(x) num_warps=4 num_stages=3", "k(x: ; ) num_warps=4 num_stages=3"])
def test_another_text_is_no_instance(text: str) -> None:
    with pytest.raises(ValueError, match="Triton"):
        read_instance(text)


def test_a_language_is_chosen_by_the_end_of_the_name() -> None:
    assert language_of(Path("a/softmax.triton.py")) is TRITON
    assert language_of(Path("softmax.cu")) is CUDA
    with pytest.raises(BadInput, match=r"\.triton\.py"):
        language_of(Path("softmax.py"))
