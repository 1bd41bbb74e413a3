"""Shapes of a kernel's pointer parameters, read off how it indexes them, for problems made from a kernel alone.

`if (row >= rows) return; ... x[row * cols + i]` with `i < cols` means that x is [rows, cols]: each index variable has
a bound from a comparison or from the grid, and the strides must be the products of the later bounds (row-major).
Nothing is run. What does not fit this pattern has no shape here, and its user says it; a shape that is given is one
under which these accesses are in bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from kernelevo.kernel.cuda_syntax import SourceFunction, find_nodes, text_of

Term = tuple[str, ...]
"""Factors of a product, as text."""

Polynomial = tuple[Term, ...]
"""A sum of products."""

MAX_TERMS = 16
"""Terms of an index; more means that it is no row-major index."""

Shape = tuple[str, ...]


@dataclass
class KernelIndexing:
    """What the text of one kernel says of its indices.

    `values` are its integer parameters in the launch's terms; `grid` and `block` are the launch's sizes as text.
    """

    function: SourceFunction
    values: Mapping[str, str]
    grid: Sequence[str]
    block: Sequence[str]
    bounds: dict[str, str] = field(default_factory=dict)
    locals: dict[str, Node] = field(default_factory=dict)
    aliases: dict[str, tuple[str, Polynomial]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for axis, grid, block in zip("xyz", self.grid, self.block, strict=True):
            self.bounds |= {f"blockIdx.{axis}": grid, f"threadIdx.{axis}": block}
        for comparison in find_nodes(self.function.node, "binary_expression"):
            self._bound(comparison)
        for declarator in find_nodes(self.function.node, "init_declarator"):
            self._declared(declarator)

    def shape(self, pointer: str) -> Shape | None:
        """The shape of a pointer parameter, outermost first; None if the indices do not show it."""
        shapes = [self._row_major(index) if index is not None else None for index in self._indices(pointer)]
        known = [shape for shape in shapes if shape is not None]
        if None in shapes and all(shape == ("1",) for shape in known):
            return None  # element 0 is used, but other indices were not understood
        return max(known, key=len, default=None)

    def is_read(self, pointer: str) -> bool:
        """Whether an element of it is read: anywhere but as the target of a plain assignment, or by an atomic."""
        names = {pointer} | {alias for alias, (base, _) in self.aliases.items() if base == pointer}
        accesses = [node for node in find_nodes(self.function.node, "subscript_expression") if _base(node) in names]
        accesses += [node for node in find_nodes(self.function.node, "pointer_expression") if _base(node) in names]
        return any(not _is_stored(access) for access in accesses) or bool(self._bare(names))

    def _bound(self, comparison: Node) -> None:
        left, operator, right = (text_of(child) for child in comparison.children)
        if operator in (">", "<="):
            left, right = right, left
        elif operator not in ("<", ">="):
            return
        if left.isidentifier() and left not in self.values and right in self.values:
            self.bounds.setdefault(left, self.values[right])

    def _declared(self, declarator: Node) -> None:
        name, value = declarator.child_by_field_name("declarator"), declarator.child_by_field_name("value")
        if name is None or value is None:
            return
        if name.type == "identifier":
            self.locals[text_of(name)] = value
        elif name.type == "pointer_declarator":
            self._alias(text_of(list(find_nodes(name, "identifier"))[-1]), value)

    def _alias(self, name: str, value: Node) -> None:
        """`const float* row_start = x + row * cols`."""
        pointers = [parameter.name for parameter in self.function.parameters if parameter.is_pointer]
        if value.type == "identifier" and text_of(value) in pointers:
            self.aliases[name] = (text_of(value), ())
        if (
            value.type == "binary_expression"
            and text_of(value.children[1]) == "+"
            and text_of(value.children[0]) in pointers
        ):
            offset = self._polynomial(value.children[2])
            if offset is not None:
                self.aliases[name] = (text_of(value.children[0]), offset)

    def _indices(self, pointer: str) -> list[Polynomial | None]:
        found: list[Polynomial | None] = []
        for access in find_nodes(self.function.node, "subscript_expression"):
            base = _base(access)
            start = self.aliases.get(base, ("", ()))
            if base == pointer or start[0] == pointer:
                index = self._polynomial(access.children[1].named_children[0])
                found.append((*start[1], *index) if index is not None else None)
        return found + [(("0",),)] * len(self._bare({pointer}))

    def _bare(self, names: set[str]) -> list[Node]:
        """Uses of a pointer itself as the target of an atomic: `atomicAdd(out, value)`."""
        calls = [
            node for node in find_nodes(self.function.node, "call_expression") if text_of(node).startswith("atomic")
        ]
        arguments = [call.children[-1].named_children[:1] for call in calls]
        return [first for (first, *_) in filter(None, arguments) if text_of(first) in names]

    def _polynomial(self, node: Node) -> Polynomial | None:
        text = text_of(node)
        if node.type == "parenthesized_expression":
            return self._polynomial(node.named_children[0])
        if node.type == "number_literal" or text in self.bounds:
            return ((text,),)
        if text in self.values:
            return ((self.values[text],),)
        if text in self.locals and self.locals[text] is not node:
            return self._polynomial(self.locals[text]) if text not in text_of(self.locals[text]) else None
        if node.type == "binary_expression":
            return self._combined(node)
        return None

    def _combined(self, node: Node) -> Polynomial | None:
        left, right = self._polynomial(node.children[0]), self._polynomial(node.children[2])
        operator = text_of(node.children[1])
        if left is None or right is None or operator not in ("+", "*") or len(left) * len(right) > MAX_TERMS:
            return None
        return left + right if operator == "+" else tuple(one + other for one in left for other in right)

    def _row_major(self, index: Polynomial) -> Shape | None:
        if all(term == ("0",) for term in index):
            return ("1",)
        places = [self._place(term) for term in index if term != ("0",)]
        known = [place for place in places if place is not None]
        if len(known) < len(places):
            return None
        known.sort(key=lambda place: -len(place[1]))
        shape = tuple(bound for bound, _ in known)
        strides = [sorted(strides) for _, strides in known]
        return shape if strides == [sorted(shape[place + 1 :]) for place in range(len(shape))] else None

    def _place(self, term: Term) -> tuple[str, list[str]] | None:
        """The bound of the one variable of a term, and what it is multiplied by."""
        variables = [factor for factor in term if factor in self.bounds]
        if len(variables) != 1:
            return None
        return self.bounds[variables[0]], [factor for factor in term if factor != variables[0]]


def _base(access: Node) -> str:
    """The name that is indexed or dereferenced."""
    return text_of(access.children[0] if access.type == "subscript_expression" else access.children[-1])


def _is_stored(access: Node) -> bool:
    parent = access.parent
    if parent is None or parent.type != "assignment_expression":
        return False
    return parent.children[0] == access and text_of(parent.children[1]) == "="
