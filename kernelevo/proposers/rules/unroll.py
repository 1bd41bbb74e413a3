"""Unrolls innermost loops, so that several loads are under way at once.

Found: counted loops with no loop inside that load from memory, and have no pragma yet. Written: `#pragma unroll N`
above all of them in the kernel. What the kernel computes does not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kernelevo.proposers.rules.accesses import find_accesses
from kernelevo.proposers.rules.loops import counted_loop
from kernelevo.proposers.rules.subject import Rewrite, Subject
from kernelevo.proposers.rules.syntax import LOOPS, child_of, indentation, of_type


def unroll(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`factor`: iterations done at once."""
    for launched in subject.launched():
        kernel = launched.kernel
        accesses = find_accesses(kernel, launched.forms) or []
        loops = []
        for node in of_type(kernel.body, "for_statement"):
            innermost = next(of_type(child_of(node, "body"), *LOOPS), None) is None
            above, parent = node.prev_sibling, node.parent
            plain = (
                parent is not None
                and parent.type == "compound_statement"
                and (above is None or above.type != "preproc_call")
            )
            if innermost and plain and counted_loop(kernel, node) and any(access.within(node) for access in accesses):
                loops.append(node)
        for factor in parameters["factor"] if loops else ():
            edits = subject.edits()
            for node in loops:
                edits.insert(node.start_byte, f"#pragma unroll {factor}\n{indentation(node)}")
            yield Rewrite(edits.text(), f"unroll({kernel.name}, factor={factor})")
