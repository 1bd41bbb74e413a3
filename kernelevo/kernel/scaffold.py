"""Starts a new problem: from nothing (a small one that works at once), or from a kernel that exists.

From a kernel, nobody has written a reference, so the original becomes the oracle: `NAME.oracle.cu` is kept as it was,
candidates are compared with what it computes, and every report says so. Everything that its text does not show (the
shapes it cannot be read off, values of scalars) is assumed, said in a note, and marked in the problem file for its
user to correct.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.kernel import dtypes
from kernelevo.kernel.cuda_syntax import SourceFunction, SourceParameter, functions, parse_cuda
from kernelevo.kernel.languages import CUDA, Language, language_of
from kernelevo.kernel.plan import LaunchLine, Plan, ZeroLine
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import SUFFIX
from kernelevo.kernel.source import read_kernel
from kernelevo.kernel.source_shapes import KernelIndexing, Shape


@dataclass(frozen=True)
class Scaffold:
    """The files that were written, and what the user should know of them (assumptions first)."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def new_problem(folder: Path, name: str, language: Language = CUDA) -> Scaffold:
    """Writes a kernel in this language and NAME.problem.py, a small operator to be changed; raises BadInput rather than
    overwrite a file.
    """
    file_name = f"{_checked(name)}{language.suffix}"
    kernel = _KERNEL if language is CUDA else _TRITON_KERNEL
    problem = _PROBLEM.replace("NAME.cu", file_name).replace("NAME", name)
    return Scaffold(_write(folder, {file_name: kernel.replace("NAME", name), f"{name}{SUFFIX}": problem}), ())


def new_from_kernel(folder: Path, name: str, source: Path) -> Scaffold:
    """Writes NAME.cu, NAME.oracle.cu and NAME.problem.py from a kernel file with a launch plan or a host launcher.

    Raises BadInput if the file is missing, has neither, or uses types of arguments that a problem cannot declare.
    """
    _checked(name)
    if language_of(source) is not CUDA:
        raise BadInput(f"{source} is no .cu file, and no other can be an oracle; run `kernelevo new {name} --triton`")
    text, notes = read_kernel(source)
    plan = read_plan(text, source.name)
    described = _describe(text, plan, source.name)
    oracle = f"{name}.oracle.cu"
    declaration = _declaration(described, oracle, source.name)
    texts = {f"{name}.cu": text, oracle: text, f"{name}{SUFFIX}": declaration}
    assumed = [f"{argument.name}: {argument.assumed}" for argument in described if argument.assumed]
    said = [f"no reference is known: {source.name} itself is the oracle, and every report says so", *notes]
    return Scaffold(_write(folder, texts), (*assumed, *said))


# What the kernel's text and its plan say of the arguments.


@dataclass(frozen=True)
class _Argument:
    """One line of the problem's argument list; `assumed` says what was not read off the text."""

    name: str
    line: str
    assumed: str
    shape: Shape = ()


@dataclass(frozen=True)
class _Use:
    """A name of the plan, as one launch passes it to one parameter of one kernel."""

    parameter: SourceParameter
    indexing: KernelIndexing


def _describe(text: str, plan: Plan, file_name: str) -> list[_Argument]:
    uses = _uses(text, plan, file_name)
    zeroed = {step.buffer for step in plan.steps if isinstance(step, ZeroLine)}
    integers = [name for name, each in uses.items() if each[0].parameter.is_integer]
    tensors = [
        _tensor(name, each, name in zeroed, integers, file_name)
        for name, each in uses.items()
        if each[0].parameter.is_pointer
    ]
    if not tensors:
        raise BadInput(
            f"{file_name}: no launch passes a pointer, so there is nothing to compute; check the launch line"
        )
    shown = set(re.findall(r"[A-Za-z_]\w*", " ".join(extent for tensor in tensors for extent in tensor.shape)))
    return tensors + [
        _scalar(name, each[0], file_name) for name, each in uses.items() if _is_scalar(name, each[0], shown)
    ]


def _uses(text: str, plan: Plan, file_name: str) -> dict[str, list[_Use]]:
    """The names that launches pass, in order, but scratch and macros, with where they go."""
    kernels = {function.name: function for function in functions(parse_cuda(text)) if function.side == "kernel"}
    own = {temp.name for temp in plan.temps} | plan.macros.keys()
    uses: dict[str, list[_Use]] = {}
    for step in plan.steps:
        if isinstance(step, LaunchLine):
            kernel = _kernel(step, kernels, file_name)
            indexing = _indexing(kernel, step)
            for parameter, argument in zip(kernel.parameters, step.arguments, strict=True):
                if argument.name is not None and argument.name not in own:
                    uses.setdefault(argument.name, []).append(_Use(parameter, indexing))
    return uses


def _kernel(step: LaunchLine, kernels: dict[str, SourceFunction], file_name: str) -> SourceFunction:
    name = step.kernel.partition("<")[0].rpartition("::")[2]
    if name not in kernels:
        raise BadInput(f"{file_name}:{step.line}: there is no kernel {name}; there are {', '.join(kernels) or 'none'}")
    kernel = kernels[name]
    if len(kernel.parameters) != len(step.arguments):
        given = f"has {counted(len(kernel.parameters), 'parameter')}, but the launch passes {len(step.arguments)}"
        raise BadInput(f"{file_name}:{step.line}: {name} {given}; correct the launch line")
    return kernel


def _indexing(kernel: SourceFunction, step: LaunchLine) -> KernelIndexing:
    pairs = zip(kernel.parameters, step.arguments, strict=True)
    values = {parameter.name: argument.text for parameter, argument in pairs if parameter.is_integer}
    return KernelIndexing(kernel, values, [each.text for each in step.grid], [each.text for each in step.block])


_VECTORS = {
    f"{spelled}{lanes}": (dtype, lanes)
    for spelled, dtype in (("float", "f32"), ("double", "f64"), ("int", "i32"), ("uint", "u32"), ("half", "f16"))
    for lanes in (2, 4)
}


def _tensor(name: str, uses: list[_Use], zeroed: bool, integers: list[str], file_name: str) -> _Argument:
    parameter = uses[0].parameter
    dtype, lanes = _element(parameter, name, file_name)
    role, why = _role(uses, zeroed)
    shapes = [shape for use in uses if (shape := use.indexing.shape(use.parameter.name)) is not None]
    shape = max(shapes, key=len, default=tuple(integers) or ("1024",))
    assumed = (
        "" if shapes else f"its shape [{', '.join(shape)}] is a guess, since its indices do not show it; correct it"
    )
    if lanes > 1:
        shape = (*shape[:-1], f"{lanes} * {shape[-1] if shape[-1].isalnum() else f'({shape[-1]})'}")
    line = f'{role}("{name}", "{dtype}[{", ".join(shape)}]", aligned=16),'
    return _Argument(name, line, "; ".join(filter(None, [why, assumed])), shape)


def _element(parameter: SourceParameter, name: str, file_name: str) -> tuple[str, int]:
    if parameter.type in _VECTORS:
        return _VECTORS[parameter.type]
    return dtypes.named(parameter.type, f"{file_name}: the elements of {name}").name, 1


def _role(uses: list[_Use], zeroed: bool) -> tuple[str, str]:
    """Input, Output or InOut, and what of it was assumed."""
    if all(use.parameter.is_const for use in uses):
        return "Input", ""
    first = uses[0]
    if not zeroed and not first.parameter.is_const and first.indexing.is_read(first.parameter.name):
        return "InOut", "taken as InOut, since the kernel reads and writes it"
    return "Output", "taken as Output, since it is no pointer to const"


def _is_scalar(name: str, use: _Use, shown: set[str]) -> bool:
    return not use.parameter.is_pointer and name not in shown


def _scalar(name: str, use: _Use, file_name: str) -> _Argument:
    dtype = dtypes.named(use.parameter.type, f"{file_name}: the argument {name}")
    value = "1.0" if dtype.is_float else "1"
    return _Argument(name, f'Scalar("{name}", "{dtype}", {value}),', f"its value {value} is assumed; correct it")


# The problem file.


def _declaration(arguments: list[_Argument], oracle: str, source: str) -> str:
    lines = [f"        {each.line}{f'  # {each.assumed}' if each.assumed else ''}" for each in arguments]
    names = sorted({each.line.partition("(")[0] for each in arguments} | {"Problem"})
    text = _FROM_KERNEL.replace("SOURCE", source).replace("ORACLE", oracle).replace("NAMES", ", ".join(names))
    return text.replace("ARGUMENTS", "\n".join(lines)).replace("CASE", _benchmark(arguments))


def _benchmark(arguments: list[_Argument]) -> str:
    """Sizes that make the largest tensor about four million elements."""
    shapes = [each.shape for each in arguments if each.shape]
    dims = list(dict.fromkeys(name for shape in shapes for name in re.findall(r"[A-Za-z_]\w*", " ".join(shape))))
    if not dims:
        raise BadInput(
            "no dimension could be read off the kernel's integer parameters; write the problem file yourself"
        )
    rank = max(len(shape) for shape in shapes)
    size = 1 << max(1, math.floor(22 / rank if len(dims) < 3 else min(9, 22 / rank)))
    return ", ".join(f"{name}={size}" for name in dims)


# Files.


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise BadInput(f"'{name}' cannot name a kernel; use letters, digits and underscores, as in C")
    return name


def _write(folder: Path, texts: dict[str, str]) -> tuple[Path, ...]:
    """Writes all files, or none if one of them is there already."""
    for name in texts:
        if (folder / name).exists():
            raise BadInput(f"{folder / name} is there already; choose another name or move it away")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder} cannot be written ({error.strerror}); give another place with --folder") from error
    return tuple(folder / name for name in texts)


_KERNEL = """\
// y = scale * x, one element per thread: replace it by what you need.

#ifndef BLOCK
#define BLOCK 256
#endif
#pragma kernelevo tune BLOCK 64 128 256 512 1024
#pragma kernelevo launch NAME<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n, scale)

extern "C" __global__ void NAME(const float* x, float* y, int n, float scale)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = scale * x[i];
    }
}
"""

_TRITON_KERNEL = """\
# y = scale * x, BLOCK elements per program: replace it by what you need.

import triton
import triton.language as tl

# kernelevo: tune BLOCK 128 256 512 1024 2048 = 512
# kernelevo: tune num_warps 1 2 4 8 = 4
# kernelevo: launch NAME[ceildiv(n, BLOCK)](x, y, n, scale, BLOCK=BLOCK)


@triton.jit
def NAME(x, y, n, scale, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, scale * tl.load(x + i, mask=i < n), mask=i < n)
"""

_PROBLEM = '''\
"""NAME: what NAME.cu must compute, at which sizes. See docs/problem-format.md."""

from kernelevo import Input, Output, Problem, Scalar


def reference(x, *, scale):
    return scale * x


problem = Problem(
    arguments=[
        Input("x", "f32[n]", aligned=16),
        Output("y", "f32[n]", aligned=16),
        Scalar("scale", "f32", 0.5),
    ],
    reference=reference,
    benchmarks=["n=4194304"],
    flops="n",
)
'''

_FROM_KERNEL = '''\
"""Made from SOURCE. It has no reference: what the original kernel computes counts as right, and every report says so.

Write a function `reference` and give it in place of `oracle` to know that the original is right, too.
"""

from kernelevo import NAMES

problem = Problem(
    arguments=[
ARGUMENTS
    ],
    oracle="ORACLE",
    benchmarks=["CASE"],
)
'''
