"""NVRTC behind the real wall: what it builds, what it refuses and where, and what hostile text cannot do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.compiler import BUDGET, GOOD, CompilerContract

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import Toolkit, find_toolkit
from kernelevo.errors import BadInput
from kernelevo.initialise import samples_folder
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image


@pytest.fixture(scope="module")
def toolkit() -> Toolkit:
    return find_toolkit()


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("include")
    (folder / "mine.cuh").write_text("#define MINE 3.0f\n")
    (folder.parent / "secret.cuh").write_text("#define SECRET 1\n")
    return folder


@pytest.fixture(scope="module")
def compiler(toolkit: Toolkit, granted: Path) -> Iterator[NvrtcCompiler]:
    with Sandbox(toolkit.library, (*toolkit.read_only, granted)) as wall:
        yield NvrtcCompiler(wall, toolkit)


class TestNvrtc(CompilerContract):
    pass


def request(text: str, **fields: object) -> BuildRequest:
    return dataclasses.replace(GOOD, text=text, names=(), **fields)  # type: ignore[arg-type]


def build(compiler: NvrtcCompiler, text: str, **fields: object) -> Image:
    made = compiler.build(request(text, **fields), BUDGET)
    assert isinstance(made, Image), made
    return made


def errors(compiler: NvrtcCompiler, text: str, budget: Budget = BUDGET, **fields: object) -> list[str]:
    made = compiler.build(request(text, **fields), budget)
    assert isinstance(made, BuildFailure), made
    return [str(one) for one in made.diagnostics if one.severity == "error"]


KERNEL = 'extern "C" __global__ void k(float *x) { x[0] = %s; }\n'


@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
def test_ptx_and_cubin_are_for_the_architecture_that_was_asked_for(compiler: NvrtcCompiler, arch: str) -> None:
    image = build(compiler, KERNEL % "1", arch=arch)
    assert f".target {arch}\n" in image.ptx
    assert image.cubin.startswith(b"\x7fELF")


def test_the_ptx_tells_source_lines(compiler: NvrtcCompiler) -> None:
    image = build(compiler, KERNEL % "x[1]")
    assert '"scale.cu"' in image.ptx
    assert ".loc" in image.ptx


def test_templates_are_found_by_the_name_that_the_plan_writes(compiler: NvrtcCompiler) -> None:
    text = "template <int N> __global__ void fill(float *x) { x[threadIdx.x] = N; }\n"
    names = ("fill<BLOCK>", "fill<2 * BLOCK>")
    image = compiler.build(dataclasses.replace(GOOD, text=text, names=names, defines={"BLOCK": 64}), BUDGET)
    assert isinstance(image, Image), image
    assert [kernel.name for kernel in image.kernels] == ["_Z4fillILi64EEvPf", "_Z4fillILi128EEvPf"]
    assert image.kernel("fill<BLOCK>").name in image.ptx


@pytest.mark.parametrize("name", ["absent", "helper"])
def test_a_plan_that_names_no_kernel_is_refused(compiler: NvrtcCompiler, name: str) -> None:
    text = (
        '__device__ float helper(float a) { return a; }\nextern "C" __global__ void k(float *x) { x[0] = helper(1); }\n'
    )
    failure = compiler.build(dataclasses.replace(GOOD, text=text, names=("k", name)), BUDGET)
    assert isinstance(failure, BuildFailure)
    assert any("plan" in one.message and name in one.message for one in failure.diagnostics)


def test_defines_and_options_reach_the_compiler(compiler: NvrtcCompiler) -> None:
    assert build(compiler, KERNEL % "A + B", defines={"A": 1}, options=("-DB=2",)).kernels
    assert errors(compiler, KERNEL % "A + B")


def test_a_wrong_option_is_told_in_the_compilers_words(compiler: NvrtcCompiler) -> None:
    assert "--nonsense" in errors(compiler, KERNEL % "1", options=("--nonsense",))[0]


def test_an_error_has_file_line_and_column_also_after_tabs(compiler: NvrtcCompiler) -> None:
    text = 'extern "C" __global__ void k(float *x) {\n\tx[0] =\tmissing;\n}\n'
    assert errors(compiler, text) == ['scale.cu:2:9: error: identifier "missing" is undefined']


def test_warnings_come_with_the_image(compiler: NvrtcCompiler) -> None:
    image = build(compiler, 'extern "C" __global__ void k(float *x) {\n  int unused;\n  x[0] = 1;\n}\n')
    assert [(one.severity, one.line) for one in image.diagnostics] == [("warning", 2)]


def test_host_code_is_refused(compiler: NvrtcCompiler) -> None:
    assert "host function" in errors(compiler, "int main() { return 0; }\n")[0]


def test_spills_are_told_apart_from_an_array_in_local_memory(compiler: NvrtcCompiler) -> None:
    # 64 values that live over a barrier do not fit into 32 registers.
    loads = "".join(f"float v{i} = x[{i} * 64 + threadIdx.x];\n" for i in range(64))
    stores = "".join(f"x[{i} * 96 + threadIdx.x] = v{i} * v{63 - i};\n" for i in range(64))
    text = f'extern "C" __global__ void k(float *x) {{\n{loads}__syncthreads();\n{stores}}}\n'
    free, tight = build(compiler, text), build(compiler, text, options=("--maxrregcount=32",))
    assert free.kernels[0].spill_bytes == 0
    assert tight.kernels[0].spill_bytes > 0
    assert tight.kernels[0].registers <= 32 < free.kernels[0].registers
    array = build(
        compiler,
        'extern "C" __global__ void k(int *x) {\nint a[32];\nfor (int i = 0; i < 32; ++i) a[i] = x[i];\n'
        "for (int i = 0; i < 32; ++i) x[i] = a[x[i] & 31];\n}\n",
    )
    assert (array.kernels[0].spill_bytes, array.kernels[0].local_bytes) == (0, 128)


def test_launch_bounds_are_the_thread_limit(compiler: NvrtcCompiler) -> None:
    image = build(compiler, 'extern "C" __global__ void __launch_bounds__(96) k(float *x) { x[0] = 1; }\n')
    assert image.kernels[0].max_threads == 96


def test_static_shared_memory_is_the_kernels_own_on_every_architecture(compiler: NvrtcCompiler) -> None:
    text = 'extern "C" __global__ void k(float *x) { __shared__ float s[100]; s[threadIdx.x] = x[1]; __syncthreads();\n'
    text += "x[threadIdx.x] = s[99 - threadIdx.x]; }\n"
    assert {build(compiler, text, arch=arch).kernels[0].static_shared_bytes for arch in ("sm_80", "sm_90")} == {400}


@pytest.mark.parametrize(
    "header",
    [
        "cstdint", "stdint.h", "cstdio", "cmath", "cfloat", "climits", "cstddef", "cstring", "cstdlib", "cassert",
        "cuda_runtime.h", "cuda_fp16.h", "cuda_bf16.h", "mma.h", "math_constants.h",
    ],
)  # fmt: skip
def test_the_headers_that_kernels_include_are_there(compiler: NvrtcCompiler, header: str) -> None:
    assert build(compiler, f"#include <{header}>\n" + KERNEL % "1").kernels


@pytest.mark.parametrize(
    "header", ["limits", "type_traits", "cooperative_groups.h", "cub/block/block_reduce.cuh", "cuda/std/cstdint"]
)
def test_our_headers_and_the_toolkits_agree(compiler: NvrtcCompiler, header: str) -> None:
    ours = "#include <cstdint>\n#include <climits>\n#include <cfloat>\n#include <cmath>\n#include <cstddef>\n"
    image = build(compiler, f"{ours}#include <{header}>\n{ours}" + KERNEL % "1")
    assert not [one for one in image.diagnostics if "redefin" in one.message]


@pytest.mark.parametrize(
    "value",
    [
        "INFINITY", "-INFINITY", "NAN", "M_PI", "std::sqrt(x[1])", "std::isnan(x[1])", "uint32_t(3)", "sizeof(int64_t)",
        "std::fabs(x[1]) + fmaxf(x[1], 2.0f)",
    ],
)  # fmt: skip
def test_what_nvcc_gives_without_an_include_is_there(compiler: NvrtcCompiler, value: str) -> None:
    assert build(compiler, KERNEL % value).kernels


def test_the_macros_of_math_h_are_constants(compiler: NvrtcCompiler) -> None:
    assert build(compiler, "constexpr float a = -INFINITY, b = NAN;\n" + KERNEL % "a + b").kernels


def test_a_granted_include_folder_is_used(compiler: NvrtcCompiler, granted: Path) -> None:
    text = '#include "mine.cuh"\n' + KERNEL % "MINE"
    assert build(compiler, text, include_folders=(str(granted),)).kernels
    assert errors(compiler, text)


def test_the_content_of_an_include_folder_is_part_of_the_key(compiler: NvrtcCompiler, granted: Path) -> None:
    text = '#include "mine.cuh"\n' + KERNEL % "MINE"
    before = build(compiler, text, include_folders=(str(granted),)).key
    (granted / "mine.cuh").write_text("#define MINE 4.0f\n")
    assert build(compiler, text, include_folders=(str(granted),)).key != before


def test_an_include_folder_that_is_not_there_is_the_callers_mistake(compiler: NvrtcCompiler, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="absent"):
        compiler.build(request(KERNEL % "1", include_folders=(str(tmp_path / "absent"),)), BUDGET)


class TestHostileText:
    @pytest.mark.parametrize(
        "text",
        [
            '#include "/etc/passwd"\n',
            "#include </etc/passwd>\n",
            '#define FILE "/etc/passwd"\n#include FILE\n',
            '#if !__has_include("/etc/passwd")\n#error not there\n#endif\n',
            '#include "../../../../../../../../etc/passwd"\n',
            '__device__ const char secret[] = {\n#embed "/etc/passwd"\n};\n',
            '#pragma include_alias("mine", "/etc/passwd")\n#include "mine"\n',
            'extern "C" __global__ void k() { asm volatile(".include \\"/etc/passwd\\""); }\n',
            'extern "C" __global__ void k() { asm volatile(".file 9 \\"/etc/passwd\\"\\n.include \\"x\\""); }\n',
            '#include "/proc/self/environ"\n',
            '#include "/dev/stdin"\n',
        ],
    )
    def test_no_file_outside_the_grants_can_be_read(self, compiler: NvrtcCompiler, text: str) -> None:
        said = " ".join(errors(compiler, text))
        assert "root:" not in said

    def test_the_control_a_granted_file_is_seen_by_has_include(self, compiler: NvrtcCompiler) -> None:
        assert build(compiler, "#if !__has_include(<cuda_fp16.h>)\n#error not there\n#endif\n" + KERNEL % "1").kernels

    def test_a_header_next_to_a_granted_folder_is_not_seen(self, compiler: NvrtcCompiler, granted: Path) -> None:
        secret = granted.parent / "secret.cuh"
        assert secret.is_file()
        assert errors(compiler, f'#include "{secret}"\n')
        assert errors(compiler, '#include "../secret.cuh"\n', include_folders=(str(granted),))

    @pytest.mark.parametrize(
        "text",
        [
            "template <int N> struct A { static const int v = A<N + 1>::v + A<N + 2>::v; };\n"
            "__global__ void k(int *x) { x[0] = A<0>::v; }\n",
            "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(A(A(A(A(x))))))))\n"
            "__global__ void k(float *x) { B(B(x[0] += 1;)) }\n",
            "constexpr __device__ int spin() { int s = 0; for (long i = 0; i < 1L << 60; ++i) s += 1; return s; }\n"
            "__global__ void k(int *x) { constexpr int v = spin(); x[0] = v; }\n",
            '#include __FILE__\n#include "scale.cu"\n',
            "__global__ void k(int *x) { x[0] = " + "(" * 100000 + "1" + ")" * 100000 + "; }\n",
        ],
        ids=["templates", "macros", "constexpr", "self-include", "nesting"],
    )
    def test_a_text_that_explodes_is_a_value_within_its_budget(self, compiler: NvrtcCompiler, text: str) -> None:
        assert errors(compiler, text, Budget(10.0, 1 << 30, 1))
        assert build(compiler, KERNEL % "1").kernels

    def test_words_in_the_log_cannot_pose_as_the_assemblers(self, compiler: NvrtcCompiler) -> None:
        posing = (
            '#pragma message "x\\nptxas info    : Function properties for k\\n'
            '    0 bytes stack frame, 999 bytes spill stores, 999 bytes spill loads"\n'
        )
        assert build(compiler, posing + KERNEL % "1").kernels[0].spill_bytes == 0


TEXTURE = "tex1Dfetch<float>(t, 0)"


def test_a_text_that_needs_what_the_quick_compile_lacks_is_compiled_again(compiler: NvrtcCompiler) -> None:
    """NVRTC's --minimal, which is tried first, declares no textures and no types of the runtime."""
    text = (
        'extern "C" __global__ void k(float *x, cudaTextureObject_t t) '
        "{ cudaError_t e = cudaSuccess; x[0] = %s + e; }\n"
    )
    assert "tex.1d" in build(compiler, text % TEXTURE).ptx
    assert errors(compiler, text % f"{TEXTURE} + nothing") == [
        'scale.cu:1:127: error: identifier "nothing" is undefined',
    ]


def test_no_kernel_is_told_which_compile_it_is_in(compiler: NvrtcCompiler) -> None:
    for macro, value in (("__CUDACC_RTC_MINIMAL__", 3), ("cudaStreamDefault", 2), ("CUDART_CB", 2)):
        text = f"#ifdef {macro}\n#define VALUE 2\n#else\n#define VALUE 3\n#endif\n" + KERNEL % "VALUE"
        assert {2: "1073741824", 3: "1077936128"}[value] in build(compiler, text).ptx, macro


@pytest.mark.parametrize(
    "text", ["typedef int cudaError_t;\n", "enum { cudaSuccess = 7 };\n", "struct cudaDeviceProp { float x; };\n"]
)
def test_a_name_that_the_quick_compile_leaves_free_is_taken(compiler: NvrtcCompiler, text: str) -> None:
    assert errors(compiler, text + KERNEL % "1")
    assert build(compiler, text.replace("cuda", "my_") + KERNEL % "1")


@pytest.mark.parametrize("file", sorted((samples_folder() / "kernels").glob("*.cu")), ids=lambda file: file.stem)
def test_the_quick_compile_makes_what_the_full_one_makes(compiler: NvrtcCompiler, file: Path) -> None:
    """A word of what the quick one lacks, also in a comment, has a text compiled with everything at once."""
    text = file.read_text(encoding="utf-8")
    quick, full = build(compiler, text), build(compiler, f"{text}// cudaError_t\n")
    assert quick.ptx == full.ptx and quick.cubin == full.cubin
