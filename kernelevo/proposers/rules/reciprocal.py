"""Division by the same number again and again -> one division, and multiplications by the reciprocal.

Found: `e / d` inside a counted loop where d is a float or double variable that the loop does not change. Written: `1
/ d` before the loop and `e * reciprocal` in it. The result differs in the last bit or so: whether that is allowed is
for the check against the reference to say, not for this rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from kernelevo.proposers.rules.loops import counted_loop, invariant
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.parallel_loops import loops_below
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import child_of, indentation, inside, of_type, operator_of

_ONE = {"float": "1.0f", "double": "1.0"}


def reciprocal(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """Takes no parameters."""
    for launched in subject.launched():
        found = [
            (loop, division, divisor)
            for loop in loops_below(launched.kernel.body)
            for division, divisor in _divisions(launched, loop)
        ]
        if not found:
            continue
        edits = subject.edits()
        named: dict[tuple[int, Declaration], str] = {}
        for loop, division, divisor in found:
            key = (loop.start_byte, divisor)
            if key not in named:
                earlier = sum(other is divisor for _, other in named)
                named[key] = subject.fresh(f"inverse_{divisor.name}{earlier + 1 if earlier else ''}")
                above = loop.prev_sibling
                first = above if above is not None and above.type == "preproc_call" else loop
                declared = f"const {divisor.type} {named[key]} = {_ONE[divisor.type]} / {divisor.name};"
                edits.insert(first.start_byte, f"{declared}\n{indentation(loop)}")
            edits.replace(child_of(division, "operator"), "*")
            edits.replace(child_of(division, "right"), named[key])
        yield Rewrite(edits.text(), f"reciprocal({launched.kernel.name})")


def _divisions(launched: Launched, loop: Node) -> Iterator[tuple[Node, Declaration]]:
    """The divisions in the loop by a variable that it leaves alone, with the variable."""
    kernel = launched.kernel
    if counted_loop(kernel, loop) is None or loop.parent is None or loop.parent.type != "compound_statement":
        return
    for division in of_type(child_of(loop, "body"), "binary_expression"):
        if operator_of(division) != "/":
            continue
        right = child_of(division, "right")
        divisor = kernel.names.declaration(right)
        if divisor is None or inside(divisor.identifier, loop) or divisor.is_pointer or divisor.type not in _ONE:
            continue
        if invariant(kernel, right, loop):
            yield division, divisor
