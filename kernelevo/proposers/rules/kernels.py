"""The `__global__` functions of a file, as the rules look at them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tree_sitter import Node

from kernelevo.proposers.rules.names import Declaration, Names
from kernelevo.proposers.rules.syntax import child_of, of_type, text_of


@dataclass(eq=False)
class Kernel:
    """One kernel: `node` its definition, `outer` the definition with `extern "C"` around it."""

    node: Node
    outer: Node
    name: str
    body: Node
    names: Names = field(repr=False)

    @property
    def parameters(self) -> list[Declaration]:
        return [found for found in self.names.declarations if found.is_parameter]

    @property
    def text(self) -> str:
        return text_of(self.outer)


def find_kernels(root: Node) -> dict[str, Kernel]:
    """The kernels by name: those that are no templates and whose names are all understood."""
    kernels = {}
    for node in of_type(root, "function_definition"):
        if not any(child.type == "__global__" for child in node.children):
            continue
        outer = node.parent if node.parent is not None and node.parent.type == "linkage_specification" else node
        plain = outer.parent is not None and outer.parent.type in ("translation_unit", "preproc_if", "preproc_ifdef")
        names = Names(node)
        if plain and names.understood and not node.has_error:
            name = text_of(child_of(child_of(node, "declarator"), "declarator"))
            kernels[name] = Kernel(node, outer, name, child_of(node, "body"), names)
    return kernels


def file_functions(root: Node) -> dict[str, list[Node]]:
    """The functions that the file defines and that are no kernels, by name (several where overloaded)."""
    found: dict[str, list[Node]] = {}
    for node in of_type(root, "function_definition"):
        declarator = child_of(node, "declarator")
        while declarator.type != "function_declarator" and declarator.child_by_field_name("declarator") is not None:
            declarator = child_of(declarator, "declarator")
        is_kernel = any(child.type == "__global__" for child in node.children)
        if declarator.type == "function_declarator" and not is_kernel:
            found.setdefault(text_of(child_of(declarator, "declarator")), []).append(node)
    return found
