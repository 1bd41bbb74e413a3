"""Counted loops: `for (int j = start; j < bound; j += step)` whose counter only the header changes."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.polynomials import Forms, Polynomial
from kernelevo.proposers.rules.syntax import bare, child_of, inside, of_type, operator_of, text_of


@dataclass(frozen=True, eq=False)
class CountedLoop:
    """A loop that counts up; start, bound and step are nodes of its header (step None for `++j`)."""

    node: Node
    counter: Declaration
    start: Node
    condition: Node
    bound: Node
    update: Node
    step: Node | None

    @property
    def body(self) -> Node:
        return child_of(self.node, "body")

    def step_form(self, forms: Forms) -> Polynomial:
        return Polynomial.constant(1) if self.step is None else forms.of(self.step)


def counted_loop(kernel: Kernel, node: Node) -> CountedLoop | None:
    """The loop, if it is a counted one with `<`, a declared counter, and a bound and step that its body leaves
    alone.
    """
    start, condition, update = (node.child_by_field_name(name) for name in ("initializer", "condition", "update"))
    if node.type != "for_statement" or start is None or condition is None or update is None:
        return None
    counters = [found for found in kernel.names.declarations if found.statement == start]
    if len(counters) != 1 or counters[0].value is None or counters[0].is_pointer:
        return None
    step = _step(kernel, counters[0], update)
    if step is None or condition.type != "binary_expression" or operator_of(condition) != "<":
        return None
    if kernel.names.declaration(bare(child_of(condition, "left"))) is not counters[0]:
        return None
    if len(kernel.names.writes(counters[0])) != 1:
        return None
    bound = child_of(condition, "right")
    loop = CountedLoop(node, counters[0], counters[0].value, condition, bound, update, step[0])
    fixed = invariant(kernel, bound, node) and (step[0] is None or invariant(kernel, step[0], node))
    return loop if fixed else None


def invariant(kernel: Kernel, expression: Node, loop: Node) -> bool:
    """Whether the expression's variables keep their values during the loop, and it reads no memory and calls
    nothing.
    """
    if next(
        of_type(expression, "call_expression", "subscript_expression", "pointer_expression", "update_expression"), None
    ):
        return False
    for use in of_type(expression, "identifier"):
        found = kernel.names.declaration(use)
        if found is not None and any(inside(write, loop) for write in kernel.names.writes(found)):
            return False
        if found is not None and inside(found.identifier, loop):
            return False
    return True


def _step(kernel: Kernel, counter: Declaration, update: Node) -> tuple[Node | None] | None:
    """A tuple of the step's node (None for one); None if the update is no counting up."""
    if update.type == "update_expression":
        counts = operator_of(update) == "++" and kernel.names.declaration(child_of(update, "argument")) is counter
        return (None,) if counts else None
    if (
        update.type != "assignment_expression"
        or kernel.names.declaration(bare(child_of(update, "left"))) is not counter
    ):
        return None
    return (child_of(update, "right"),) if text_of(child_of(update, "operator")) == "+=" else None
