"""What every Compiler keeps. Subclass `CompilerContract` and give it a fixture `compiler`.

`GOOD` must build, with its kernel `scale`; `BAD` must be refused.
"""

from __future__ import annotations

import dataclasses

import pytest

from kernelevo.errors import BadInput
from kernelevo.interfaces import Compiler
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image, Parameter

BUDGET = Budget(seconds=60.0, memory_bytes=4 << 30, warp_instructions=1)
GOOD = BuildRequest(
    text="""extern "C" __global__ void scale(const float *x, float *y, int n, float a) {
  __shared__ float staged[64];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  staged[threadIdx.x % 64] = i < n ? x[i] : 0.0f;
  __syncthreads();
  if (i < n) y[i] = staged[threadIdx.x % 64] * a;
}
""",
    file_name="scale.cu",
    names=("scale",),
    arch="sm_80",
)
BAD = dataclasses.replace(GOOD, text='extern "C" __global__ void scale(float *x) {\n  x[0] = missing;\n}\n')


class CompilerContract:
    def test_a_good_text_becomes_an_image_with_its_kernels(self, compiler: Compiler) -> None:
        image = compiler.build(GOOD, BUDGET)
        assert isinstance(image, Image), image
        assert image.arch == "sm_80"
        assert image.compiler == f"{compiler.name} {compiler.version}"
        kernel = image.kernel("scale")
        assert kernel.name == "scale"
        assert kernel.parameters == (
            Parameter("u64", 0, 8), Parameter("u64", 8, 8), Parameter("u32", 16, 4), Parameter("f32", 20, 4)
        )  # fmt: skip
        assert kernel.static_shared_bytes == 256
        assert 0 < kernel.registers <= 255
        assert (kernel.spill_bytes, kernel.max_threads) == (0, 1024)

    def test_it_says_what_code_is_compiled_for(self, compiler: Compiler) -> None:
        assert compiler.target("sm_80") == "sm_80"

    def test_a_bad_text_is_a_value_that_names_the_place(self, compiler: Compiler) -> None:
        failure = compiler.build(BAD, BUDGET)
        assert isinstance(failure, BuildFailure)
        first = failure.diagnostics[0]
        assert first.severity == "error"
        assert (first.file, first.line) == ("scale.cu", 2)

    def test_the_ptx_names_the_file_as_the_user_does(self, compiler: Compiler) -> None:
        image = compiler.build(GOOD, BUDGET)
        assert isinstance(image, Image)
        assert '"scale.cu"' in image.ptx

    def test_the_key_is_of_the_content(self, compiler: Compiler) -> None:
        image, again = compiler.build(GOOD, BUDGET), compiler.build(GOOD, BUDGET)
        assert isinstance(image, Image)
        assert isinstance(again, Image)
        assert image.key == again.key

    def test_a_text_with_a_nul_character_is_refused(self, compiler: Compiler) -> None:
        failure = compiler.build(dataclasses.replace(GOOD, text=GOOD.text + "\0"), BUDGET)
        assert isinstance(failure, BuildFailure)
        assert "NUL" in failure.diagnostics[0].message

    def test_fifty_megabytes_of_text_are_refused(self, compiler: Compiler) -> None:
        failure = compiler.build(dataclasses.replace(GOOD, text=GOOD.text + " " * (50 << 20)), BUDGET)
        assert isinstance(failure, BuildFailure)
        assert "bytes" in failure.diagnostics[0].message

    def test_an_unknown_architecture_is_the_callers_mistake(self, compiler: Compiler) -> None:
        with pytest.raises(BadInput, match="sm_80"):
            compiler.build(dataclasses.replace(GOOD, arch="--help"), BUDGET)
