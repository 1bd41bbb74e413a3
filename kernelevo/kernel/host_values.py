"""Integer and dim3 values of straight-line host code, as expressions of a launch plan.

Locals, file constants, macros with parameters and one-line integer functions are put in place where they are used, so
that what is left names only the launcher's parameters. What has no place in a plan (floating point, pointers, other
calls) is refused with its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from kernelevo.errors import BadInput
from kernelevo.kernel.cuda_syntax import INTEGER_TYPES, line_of, text_of
from kernelevo.kernel.expressions import FUNCTIONS, ExpressionError, parse

Triple = tuple[str, str, str]


@dataclass(frozen=True)
class Inline:
    """A function of integers that is put in place: parameter names and the text it returns."""

    parameters: tuple[str, ...]
    body: str


@dataclass
class Scope:
    """What names mean at a place of the host code: integers and dim3 as text in the plan's terms, functions to put in
    place.
    """

    file_name: str
    integers: dict[str, str] = field(default_factory=dict)
    dim3s: dict[str, Triple] = field(default_factory=dict)
    inlines: Mapping[str, Inline] = field(default_factory=dict)

    def refuse(self, node: Node, what: str) -> BadInput:
        return BadInput(f"{self.file_name}:{line_of(node)}: {what}")

    def integer(self, node: Node) -> str:
        """The value of an integer expression as text of the plan; raises BadInput with its line."""
        try:
            return parse(self._integer(node)).simplified().text
        except ExpressionError as error:
            raise self.refuse(node, f"`{_short(node)}` cannot be taken into a plan: {error}") from error

    def triple(self, node: Node) -> Triple:
        """A grid or block: an integer expression, a dim3 local, `dim3(...)` or `{...}`."""
        if node.type == "identifier" and text_of(node) in self.dim3s:
            return self.dim3s[text_of(node)]
        if node.type in ("argument_list", "initializer_list"):
            return self._sizes(node, node.named_children)
        if node.type in ("call_expression", "compound_literal_expression") and text_of(node.children[0]) == "dim3":
            return self.triple(node.children[1])
        return (self.integer(node), "1", "1")

    def constructed(self, parameters: Node) -> Triple:
        """The names in `dim3 block(threads, rows)`, which the parser took for the parameters of a function."""
        for each in parameters.named_children:
            if len(each.children) != 1:
                raise self.refuse(each, f"`{_short(each)}` is no size of a dim3; give one to three integers")
        return self._sizes(parameters, [each.children[0] for each in parameters.named_children])

    def _sizes(self, node: Node, sizes: list[Node]) -> Triple:
        if len(sizes) == 1 and text_of(sizes[0]) in self.dim3s:
            return self.dim3s[text_of(sizes[0])]
        if not 1 <= len(sizes) <= 3:
            raise self.refuse(node, f"a dim3 has one to three sizes, not {len(sizes)}")
        texts = [self.integer(size) for size in sizes] + ["1"] * (3 - len(sizes))
        return (texts[0], texts[1], texts[2])

    def _integer(self, node: Node) -> str:
        if node.type == "number_literal":
            return text_of(node).replace("'", "")
        if node.type in ("identifier", "type_identifier"):
            name = text_of(node)
            if name in self.dim3s:
                raise self.refuse(node, f"{name} is a dim3 where an integer is needed; use {name}.x")
            return closed(self.integers.get(name, name))
        if node.type == "call_expression":
            return self._call(node)
        if node.type == "field_expression":
            return self._field(node)
        if node.type in ("cast_expression", "sizeof_expression"):
            return self._typed(node)
        if node.type in ("binary_expression", "unary_expression", "parenthesized_expression", "conditional_expression"):
            return "".join(self._integer(child) if child.is_named else _spaced(node, child) for child in node.children)
        raise self.refuse(node, f"`{_short(node)}` is no integer arithmetic, so it cannot be taken into a plan")

    def _typed(self, node: Node) -> str:
        """A cast between integers changes nothing here, and a sizeof stays as it is."""
        if node.type == "sizeof_expression":
            return " ".join(text_of(node).split())
        type_node, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        assert type_node is not None and value is not None
        if text_of(type_node) not in INTEGER_TYPES:
            raise self.refuse(node, f"`{_short(node)}` is no integer arithmetic; write (a + b - 1) / b to round up")
        return closed(self._integer(value))

    def _field(self, node: Node) -> str:
        owner, _, component = text_of(node).partition(".")
        if owner in self.dim3s and component in ("x", "y", "z"):
            return closed(self.dim3s[owner]["xyz".index(component)])
        raise self.refuse(node, f"`{_short(node)}` is no component of a dim3 of this function")

    def _call(self, node: Node) -> str:
        name = re.sub(r"^(std|::)::|<[A-Za-z_ ]+>$", "", text_of(node.children[0]))
        arguments = node.children[-1].named_children
        if text_of(node.children[0]).startswith("static_cast<") and len(arguments) == 1:
            return closed(self._integer(arguments[0]))
        texts = [self._integer(argument) for argument in arguments]
        if name in self.inlines and len(texts) == len(self.inlines[name].parameters):
            return closed(_put_in(self.inlines[name], texts))
        if name in FUNCTIONS:
            return f"{name}({', '.join(texts)})"
        raise self.refuse(node, f"`{_short(node)}` calls a function, and a plan has none but {', '.join(FUNCTIONS)}")


def closed(text: str) -> str:
    """The text in parentheses, unless it is one name or number."""
    return text if re.fullmatch(r"\w+", text) else f"({text})"


def _put_in(inline: Inline, arguments: list[str]) -> str:
    given = dict(zip(inline.parameters, map(closed, arguments), strict=True))
    return re.sub(r"[A-Za-z_]\w*", lambda match: given.get(match.group(), match.group()), inline.body)


def _spaced(parent: Node, operator: Node) -> str:
    if parent.type in ("binary_expression", "conditional_expression"):
        return f" {text_of(operator)} "
    return text_of(operator)


def _short(node: Node) -> str:
    text = " ".join(text_of(node).split())
    return text if len(text) <= 60 else text[:57] + "..."
