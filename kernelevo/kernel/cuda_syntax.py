"""CUDA C++ source as a syntax tree (tree-sitter), and the functions with their parameters that a file defines.

Only what a signature says is read here. A tree is given for any text, also for one that no compiler accepts; nodes of
a part that could not be read have type ERROR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import tree_sitter_cuda
from tree_sitter import Language, Node, Parser

from kernelevo.kernel import dtypes

Side = Literal["kernel", "device", "host"]

INTEGER_TYPES = frozenset(
    spelling for dtype in dtypes.DTYPES if not dtype.is_float for spelling in (*dtype.spellings, dtype.name)
)


@dataclass(frozen=True)
class SourceParameter:
    """A parameter as written: `const float* __restrict__ x` has type "float", and is a pointer to const."""

    name: str
    type: str
    is_pointer: bool
    is_const: bool

    @property
    def is_integer(self) -> bool:
        return not self.is_pointer and self.type in INTEGER_TYPES

    @property
    def is_float(self) -> bool:
        dtype = dtypes.find(self.type)
        return not self.is_pointer and dtype is not None and dtype.is_float


@dataclass(frozen=True)
class SourceFunction:
    """A function definition; `outer` is the node that disappears with it (with its template head or extern "C")."""

    name: str
    side: Side
    parameters: tuple[SourceParameter, ...]
    is_template: bool
    is_constexpr: bool
    node: Node
    outer: Node

    @property
    def line(self) -> int:
        return line_of(self.node)


def parse_cuda(text: str) -> Node:
    """The root of the text's syntax tree; positions in it are of the text in UTF-8."""
    return Parser(Language(tree_sitter_cuda.language())).parse(text.encode()).root_node


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


def line_of(node: Node) -> int:
    """1-based line of the node's start."""
    return node.start_point.row + 1


def functions(root: Node) -> list[SourceFunction]:
    """Every function that the file defines outside classes, in order."""
    return [_function(node, outer) for node, outer in _definitions(root, None)]


def find_nodes(node: Node, type_name: str) -> Iterator[Node]:
    """All nodes of a type at or below `node`, in order of the text."""
    stack = [node]
    while stack:
        top = stack.pop()
        if top.type == type_name:
            yield top
        stack.extend(reversed(top.children))


_CONTAINERS = ("linkage_specification", "declaration_list", "namespace_definition", "template_declaration")
_CONDITIONALS = ("preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif")


def _definitions(node: Node, outer: Node | None) -> Iterator[tuple[Node, Node]]:
    for child in node.children:
        if child.type == "function_definition":
            yield child, outer or child
        elif child.type == "template_declaration" or (child.type == "linkage_specification" and not _has_list(child)):
            yield from _definitions(child, outer or child)
        elif child.type in _CONTAINERS or child.type in _CONDITIONALS:
            yield from _definitions(child, None)


def _has_list(node: Node) -> bool:
    return any(child.type == "declaration_list" for child in node.children)


def _function(node: Node, outer: Node) -> SourceFunction:
    declarator = next(find_nodes(node, "function_declarator"), None)
    words = {text_of(child) for child in node.children}
    side: Side = "kernel" if "__global__" in words else "device" if "__device__" in words else "host"
    name_node = declarator.child_by_field_name("declarator") if declarator is not None else None
    return SourceFunction(
        name=text_of(name_node) if name_node is not None else "",
        side=side,
        parameters=_parameters(declarator) if declarator is not None else (),
        is_template=outer.type == "template_declaration"
        or any(True for _ in find_nodes(outer, "template_declaration")),
        is_constexpr="constexpr" in words,
        node=node,
        outer=outer,
    )


def _parameters(declarator: Node) -> tuple[SourceParameter, ...]:
    listing = declarator.child_by_field_name("parameters")
    children = listing.children if listing is not None else []
    kinds = ("parameter_declaration", "optional_parameter_declaration")
    return tuple(_parameter(child) for child in children if child.type in kinds)


def _parameter(node: Node) -> SourceParameter:
    type_node = node.child_by_field_name("type")
    declarator = node.child_by_field_name("declarator")
    names = list(find_nodes(declarator, "identifier")) if declarator is not None else []
    pointer = declarator is not None and declarator.type in ("pointer_declarator", "array_declarator")
    qualifiers = {text_of(child) for child in node.children if child.type == "type_qualifier"}
    spelled = " ".join(text_of(type_node).split()) if type_node is not None else ""
    return SourceParameter(text_of(names[-1]) if names else "", spelled, pointer, "const" in qualifiers)
