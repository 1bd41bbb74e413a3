"""What a stretch of kernel code may do beside computing: calls, barriers, jumps.

A call is harmless if it is a mathematical or bit function of the CUDA headers, or a device function of the file that
takes no pointers and itself makes only harmless calls. Every other call is refused, because nothing is known of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import ATOMICS
from kernelevo.proposers.rules.syntax import LOOPS, ancestors, callee, child_of, of_type, text_of

# The functions without side effects that kernels call: https://docs.nvidia.com/cuda/cuda-math-api/
_MATH = re.compile(
    r"(?:__)?(?:f?abs|exp|exp2|exp10|expm1|log|log2|log10|log1p|sqrt|rsqrt|cbrt|sin|cos|tan|sinh|cosh|tanh|"
    r"asin|acos|atan|atan2|pow|fma|fmod|erf|erfc|erfinv|lgamma|tgamma|floor|ceil|round|"
    r"rint|trunc|nearbyint|copysign|hypot|rhypot|"
    r"fmax|fmin|max|min|umax|umin|llmax|llmin|isnan|isinf|isfinite|signbit|saturate|fdivide|fdim|remainder|normcdf|"
    r"mul24|umul24|mulhi|umulhi|popc|clz|ffs|brev|sad|byte_perm|frcp_r[nzud]|fsqrt_r[nzud]|"
    r"f(?:add|sub|mul|div|ma)_r[nzud]|"
    r"d(?:add|sub|mul|div)_r[nzud]|float2half(?:_rn)?|half2float|float2bfloat16(?:_rn)?|bfloat162float|"
    r"h(?:add|sub|mul|div|fma|max|min|exp|log|sqrt)|float2int_r[nzud]|int2float_r[nzud]|float_as_int|int_as_float|"
    r"float_as_uint|uint_as_float|ldg|ldcs)f?\Z"
)
_CONVERSIONS = re.compile(
    r"(?:float|double|int|unsigned|make_(?:float|int|uint|double)[1234]|static_cast|reinterpret_cast)\Z"
)
_BARRIERS = re.compile(
    r"__sync|__shfl|__ballot|__any|__all|__activemask|__match|__reduce|__thread|__nano|barrier|printf|assert|clock"
)


def only_harmless_calls(node: Node, functions: Mapping[str, list[Node]], atomics: bool) -> bool:
    """Whether every call in `node` is known to have no effect; atomics, where allowed, are judged by their accesses."""
    return all(_harmless(name, functions, atomics, depth=0) for name in _callees(node))


def has_barrier(node: Node) -> bool:
    """Whether threads meet, exchange values or fence in `node`."""
    return any(_BARRIERS.match(name) for name in _callees(node))


def leaves(loop: Node) -> bool:
    """Whether the loop's body may end the loop, or the function, before its condition does."""
    for jump in of_type(
        child_of(loop, "body"), "break_statement", "return_statement", "goto_statement", "continue_statement"
    ):
        if jump.type in ("return_statement", "goto_statement"):
            return True
        owners = (*LOOPS, "switch_statement") if jump.type == "break_statement" else LOOPS
        if not any(outer.type in owners for outer in ancestors(jump, loop)):
            return True
    return False


def _callees(node: Node) -> Iterator[str]:
    return (callee(call) for call in of_type(node, "call_expression"))


def _harmless(name: str, functions: Mapping[str, list[Node]], atomics: bool, depth: int) -> bool:
    if name in functions:
        return depth < 8 and all(_simple(body, functions, depth) for body in functions[name])
    return bool(_MATH.match(name) or _CONVERSIONS.match(name) or (atomics and name in ATOMICS))


def _simple(function: Node, functions: Mapping[str, list[Node]], depth: int) -> bool:
    """Whether a device function works on values alone."""
    outside = next(of_type(function, "pointer_declarator", "reference_declarator", "gnu_asm_expression"), None)
    static = any(
        text_of(child) in ("static", "__shared__")
        for node in of_type(child_of(function, "body"), "declaration")
        for child in node.children
    )
    return (
        outside is None
        and not static
        and all(_harmless(name, functions, False, depth + 1) for name in _callees(function))
    )
