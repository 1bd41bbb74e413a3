"""Which declaration every identifier of a function means, and where each variable is written.

Lexical scoping of C++ for parameters, locals and loop variables. What it does not understand it refuses:
`Names.understood` is false for functions with references, pointers to pointers, lambdas, labels or inline assembly.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.syntax import child_of, of_type, operator_of, text_of

_REFUSED = (
    "reference_declarator",
    "lambda_expression",
    "labeled_statement",
    "goto_statement",
    "gnu_asm_expression",
    "asm_statement",
    "structured_binding_declarator",
    "try_statement",
    "delete_expression",
    "new_expression",
)
_SCOPES = ("compound_statement", "for_statement", "while_statement", "if_statement", "for_range_loop")


@dataclass(frozen=True, eq=False)
class Declaration:
    """One variable: `identifier` is where it is declared, `statement` the whole declaration, `value` its
    initialiser.
    """

    name: str
    type: str
    identifier: Node
    statement: Node
    value: Node | None
    is_parameter: bool
    is_pointer: bool
    is_array: bool
    qualifiers: frozenset[str]

    @property
    def is_shared(self) -> bool:
        return "__shared__" in self.qualifiers


class Names:
    """The names of one function definition."""

    def __init__(self, function: Node) -> None:
        self.understood = next(of_type(function, *_REFUSED), None) is None
        self.declarations: list[Declaration] = []
        self._meaning: dict[int, Declaration] = {}
        self._uses: dict[int, list[Node]] = {}
        scope: dict[str, Declaration] = {}
        for parameter in of_type(child_of(function, "declarator"), "parameter_declaration"):
            self._declare(parameter, scope, is_parameter=True)
        self._visit(child_of(function, "body"), scope)

    def declaration(self, identifier: Node) -> Declaration | None:
        """What the identifier means; None for what the function does not declare (macros, functions, built-ins)."""
        return self._meaning.get(identifier.start_byte) if identifier.type == "identifier" else None

    def uses(self, declaration: Declaration) -> list[Node]:
        """Every identifier that means this variable, its declaration not counted."""
        return self._uses.get(declaration.identifier.start_byte, [])

    def writes(self, declaration: Declaration) -> list[Node]:
        """The expressions that write the variable (or one of its elements), or take its address."""
        pointer = declaration.is_pointer and not declaration.is_array
        return [written for use in self.uses(declaration) if (written := _writing(use, pointer)) is not None]

    def is_constant(self, declaration: Declaration) -> bool:
        """Whether the variable keeps the value of its declaration."""
        return not self.writes(declaration)

    def _visit(self, node: Node, scope: dict[str, Declaration]) -> None:
        if node.type in _SCOPES:
            scope = dict(scope)
        if node.type == "identifier":
            meaning = scope.get(text_of(node))
            if meaning is not None:
                self._meaning[node.start_byte] = meaning
                self._uses.setdefault(meaning.identifier.start_byte, []).append(node)
            return
        if node.type == "declaration":
            self._declare(node, scope, is_parameter=False)
            return
        for child in node.children:
            self._visit(child, scope)

    def _declare(self, statement: Node, scope: dict[str, Declaration], is_parameter: bool) -> None:
        qualifiers = frozenset(
            text_of(child)
            for child in statement.children
            if child.type in ("type_qualifier", "storage_class_specifier")
        )
        kind = text_of(child_of(statement, "type"))
        for declarator in statement.children_by_field_name("declarator"):
            value = declarator.child_by_field_name("value")
            identifier, is_pointer, is_array = _declared(declarator)
            if identifier is None:
                self.understood = False
                continue
            for mentioned in of_type(declarator, "identifier"):
                if mentioned != identifier:
                    self._visit(mentioned, scope)
            found = Declaration(
                text_of(identifier), kind, identifier, statement, value, is_parameter, is_pointer, is_array, qualifiers
            )
            scope[found.name] = found
            self.declarations.append(found)


def _declared(declarator: Node) -> tuple[Node | None, bool, bool]:
    """The identifier that a declarator declares, whether it is a pointer, and whether it is an array."""
    is_pointer = is_array = False
    node: Node | None = declarator
    while node is not None and node.type != "identifier":
        if node.type == "pointer_declarator" and is_pointer:
            return None, False, False
        is_pointer |= node.type == "pointer_declarator"
        is_array |= node.type == "array_declarator"
        if node.type not in ("init_declarator", "pointer_declarator", "array_declarator"):
            return None, False, False
        node = node.child_by_field_name("declarator")
    return node, is_pointer, is_array


def _writing(use: Node, pointer: bool) -> Node | None:
    """The expression that writes the variable at this use, if one does; what a pointer points to is not the pointer."""
    target = use
    while target.parent is not None:
        parent = target.parent
        if parent.type == "assignment_expression" and child_of(parent, "left") == target:
            return parent
        if parent.type == "update_expression":
            return parent
        if parent.type == "pointer_expression":
            return parent if operator_of(parent) == "&" else None
        is_part = (
            not pointer
            and parent.type in ("subscript_expression", "field_expression")
            and child_of(parent, "argument") == target
        )
        if not (is_part or parent.type == "parenthesized_expression"):
            return None
        target = parent
    return None
