"""Which work item a thread has: its index along each axis, and the guard that ends threads without one.

int row = blockIdx.x * blockDim.x + threadIdx.x;     an index
if (row >= rows) return;                             a guard: `row < rows` holds below
if (row < rows) { ... }                              the same as the last statement of the kernel
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.polynomials import Polynomial
from kernelevo.proposers.rules.subject import Launched
from kernelevo.proposers.rules.syntax import bare, child_of, inside, of_type, operator_of, statements_of, text_of

BUILT_IN = ("threadIdx", "blockIdx", "blockDim", "gridDim")


@dataclass(frozen=True, eq=False)
class Guard:
    """`index < bound` for each pair; `body` are the statements that run where all hold, `node` the if statement.

    `opening` are the statements before the guard.
    """

    node: Node
    pairs: tuple[tuple[Node, Node], ...]
    opening: tuple[Node, ...]
    body: tuple[Node, ...]

    def bound_of(self, kernel: Kernel, variable: Declaration) -> Node | None:
        """The bound of the index variable."""
        return next((bound for index, bound in self.pairs if kernel.names.declaration(bare(index)) is variable), None)


def global_index(launched: Launched, axis: str) -> Declaration | None:
    """The one constant local that is block index * block size + thread index along the axis."""
    size = launched.forms.sizes[f"blockDim.{axis}"]
    thread = launched.forms.sizes.get(f"threadIdx.{axis}", Polynomial.atom(f"threadIdx.{axis}"))
    block = launched.forms.sizes.get(f"blockIdx.{axis}", Polynomial.atom(f"blockIdx.{axis}"))
    expected = block * size + thread
    kernel = launched.kernel
    found = [
        local
        for local in kernel.names.declarations
        if not local.is_parameter
        and local.value is not None
        and not local.is_pointer
        and text_mentions(local.value, f"threadIdx.{axis}")
        and kernel.names.is_constant(local)
        and launched.forms.of(local.value) == expected
    ]
    return found[0] if len(found) == 1 else None


def text_mentions(node: Node, built_in: str) -> bool:
    """Whether the text itself, with nothing followed to its declaration, holds the built-in (`threadIdx.x`)."""
    return any(text_of(part) == built_in for part in of_type(node, "field_expression"))


def uses_elsewhere(kernel: Kernel, allowed: tuple[Node, ...], built_ins: tuple[str, ...]) -> bool:
    """Whether a built-in component (`threadIdx.x`) is mentioned outside the allowed nodes, or a built-in is used
    whole.
    """
    for node in of_type(kernel.body, "identifier"):
        if text_of(node) not in BUILT_IN or any(inside(node, place) for place in allowed):
            continue
        parent = node.parent
        if parent is None or parent.type != "field_expression" or text_of(parent) in built_ins:
            return True
    return False


def find_guard(kernel: Kernel) -> Guard | None:
    """The kernel's guard: the one top-level `if` of either form, with nothing but declarations before it."""
    statements = statements_of(kernel.body)
    for position, statement in enumerate(statements):
        if statement.type == "if_statement":
            return _guard(statement, tuple(statements[:position]), tuple(statements[position + 1 :]))
        if statement.type != "declaration":
            return None
    return None


def _guard(statement: Node, opening: tuple[Node, ...], rest: tuple[Node, ...]) -> Guard | None:
    if statement.child_by_field_name("alternative") is not None:
        return None
    condition = child_of(child_of(statement, "condition"), "value")
    inner = statements_of(child_of(statement, "consequence"))
    ends = len(inner) == 1 and inner[0].type == "return_statement" and not inner[0].named_children
    pairs = _pairs(condition, "||" if ends else "&&", ends)
    if pairs is None or (not ends and rest):
        return None
    return Guard(statement, pairs, opening, rest if ends else tuple(inner))


def _pairs(condition: Node, joined_by: str, negated: bool) -> tuple[tuple[Node, Node], ...] | None:
    """The (index, bound) pairs of `i < n && j < m`, or of its negation `i >= n || j >= m`."""
    condition = bare(condition)
    if condition.type != "binary_expression":
        return None
    left, right = child_of(condition, "left"), child_of(condition, "right")
    operator = operator_of(condition)
    if operator == joined_by:
        first, second = _pairs(left, joined_by, negated), _pairs(right, joined_by, negated)
        return None if first is None or second is None else first + second
    if operator == (">=" if negated else "<"):
        return ((left, right),)
    if operator == ("<=" if negated else ">"):
        return ((right, left),)
    return None
