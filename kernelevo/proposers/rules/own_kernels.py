"""Gives every launch line a kernel of its own, so that rules may rewrite one line's kernel and leave the others'.

A plan may launch one kernel by several lines (other block sizes for other shapes, or one pass after another). Rules
change a kernel together with its line, which only works for a kernel that no other line launches.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from kernelevo.kernel.plan import LaunchLine
from kernelevo.proposers.rules.launches import LaunchText, replace_launch
from kernelevo.proposers.rules.subject import Subject, renamed_text


def with_own_kernels(subject: Subject) -> str:
    """The text in which all lines but the first of a kernel launch copies of it; the text as it is where there are
    none.
    """
    lines = [step for step in subject.plan.steps if isinstance(step, LaunchLine) and step.kernel in subject.kernels]
    edits, seen = subject.edits(), Counter[str]()
    for line in lines:
        seen[line.kernel] += 1
        if seen[line.kernel] == 1:
            continue
        kernel = subject.kernels[line.kernel]
        name = subject.fresh(f"{line.kernel}_{seen[line.kernel]}")
        edits.insert(kernel.outer.end_byte, f"\n\n{renamed_text(kernel, name, subject.edits())}")
        replace_launch(edits, line, replace(LaunchText.of(line), kernel=name))
    return edits.text()
