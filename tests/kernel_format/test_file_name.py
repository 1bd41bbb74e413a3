"""What compilers call a kernel file: its own name where they pass it on, else one that every one of them does."""

from __future__ import annotations

import pytest

from kernelevo.kernel.file_name import passed_on, renamed_note
from kernelevo.kernel.languages import TRITON

PASSED_ON = ["softmax.cu", "my kernel (2).cu", "a+b=c_v1.0-2.triton.py", "kernel", "x" * 250 + ".cu"]


@pytest.mark.parametrize("name", PASSED_ON, ids=len)
def test_a_name_that_every_compiler_passes_on_stays(name: str) -> None:
    assert passed_on(name) == name and renamed_note(name) == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('q"q.cu', "q_q.cu"), ("back\\slash.cu", "back_slash.cu"), ("new\nline.cu", "new_line.cu"),
        ("tab\t.cu", "tab_.cu"), ("é日.cu", "__.cu"), ("half\udce9.cu", "half_.cu"), ("a:1.cu", "a_1.cu"),
        ("-DX=1.cu", "_DX=1.cu"), ("@list.cu", "_list.cu"), ("é.triton.py", "_.triton.py"),
    ],
)  # fmt: skip
def test_an_odd_character_becomes_an_underscore_and_that_is_said(name: str, told: str) -> None:
    assert passed_on(name) == told and told in renamed_note(name)


def test_the_end_that_tells_the_language_stays() -> None:
    assert passed_on(f"ä{TRITON.suffix}").endswith(TRITON.suffix)
