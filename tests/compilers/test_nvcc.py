"""nvcc behind the wall, on machines that have it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator

import pytest
from conformance.compiler import BUDGET, GOOD, CompilerContract

from kernelevo.compilers.nvcc import NvccCompiler
from kernelevo.errors import NotInstalled
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_scripted import ScriptedWall
from kernelevo.types import Budget, BuildFailure, Image

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not on PATH")


@pytest.fixture(scope="module")
def compiler() -> Iterator[NvccCompiler]:
    with Sandbox() as wall:
        yield NvccCompiler(wall)


@needs_nvcc
class TestNvcc(CompilerContract):
    def test_templates_are_found_by_the_name_that_the_plan_writes(self, compiler: NvccCompiler) -> None:
        text = "template <int N> __global__ void fill(float *x) { x[threadIdx.x] = N; }\n"
        request = dataclasses.replace(GOOD, text=text, names=("fill<BLOCK>",), options=("-DBLOCK=64",))
        image = compiler.build(request, BUDGET)
        assert isinstance(image, Image), image
        assert image.kernel("fill<BLOCK>").name == "_Z4fillILi64EEvPf"
        assert "kernelevo_name" not in image.ptx

    def test_a_plan_that_names_no_kernel_is_refused(self, compiler: NvccCompiler) -> None:
        failure = compiler.build(dataclasses.replace(GOOD, names=("absent",)), BUDGET)
        assert isinstance(failure, BuildFailure)
        assert "absent" in failure.diagnostics[0].message

    @pytest.mark.parametrize("text", ['#include "/etc/passwd"\n', '#include "/proc/self/environ"\n'])
    def test_no_file_outside_the_grants_can_be_read(self, compiler: NvccCompiler, text: str) -> None:
        failure = compiler.build(dataclasses.replace(GOOD, text=text), BUDGET)
        assert isinstance(failure, BuildFailure)
        assert failure.diagnostics[0].line == 1

    @pytest.mark.parametrize("name", ["__DATE__", "__TIME__", "__TIMESTAMP__", "PASTE(__DA, TE__)"])
    @pytest.mark.parametrize("head", ["", '#pragma pop_macro("__DATE__")\n', "#undef __DATE__\n"])
    def test_the_compiler_is_told_no_date(self, compiler: NvccCompiler, name: str, head: str) -> None:
        paste = "#define PASTE(a, b) a##b\n"
        text = f"{head}{paste}extern \"C\" __global__ void scale(float *x) {{ x[0] = ({name})[threadIdx.x]; }}\n"
        failure = compiler.build(dataclasses.replace(GOOD, text=text, names=("scale",)), BUDGET)
        assert isinstance(failure, BuildFailure)
        assert any("is undefined" in one.message and "__" in one.message for one in failure.diagnostics), failure

    def test_what_needs_no_date_builds_without_a_word_of_it(self, compiler: NvccCompiler) -> None:
        image = compiler.build(GOOD, BUDGET)
        assert isinstance(image, Image) and not [one for one in image.diagnostics if "__DATE__" in one.message]

    def test_a_hung_compile_is_a_value_within_its_budget(self, compiler: NvccCompiler) -> None:
        failure = compiler.build(GOOD, Budget(0.05, 4 << 30, 1))
        assert isinstance(failure, BuildFailure)
        assert "0.05 s" in failure.diagnostics[0].message


def test_without_nvcc_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotInstalled, match="nvrtc"):
        NvccCompiler(ScriptedWall([]))
