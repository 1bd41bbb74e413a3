"""A long attack: hundreds of broken and half-broken sources through the real wall and the real compiler.

Whatever text comes, the answer is an image or a refusal with words; our own side never fails over it. Some mutants must
still build and some must not, or the storm would prove nothing.
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from conformance.compiler import BUDGET, GOOD

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.sandbox import Sandbox
from kernelevo.types import BuildFailure, Image

KERNELS = Path(__file__).parents[2] / "kernels"
MUTANTS = 600
PIECES = ["{", "}", "(", ")", ";", "#", "\\\n", '"', "/*", "*/", "#include <", "asm(", "<<<", "\0", "é", "0x", "1e999"]


def mutate(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(letters))
        match rng.randrange(4):
            case 0:
                del letters[at : at + rng.randint(1, 12)]
            case 1:
                letters.insert(at, rng.choice(PIECES))
            case 2:
                letters[at] = chr(rng.randrange(32, 127))
            case _:
                start = rng.randrange(len(letters))
                letters[at:at] = letters[start : start + rng.randint(1, 40)]
        letters = letters or [" "]
    return "".join(letters)


@pytest.mark.slow
def test_mutated_sources_are_built_or_refused_and_never_our_fault() -> None:
    rng = random.Random(20)
    texts = [path.read_text() for path in sorted(KERNELS.glob("*.cu"))]
    toolkit = find_toolkit()
    built = refused = 0
    with Sandbox(toolkit.library, toolkit.read_only) as wall:
        compiler = NvrtcCompiler(wall, toolkit)
        for _ in range(MUTANTS):
            made = compiler.build(dataclasses.replace(GOOD, text=mutate(rng.choice(texts), rng), names=()), BUDGET)
            assert isinstance(made, Image) or (isinstance(made, BuildFailure) and made.diagnostics)
            built += isinstance(made, Image)
            refused += isinstance(made, BuildFailure)
    assert built > MUTANTS // 20
    assert refused > MUTANTS // 20
