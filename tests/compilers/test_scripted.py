"""The scripted compiler keeps the contract of the real ones, with a build taken from the contract itself."""

from __future__ import annotations

import pytest
from conformance.compiler import BAD, BUDGET, GOOD, CompilerContract

from kernelevo.compilers.scripted import ScriptedCompiler
from kernelevo.types import BuildFailure, Diagnostic, Image, KernelImage, Parameter

PARAMETERS = (Parameter("u64", 0, 8), Parameter("u64", 8, 8), Parameter("u32", 16, 4), Parameter("f32", 20, 4))
KERNEL = KernelImage("scale", "scale", PARAMETERS, 12, 0, 256, 0, 1024)
IMAGE = Image("key", "sm_80", '.file 1 "scale.cu"', b"", (KERNEL,), "scripted 1")
FAILURE = BuildFailure((Diagnostic("error", "missing", "scale.cu", 2, 10),))


class TestScripted(CompilerContract):
    @pytest.fixture
    def compiler(self) -> ScriptedCompiler:
        return ScriptedCompiler({GOOD.text: IMAGE, BAD.text: FAILURE})


def test_a_text_that_is_not_in_the_script_is_refused_and_remembered() -> None:
    compiler = ScriptedCompiler({})
    assert isinstance(compiler.build(GOOD, BUDGET), BuildFailure)
    assert compiler.asked == [GOOD]
