"""The generated tables of instruction forms say what the machine has, and every form has a test that executes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import form_coverage
import form_tables
import pytest

from kernelevo.virtual import Module, forms

HERE = Path(__file__).parent
ROWS = form_tables.rows_of(form_tables.DOCUMENT.read_text(encoding="utf-8"))
REWRITE = "run scripts/list-forms"


def test_the_document_lists_the_rows_of_the_table() -> None:
    listed = [row[:4] for row in ROWS]
    assert listed == [(form.pattern, form.section, form.cls, form.slots) for form in forms()], REWRITE


def test_the_readme_has_the_compact_table() -> None:
    readme = form_tables.README.read_text(encoding="utf-8")
    assert form_tables.with_table(readme, form_tables.compact(forms())) == readme, REWRITE


def test_every_row_names_a_test_that_is_there() -> None:
    missing = [row[0] for row in ROWS if row[4] == "none"]
    assert not missing, f"no behaviour test executes {missing}: write one, then {REWRITE}"
    for name in sorted({row[4] for row in ROWS}):
        path, _, function = name.partition("::")
        text = (HERE / path).read_text(encoding="utf-8")
        assert not function or re.search(rf"^def {function}\(", text, re.MULTILINE), f"{name} is gone: {REWRITE}"


def test_a_module_says_which_of_its_instructions_are_refused_and_why() -> None:
    text = (
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n  .reg .b32 %r<3>;\n"
        "  mov.u32 %r1, 1;\n  frobnicate.u32 %r2, %r1;\n  ret;\n}\n"
    )
    found = {each.ptx_line: each for each in Module(text).instructions() if each.kernel == "k"}
    assert (found[7].form, found[7].refused) == ("mov_b32", "")
    assert found[8].form == "unsupported" and found[8].refused and found[8].instruction.startswith("frobnicate")


@pytest.mark.slow
def test_the_named_tests_execute_their_rows() -> None:
    executed = form_coverage.record(sorted(set(_arguments())))
    for form, row in zip(forms(), ROWS, strict=True):
        assert row[4] in executed.get(form.name, []), f"{row[4]} does not execute {form.pattern}: {REWRITE}"


def _arguments() -> Iterator[str]:
    for *_, name in ROWS:
        path, _, function = name.partition("::")
        yield f"{HERE / path}::{function}" if function else str(HERE / "test_ptx_files.py")
