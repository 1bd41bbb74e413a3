"""CUDA text as a syntax tree, and edits of the text by tree positions.

The tree is tree-sitter-cuda's; its node names are those of the tree-sitter-cpp grammar
(https://github.com/tree-sitter/tree-sitter-cpp). Nothing is preprocessed: macros stay identifiers, and text that
does not parse without errors is left alone by every rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter_cuda
from tree_sitter import Language, Node, Parser

LOOPS = ("for_statement", "while_statement", "do_statement", "for_range_loop")


def parse(text: str) -> Node:
    """The root node of `text`; look at `has_error` before trusting it."""
    return Parser(Language(tree_sitter_cuda.language())).parse(text.encode()).root_node


def text_of(node: Node) -> str:
    """The source text that the node covers."""
    if node.text is None:
        raise ValueError("a node without text: it was not made by parse()")
    return node.text.decode()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in source order."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def depth(node: Node) -> int:
    """How many nodes lie below one another at most."""
    deepest, stack = 0, [(node, 1)]
    while stack:
        current, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in current.children)
    return deepest


def of_type(node: Node, *types: str) -> Iterator[Node]:
    """The descendants (the node included) of the given types, in source order."""
    return (found for found in walk(node) if found.type in types)


def root_of(node: Node) -> Node:
    """The root of the node's tree."""
    while node.parent is not None:
        node = node.parent
    return node


def inside(node: Node, outer: Node) -> bool:
    """Whether the node lies within `outer` (or is it)."""
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte


def ancestors(node: Node, until: Node) -> Iterator[Node]:
    """The nodes above `node`, nearest first, ending before `until`."""
    current = node.parent
    while current is not None and current != until:
        yield current
        current = current.parent


def bare(node: Node) -> Node:
    """The expression without parentheses and without casts."""
    while True:
        if node.type == "parenthesized_expression":
            node = next(child for child in node.named_children if child.type != "comment")
        elif node.type == "cast_expression":
            node = child_of(node, "value")
        elif node.type == "call_expression" and callee(node) == "static_cast":
            node = arguments(node)[0]
        else:
            return node


def child_of(node: Node, field_name: str) -> Node:
    """The child in that field; a missing one is a fault of the rule that asks."""
    child = node.child_by_field_name(field_name)
    if child is None:
        raise ValueError(f"a {node.type} without {field_name}: {text_of(node)[:60]}")
    return child


def operator_of(node: Node) -> str:
    """The operator's text of a binary, unary, assignment, update or pointer expression."""
    return text_of(child_of(node, "operator"))


def callee(call: Node) -> str:
    """The name that a call expression calls, without template arguments."""
    function = child_of(call, "function")
    name = function.child_by_field_name("name") if function.type == "template_function" else function
    return text_of(name) if name is not None else text_of(function)


def arguments(call: Node) -> list[Node]:
    """The argument expressions of a call."""
    return [child for child in child_of(call, "arguments").named_children if child.type != "comment"]


def statements_of(node: Node) -> list[Node]:
    """The statements of a block; a single statement is a block of one. Comments and pragmas are left out."""
    if node.type != "compound_statement":
        return [node]
    return [child for child in node.named_children if child.type not in ("comment", "preproc_call")]


def indentation(node: Node) -> str:
    """The white space at the start of the line on which the node starts."""
    line = text_of(root_of(node)).encode()[: node.start_byte].rsplit(b"\n", 1)[-1].decode()
    return line[: len(line) - len(line.lstrip())]


def line_start(data: bytes, position: int) -> int:
    """The position of the first byte of the line that holds `position`."""
    return data.rfind(b"\n", 0, position) + 1


def reindented(block: str, indent: str) -> str:
    """The lines of `block` moved so that the least indented one starts at `indent`; directives move too."""
    lines = block.split("\n")
    widths = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(widths, default=0)
    return "\n".join(indent + line[least:] if line.strip() else "" for line in lines)


def fresh_name(wanted: str, root: Node) -> str:
    """`wanted`, or with the first number behind it that makes it a name which the source does not use."""
    taken = {text_of(node) for node in of_type(root, "identifier", "field_identifier", "type_identifier")}
    taken |= {word for node in of_type(root, "preproc_arg") for word in re.findall(r"[A-Za-z_]\w*", text_of(node))}
    if wanted not in taken:
        return wanted
    number = next(number for number in range(2, len(taken) + 3) if f"{wanted}{number}" not in taken)
    return f"{wanted}{number}"


@dataclass
class Edits:
    """Replacements of stretches of one text, given by byte positions of the unedited text; they must not overlap."""

    data: bytes
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, node: Node, text: str) -> None:
        self.changes.append((node.start_byte, node.end_byte, text))

    def span(self, start: int, end: int, text: str) -> None:
        self.changes.append((start, end, text))

    def insert(self, position: int, text: str) -> None:
        self.changes.append((position, position, text))

    def remove_line(self, node: Node) -> None:
        """Removes the node and, where it stands alone, its whole line."""
        start = line_start(self.data, node.start_byte)
        end = self.data.find(b"\n", node.end_byte)
        alone = end >= 0 and not (self.data[start : node.start_byte] + self.data[node.end_byte : end]).strip()
        self.changes.append((start, end + 1, "") if alone else (node.start_byte, node.end_byte, ""))

    def within(self, start: int, end: int) -> str:
        """The stretch of text with the changes inside it made."""
        pieces, position = [], start
        for first, last, text in sorted(self.changes, key=lambda change: (change[0], change[1])):
            if first < start or last > end:
                continue
            if first < position:
                raise ValueError(f"two edits overlap at byte {first}")
            pieces += [self.data[position:first].decode(), text]
            position = last
        return "".join([*pieces, self.data[position:end].decode()])

    def of(self, node: Node) -> str:
        """The node's text with the changes inside it made."""
        return self.within(node.start_byte, node.end_byte)

    def text(self) -> str:
        return self.within(0, len(self.data))
