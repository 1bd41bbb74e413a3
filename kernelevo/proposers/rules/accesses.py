"""The loads and stores of a kernel through its pointer parameters, with their indices as polynomials.

`find_accesses` explains every use of every pointer parameter, or refuses the kernel: a pointer that is moved
(`p++`), stored, compared or passed to a function that is not known here is not explained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.polynomials import Forms, Polynomial
from kernelevo.proposers.rules.syntax import (
    arguments,
    bare,
    callee,
    child_of,
    inside,
    of_type,
    operator_of,
    text_of,
)

ATOMICS = ("atomicAdd", "atomicMax", "atomicMin", "atomicAnd", "atomicOr", "atomicXor")
_VECTORS = re.compile(r"(?:const\s+)?(float|int|uint|double)([124])\s*(?:const\s*)?\*\Z")
_ELEMENTS = {"float": "float", "int": "int", "uint": "unsigned", "double": "double"}


@dataclass(frozen=True, eq=False)
class Access:
    """One access: `node` is the lvalue (`x[i]`, `*p`) or the call (`atomicAdd(...)`, `__ldg(...)`).

    `index` is in elements of `array`, a pointer parameter; `width` is the elements accessed at once.
    """

    node: Node
    array: Declaration
    index: Polynomial
    width: int
    loads: bool
    stores: bool
    atomic: bool

    def within(self, node: Node) -> bool:
        return inside(self.node, node)


def find_accesses(kernel: Kernel, forms: Forms) -> list[Access] | None:
    """Every access through a pointer parameter, in source order; None if some use of one is not explained."""
    found: list[Access] = []
    explained: set[int] = set()
    for node in of_type(kernel.body, "subscript_expression", "pointer_expression", "call_expression"):
        access = _access(kernel, forms, node)
        if access is not None:
            found.append(access)
            explained |= {use.start_byte for use in of_type(node, "identifier")}
    for pointer in kernel.names.declarations:
        if pointer.is_pointer and not _explained(kernel, forms, pointer, explained):
            return None
    return found


def _explained(kernel: Kernel, forms: Forms, pointer: Declaration, explained: set[int]) -> bool:
    """Whether a pointer never changes, comes from a parameter, and is used only in accesses and pointers like
    itself.
    """
    if pointer.is_shared or pointer.is_array or not kernel.names.is_constant(pointer):
        return False
    if not pointer.is_parameter and (pointer.value is None or pointed(kernel, forms, pointer.value) is None):
        return False
    aliases = [
        local.value
        for local in kernel.names.declarations
        if local.is_pointer and local.value is not None and pointed(kernel, forms, local.value) is not None
    ]
    return all(
        use.start_byte in explained or any(inside(use, alias) for alias in aliases)
        for use in kernel.names.uses(pointer)
    )


def pointed(kernel: Kernel, forms: Forms, node: Node) -> tuple[Declaration, Polynomial, int] | None:
    """(parameter, offset in elements, elements per item) of a pointer expression such as `x + row * cols` or
    `&x[i]`.
    """
    if node.type != "call_expression" or callee(node) != "reinterpret_cast":
        place = _place(kernel, forms, node)
        return None if place is None else (*place, 1)
    match = _VECTORS.match(text_of(child_of(child_of(node, "function"), "arguments")).strip("<> \t"))
    place = _place(kernel, forms, arguments(node)[0])
    if match is None or place is None or place[0].type != _ELEMENTS[match.group(1)]:
        return None
    return (*place, int(match.group(2)))


def _place(kernel: Kernel, forms: Forms, node: Node) -> tuple[Declaration, Polynomial] | None:
    if node.type == "identifier":
        return _place_of_name(kernel, forms, node)
    if node.type == "parenthesized_expression":
        return _place(kernel, forms, bare(node))
    if node.type == "pointer_expression" and operator_of(node) == "&":
        return _place_of_element(kernel, forms, child_of(node, "argument"))
    if node.type != "binary_expression" or operator_of(node) not in "+-":
        return None
    left = _place(kernel, forms, child_of(node, "left"))
    if left is None:
        right = _place(kernel, forms, child_of(node, "right")) if operator_of(node) == "+" else None
        return None if right is None else (right[0], right[1] + forms.of(child_of(node, "left")))
    offset = forms.of(child_of(node, "right"))
    return left[0], left[1] + offset if operator_of(node) == "+" else left[1] - offset


def _place_of_name(kernel: Kernel, forms: Forms, node: Node) -> tuple[Declaration, Polynomial] | None:
    found = kernel.names.declaration(node)
    if found is None or not found.is_pointer or found.is_array or not kernel.names.is_constant(found):
        return None
    if found.is_parameter:
        return found, Polynomial({})
    return None if found.value is None else _place(kernel, forms, found.value)


def _place_of_element(kernel: Kernel, forms: Forms, node: Node) -> tuple[Declaration, Polynomial] | None:
    node = bare(node)
    if node.type != "subscript_expression":
        return None
    indices = child_of(node, "indices").named_children
    base = _place(kernel, forms, child_of(node, "argument"))
    if base is None or len(indices) != 1:
        return None
    return base[0], base[1] + forms.of(indices[0])


def _access(kernel: Kernel, forms: Forms, node: Node) -> Access | None:
    if node.type == "call_expression":
        return _access_by_call(kernel, forms, node)
    if node.type == "subscript_expression":
        place = _place_of_element(kernel, forms, node)
        taken = node.parent is not None and node.parent.type == "pointer_expression" and operator_of(node.parent) == "&"
        found = None if place is None or taken else (*place, 1)
    else:
        found = pointed(kernel, forms, child_of(node, "argument")) if operator_of(node) == "*" else None
    if found is None:
        return None
    loads, stores = _direction(node)
    return Access(node, found[0], found[1], found[2], loads, stores, False)


def _access_by_call(kernel: Kernel, forms: Forms, node: Node) -> Access | None:
    name = callee(node)
    if name not in (*ATOMICS, "__ldg", "__ldcs"):
        return None
    given = arguments(node)
    found = pointed(kernel, forms, given[0]) if given else None
    if found is None:
        return None
    atomic = name in ATOMICS
    return Access(node, found[0], found[1], found[2], True, atomic, atomic)


def _direction(node: Node) -> tuple[bool, bool]:
    """Whether the lvalue is loaded, and whether it is stored to."""
    target = node
    while target.parent is not None and target.parent.type in ("parenthesized_expression", "field_expression"):
        target = target.parent
    parent = target.parent
    if parent is not None and parent.type == "assignment_expression" and child_of(parent, "left") == target:
        return text_of(child_of(parent, "operator")) != "=", True
    if parent is not None and parent.type == "update_expression":
        return True, True
    return True, False


def spacing(access: Access, axis: str) -> str:
    """How far apart neighbouring threads along the axis access: "same" element, "next" element, or "far"."""
    across = access.index.coefficient(f"threadIdx.{axis}")
    if across is None:
        return "far"
    return "same" if not across.terms else "next" if across.value in (1, -1) else "far"
