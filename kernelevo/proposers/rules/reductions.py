"""Loop-carried reductions: the ways in which kernels write `total += x` and `best = max(best, x)`.

A variable is reduced by a loop if every mention of it inside is part of one kind of update: `v += e`, `v -= e`, `v
*= e`, `v = v + e`, `v = fmaf(a, b, v)`, `v = fmaxf(v, e)`, `v = e > v ? e : v`, `if (e > v) v = e;` and their mirror
images. The order of the updates then does not matter beyond rounding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.syntax import (
    ancestors,
    arguments,
    bare,
    callee,
    child_of,
    inside,
    of_type,
    operator_of,
    statements_of,
    text_of,
)

TYPES = ("float", "double", "int", "unsigned", "unsigned int", "long long", "unsigned long long")
_MAXIMUM, _MINIMUM = re.compile(r"(?:f?max|fmaxf|umax)\Z"), re.compile(r"(?:f?min|fminf|umin)\Z")


@dataclass(frozen=True)
class Operator:
    """A commutative and associative operation: `join` combines two expressions, `identity` leaves the other unchanged.

    Maximum and minimum have no identity: they may start from the same value everywhere.
    """

    name: str
    identity: str | None

    def join(self, left: str, right: str, type_text: str) -> str:
        if self.name in ("max", "min"):
            function = {"float": f"f{self.name}f", "double": f"f{self.name}"}.get(type_text, self.name)
            return f"{function}({left}, {right})"
        return f"{left} {_SYMBOLS[self.name]} {right}"


_SYMBOLS = {"sum": "+", "product": "*", "and": "&", "or": "|", "xor": "^"}
SUM, PRODUCT = Operator("sum", "0"), Operator("product", "1")
MAXIMUM, MINIMUM = Operator("max", None), Operator("min", None)
_BY_ASSIGNMENT = {
    "+=": SUM,
    "-=": SUM,
    "*=": PRODUCT,
    "|=": Operator("or", "0"),
    "^=": Operator("xor", "0"),
    "&=": Operator("and", "~0"),
}


@dataclass(frozen=True, eq=False)
class Reduction:
    """The variable that a loop reduces, by which operation, and the updates (statements or expressions) in source
    order.
    """

    variable: Declaration
    operator: Operator
    updates: tuple[Node, ...]


def is_extremum(name: str) -> bool:
    """Whether the function of that name gives the maximum or minimum of its arguments."""
    return bool(_MAXIMUM.match(name) or _MINIMUM.match(name))


def identity_text(operator: Operator, type_text: str) -> str | None:
    """The operation's identity as a literal of the type."""
    if operator.identity is None or type_text not in TYPES:
        return None
    return operator.identity + {"float": ".0f", "double": ".0"}.get(type_text, "")


def reduction(kernel: Kernel, variable: Declaration, loop: Node) -> Reduction | None:
    """How the loop reduces the variable; None if it uses it in any other way."""
    if variable.type not in TYPES or variable.is_pointer or variable.is_array or variable.is_shared:
        return None
    updates: list[Node] = []
    operators: set[str] = set()
    found: Operator | None = None
    for use in kernel.names.uses(variable):
        if not inside(use, loop) or any(inside(use, update) for update in updates):
            continue
        update = _update_around(kernel, variable, use, loop)
        if update is None:
            return None
        updates.append(update[0])
        found = update[1]
        operators.add(found.name)
    if found is None or len(operators) != 1:
        return None
    return Reduction(variable, found, tuple(updates))


def _update_around(kernel: Kernel, variable: Declaration, use: Node, loop: Node) -> tuple[Node, Operator] | None:
    """The smallest update around the use in which the variable has no other part; it must be a statement of its own."""
    for node in ancestors(use, loop):
        operator = None
        if (
            node.type == "assignment_expression"
            and node.parent is not None
            and node.parent.type == "expression_statement"
        ):
            operator = _assignment(kernel, variable, node)
        elif node.type == "if_statement":
            operator = _conditional_update(kernel, variable, node)
        if operator is not None:
            return node, operator
    return None


def _assignment(kernel: Kernel, variable: Declaration, node: Node) -> Operator | None:
    if kernel.names.declaration(bare(child_of(node, "left"))) is not variable:
        return None
    symbol, value = text_of(child_of(node, "operator")), bare(child_of(node, "right"))
    if symbol != "=":
        return _BY_ASSIGNMENT.get(symbol) if not _mentions(kernel, variable, value) else None
    if value.type == "binary_expression":
        return _binary(kernel, variable, value)
    if value.type == "call_expression":
        return _call(kernel, variable, value)
    if value.type == "conditional_expression":
        chosen, other = child_of(value, "consequence"), child_of(value, "alternative")
        return _selection(kernel, variable, child_of(value, "condition"), chosen, other)
    return None


def _binary(kernel: Kernel, variable: Declaration, value: Node) -> Operator | None:
    left, right = child_of(value, "left"), child_of(value, "right")
    operator = {"+": SUM, "*": PRODUCT}.get(operator_of(value))
    if operator_of(value) == "-" and _is(kernel, variable, left) and not _mentions(kernel, variable, right):
        return SUM
    other = _other(kernel, variable, left, right)
    if operator is None or (other is None and operator is not SUM):
        return None
    return operator if other is not None else _chain(kernel, variable, value)


def _chain(kernel: Kernel, variable: Declaration, value: Node) -> Operator | None:
    """`v + a + b`, which parses as `(v + a) + b`: a sum with the variable as one of its terms."""
    terms, pending = [], [value]
    while pending:
        node = pending.pop()
        if node.type == "binary_expression" and operator_of(node) == "+":
            pending += [child_of(node, "left"), child_of(node, "right")]
        else:
            terms.append(node)
    own = [term for term in terms if _is(kernel, variable, term)]
    rest = [term for term in terms if not _is(kernel, variable, term)]
    return SUM if len(own) == 1 and not any(_mentions(kernel, variable, term) for term in rest) else None


def _call(kernel: Kernel, variable: Declaration, value: Node) -> Operator | None:
    given, name = arguments(value), callee(value)
    if name in ("fma", "fmaf", "__fmaf_rn") and len(given) == 3:
        factors = any(_mentions(kernel, variable, factor) for factor in given[:2])
        return SUM if _is(kernel, variable, given[2]) and not factors else None
    if len(given) != 2 or _other(kernel, variable, given[0], given[1]) is None:
        return None
    return MAXIMUM if _MAXIMUM.match(name) else MINIMUM if _MINIMUM.match(name) else None


def _selection(kernel: Kernel, variable: Declaration, condition: Node, chosen: Node, other: Node) -> Operator | None:
    """`e > v ? e : v` and its three mirror images."""
    condition = bare(condition)
    if condition.type != "binary_expression" or operator_of(condition) not in ("<", ">", "<=", ">="):
        return None
    left, right = child_of(condition, "left"), child_of(condition, "right")
    value = _other(kernel, variable, left, right)
    picked = _other(kernel, variable, chosen, other)
    if value is None or picked is None or text_of(bare(value)) != text_of(bare(picked)):
        return None
    first_is_variable = _is(kernel, variable, left)
    keeps_greater = operator_of(condition)[0] == ">"
    takes_left = text_of(bare(chosen)) == text_of(bare(left))
    if not takes_left and _is(kernel, variable, chosen) is first_is_variable:
        return None
    return MAXIMUM if keeps_greater == takes_left else MINIMUM


def _conditional_update(kernel: Kernel, variable: Declaration, node: Node) -> Operator | None:
    """`if (e > v) v = e;`"""
    inner = statements_of(child_of(node, "consequence"))
    if (
        node.child_by_field_name("alternative") is not None
        or len(inner) != 1
        or inner[0].type != "expression_statement"
    ):
        return None
    assignment = inner[0].named_children[0]
    if assignment.type != "assignment_expression" or text_of(child_of(assignment, "operator")) != "=":
        return None
    target, value = child_of(assignment, "left"), child_of(assignment, "right")
    if not _is(kernel, variable, target) or _mentions(kernel, variable, value):
        return None
    condition = next(of_type(child_of(node, "condition"), "binary_expression"), None)
    outer = child_of(node, "condition").child_by_field_name("value")
    if condition is None or outer is None or bare(outer) != condition:
        return None
    return _selection(kernel, variable, condition, value, target)


def _is(kernel: Kernel, variable: Declaration, node: Node) -> bool:
    return kernel.names.declaration(bare(node)) is variable


def _mentions(kernel: Kernel, variable: Declaration, node: Node) -> bool:
    return any(kernel.names.declaration(use) is variable for use in of_type(node, "identifier"))


def _other(kernel: Kernel, variable: Declaration, left: Node, right: Node) -> Node | None:
    """Of two expressions, the one that is not the variable, if the other one is and it does not mention it."""
    for own, other in ((left, right), (right, left)):
        if _is(kernel, variable, own) and not _mentions(kernel, variable, other):
            return other
    return None
