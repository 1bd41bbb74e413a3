"""What a model is told of the task: arguments, sizes that are timed, the reference, how a plan is written.

Told is what a person would be told who writes the kernel. Not told: test sizes, distributions of the inputs, seeds,
where anything lies on this machine; of the problem's file the reference alone, without comments and docstrings.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kernelevo.kernel.arguments import Scalar, Tensor
from kernelevo.kernel.languages import CUDA, Language
from kernelevo.kernel.problem import Problem

_CUDA_PLAN = """\
The file is device code in CUDA C++ with a launch plan in pragma lines; there is no host code. The plan is

    #pragma kernelevo launch KERNEL<<<GRID, BLOCK[, SHARED_BYTES]>>>(ARGUMENT, ...) [when(GUARD)] [cooperative]
    #pragma kernelevo temp TYPE NAME[ELEMENTS]     scratch in global memory, undefined at the start of each call
    #pragma kernelevo zero NAME                    sets an output or scratch to zero, each call, and is timed
    #pragma kernelevo tune MACRO VALUE VALUE ...   values to try of a macro that has an #ifndef/#define/#endif default

Launch and zero lines happen in their order. GRID and BLOCK are an integer expression or dim3(x, y, z). Of a run of
guarded launches and the unguarded one after them, the first whose guard holds is taken: so special sizes get kernels
of their own, and all other sizes the general one. Expressions are C's, on integers, over the dimensions, the file's
macros, sms and warp, with ceildiv(a, b), roundup(a, b), pow2ceil(a), min, max, sizeof(type). An argument is the name of
a tensor, of scratch, of a dimension or scalar, or such an expression. A kernel is launched by the name it has in C++,
with template arguments if it has any. CUDA's headers (cuda_fp16.h, mma.h, cooperative_groups.h, cub) are there."""
_TRITON_PLAN = """\
The file is Python with @triton.jit functions and a launch plan in comment lines; nothing else of it is called.

    # kernelevo: launch KERNEL[GRID](ARGUMENT, ..., NAME=EXPRESSION, ...) [when(GUARD)]
    # kernelevo: temp TYPE NAME[ELEMENTS]        scratch in global memory, undefined at the start of each call
    # kernelevo: zero NAME                       sets an output or scratch to zero, each call, and is timed
    # kernelevo: tune NAME VALUE VALUE [= START] values to try of a name in a launch; num_warps, num_stages, too

GRID is one to three integer expressions. Parameters annotated tl.constexpr take an integer expression by keyword
(BLOCK=BLOCK). Expressions are C's, on integers, over the dimensions, tuned names, sms and warp, with ceildiv(a, b),
roundup(a, b), pow2ceil(a), min, max. Of guarded launches and the unguarded one after them, the first whose guard holds
is taken. Not supported: autotune, heuristics, tensor descriptors."""


def task_words(problem: Problem, language: Language, device: str, properties: Mapping[str, int], reference: str) -> str:
    """The task in words; `reference` is its source, or empty."""
    sections = [
        f"# Task: {problem.name}, in {language.name}, on {device} ({_listed(properties)})",
        "## Arguments\n" + "\n".join(_argument(argument) for argument in problem.arguments),
        _rules(problem),
        f"## How a kernel file is written\n{_CUDA_PLAN if language is CUDA else _TRITON_PLAN}",
    ]
    if reference:
        sections.insert(2, f"## Reference, evaluated in float64\n```python\n{reference}\n```")
    return "\n\n".join(sections)


def _listed(properties: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(properties.items()) if name in ("sms", "warp"))


def _argument(argument: Tensor | Scalar) -> str:
    if isinstance(argument, Scalar):
        return f"- {argument.name}: scalar {argument.dtype.name} = {argument.value:g}"
    shape = ", ".join(map(str, argument.shape))
    role = {"in": "input", "out": "output, its contents undefined before", "inout": "input and output"}[argument.role]
    return f"- {argument.name}: {argument.dtype.name}[{shape}], {role}, contiguous, aligned to {argument.aligned} bytes"


def _rules(problem: Problem) -> str:
    timed = "; ".join(case.name for case in problem.benchmarks)
    lines = [f"Timed at: {timed}. Every other size must be right, too; tests take small, odd and large ones."]
    lines += [f"Sizes always satisfy: {', '.join(map(str, problem.constraints))}."] if problem.constraints else []
    lines.append(
        f"Every element of every output is compared with the reference, within what honest arithmetic in "
        f"{problem.compute_dtype.name} may be off; lower precision fails. Pointers are aligned as declared, no further."
    )
    return "## Rules\n" + "\n".join(lines)


def reference_source(content: bytes, reference: Callable[..., Any] | None) -> str:
    """The reference's function, and the functions and numbers of the same file that it uses, in order, without
    comments and docstrings. Empty where there is no such source.
    """
    code = getattr(reference, "__code__", None)
    if code is None or not content:
        return ""
    tree = ast.parse(content)
    wanted = _node_at(tree, code.co_firstlineno, code.co_name)
    if wanted is None:
        return ""
    if isinstance(wanted, ast.Lambda):
        return f"reference = {ast.unparse(wanted)}"
    used = [node for node in tree.body if node in _used_by(wanted, tree)]
    return "\n\n".join(ast.unparse(_Undocumented().visit(node)) for node in used)


def _node_at(tree: ast.Module, line: int, name: str) -> ast.FunctionDef | ast.Lambda | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == line:
                return node
        if isinstance(node, ast.Lambda) and name == "<lambda>" and node.lineno == line:
            return node
    return None


def _used_by(first: ast.AST, tree: ast.Module) -> set[ast.stmt]:
    """Top-level statements that the function needs, itself included."""
    by_name = {name: node for node in tree.body for name in _defines(node)}
    found: set[ast.stmt] = {first} if isinstance(first, ast.stmt) else set()
    left: list[ast.AST] = [first]
    while left:
        names = {node.id for node in ast.walk(left.pop()) if isinstance(node, ast.Name)}
        fresh = {by_name[name] for name in names if name in by_name} - found
        found |= fresh
        left.extend(fresh)
    return found


def _defines(node: ast.stmt) -> Iterator[str]:
    """Names that a statement gives to functions and to plain numbers."""
    if isinstance(node, ast.FunctionDef):
        yield node.name
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and type(node.value.value) in (int, float):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


class _Undocumented(ast.NodeTransformer):
    """Takes out texts that stand alone: docstrings, and what people comment out with quotes, at any depth."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        return ast.Pass() if _is_text(node) else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.generic_visit(node)
        node.body = [each for each in node.body if not isinstance(each, ast.Pass)] or [ast.Pass()]
        return node


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
