"""Integer expressions: C's meaning where C has one, a refusal where it has none, and never another exception."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.kernel.expressions import FUNCTIONS, MAX_OPERATORS, ExpressionError, parse

NAMES = {"rows": 4097, "cols": 33, "BLOCK": 128, "minus": -7, "zero": 0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ceildiv(rows, BLOCK)", 33),
        ("(rows + BLOCK - 1) / BLOCK", 33),
        ("roundup(cols, 32)", 64),
        ("pow2ceil(cols)", 64),
        ("pow2ceil(64)", 64),
        ("pow2ceil(1)", 1),
        ("min(rows, cols) + max(rows, cols)", 4130),
        ("minus / 2", -3),
        ("minus % 2", -1),
        ("minus >> 1", -4),
        ("1 << 62", 1 << 62),
        ("0x1F", 31),
        ("128u + 1ull", 129),
        ("cols % 4 == 0 && cols <= 4096", 0),
        ("cols % 3 == 0 || 1 / zero", 1),
        ("zero && 1 / zero", 0),
        ("zero ? 1 / zero : 5", 5),
        ("rows > 4096 ? cols > 32 ? 1 : 2 : 3", 1),
        ("1 | 2 ^ 3 & 4 == 4", 1 | (2 ^ (3 & 1))),
        ("!rows + !zero + ~0", 0),
        ("BLOCK / 32 * sizeof(float)", 16),
        ("sizeof(unsigned long long) + sizeof(half)", 10),
        ("- - 3", 3),
    ],
)
def test_it_means_what_it_means_in_c(text: str, value: int) -> None:
    assert parse(text).evaluate(NAMES) == value


def test_a_compiler_gives_the_same_values(tmp_path: Path) -> None:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler to compare with")
    texts = [text for text in _random_expressions(600) if _has_value(text)]
    assert len(texts) > 200
    prints = "\n".join(f'  std::printf("%lld\\n", (long long)({text}));' for text in texts)
    values = "\n".join(f"const long long {name} = {value};" for name, value in NAMES.items())
    source = tmp_path / "values.cpp"
    source.write_text(f"#include <cstdio>\n{values}\nint main() {{\n{prints}\n}}\n")
    subprocess.run([compiler, "-w", "-O0", "-o", tmp_path / "values", source], check=True)
    said = subprocess.run([tmp_path / "values"], check=True, capture_output=True, text=True).stdout.split()
    assert [parse(text).evaluate(NAMES) for text in texts] == [int(word) for word in said]


def _random_expressions(count: int) -> list[str]:
    generator = random.Random(7)

    def expression(depth: int) -> str:
        kind = generator.randrange(6 if depth else 2)
        if kind == 0:
            return generator.choice(list(NAMES))
        if kind == 1:
            return f"{generator.choice([0, 1, 2, 3, 7, 31, 1024, 1 << 40])}LL"
        if kind == 2:
            return f"{generator.choice('-!~+')} {expression(depth - 1)}"
        if kind == 3:
            return f"({expression(depth - 1)})"
        if kind == 4:
            return f"({' '.join([expression(depth - 1), '?', expression(depth - 1), ':', expression(depth - 1)])})"
        operators = ["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||"]
        return f"{expression(depth - 1)} {generator.choice(operators)} {expression(depth - 1)}"

    return [expression(4) for _ in range(count)]


def _has_value(text: str) -> bool:
    try:
        parse(text).evaluate(NAMES)
    except ExpressionError:
        return False
    return "<<" not in text or "minus" not in text  # shifting a negative number left was undefined before C++20


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rows / zero", "divides by zero"),
        ("rows % zero", "divides by zero"),
        ("1 << 64", "shifts by 64"),
        ("1 >> minus", "shifts by -7"),
        ("rows << 60", "overflows"),
        ("9223372036854775807 + 1", "overflows"),
        ("(-9223372036854775807 - 1) / -1", "overflows"),
        ("ceildiv(rows, zero)", "parts of 0"),
        ("ceildiv(rows, minus)", "parts of -7"),
        ("pow2ceil(zero)", "power of two"),
        ("rows + depth", "depth is not known here; known are BLOCK, cols"),
    ],
)
def test_what_has_no_value_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        parse(text).evaluate(NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "1)",
        "1 2",
        "x y",
        "1.5",
        "'a'",
        "010",
        "08",
        "rows[0]",
        "f(1)",
        "min(1)",
        "min(1, 2, 3)",
        "a = 1",
        "__import__('os')",
        "1 // 2",
        "1 ** 2",
        "a.b",
        "sizeof(banana)",
        "99999999999999999999",
        "1u2",
        "a ? b",
        "é",
    ],
)
def test_what_is_no_expression_is_refused_where_it_stands(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"^here: .* is no integer expression: at character \d+"):
        parse(text, "here")


def test_an_expression_that_is_too_long_or_too_deep_is_refused() -> None:
    for text in ["(" * 5000, "1" + "+1" * (MAX_OPERATORS + 1), "-" * 3000 + "1", "min(" * 500, "x" * 100_000]:
        with pytest.raises(ExpressionError):
            parse(text)
    assert parse("1" + "+1" * MAX_OPERATORS).evaluate({}) == MAX_OPERATORS + 1


def test_names_and_text_are_kept() -> None:
    expression = parse(" ceildiv( rows , BLOCK ) ")
    assert expression.names == {"rows", "BLOCK"}
    assert str(expression) == "ceildiv( rows , BLOCK )"
    assert parse("rows").name == "rows"
    assert expression.name is None
    assert parse("a+b") == parse("a + b") != parse("b + a")


@given(st.text(max_size=60) | st.text(alphabet="ab01 +-*/%<>&|^!~?:(),.xL", max_size=60))
def test_any_text_is_an_expression_or_a_refusal(text: str) -> None:
    try:
        parse(text).evaluate({"a": 5, "b": -3})
    except ExpressionError as error:
        assert "`" in str(error)


@given(st.integers(0, 4), st.randoms(use_true_random=False))
def test_writing_it_simply_keeps_its_value(depth: int, generator: random.Random) -> None:
    texts = [text for text in _random_expressions(40) if _has_value(text)]
    expression = parse(generator.choice(texts))
    simple = expression.simplified()
    assert parse(simple.text).evaluate(NAMES) == simple.evaluate(NAMES) == expression.evaluate(NAMES)


def test_every_function_is_documented() -> None:
    document = (Path(__file__).parents[2] / "docs" / "problem-format.md").read_text(encoding="utf-8")
    assert all(f"`{name}(" in document for name in FUNCTIONS)
