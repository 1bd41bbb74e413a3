"""Exchanges the roles of x and y in a two-dimensional launch.

Found: a kernel most of whose accesses are to neighbouring elements along threadIdx.y, and far apart along
threadIdx.x, along which the threads of a warp lie. Written: x and y exchanged in all built-in variables and in the
plan's line. Which thread does which work is all that changes, so that a kernel whose threads meet or exchange values
is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kernelevo.proposers.rules.accesses import find_accesses, spacing
from kernelevo.proposers.rules.effects import has_barrier
from kernelevo.proposers.rules.launches import LaunchText, replace_launch
from kernelevo.proposers.rules.subject import Rewrite, Subject
from kernelevo.proposers.rules.syntax import child_of, of_type, text_of
from kernelevo.proposers.rules.thread_index import BUILT_IN


def swap_axes(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """Takes no parameters."""
    for launched in subject.launched():
        kernel, line = launched.kernel, launched.line
        accesses = find_accesses(kernel, launched.forms)
        if accesses is None or has_barrier(kernel.body) or line.block[1].text == "1" or line.cluster is not None:
            continue
        kinds = [(spacing(access, "x"), spacing(access, "y")) for access in accesses]
        if kinds.count(("far", "next")) <= kinds.count(("next", "far")):
            continue
        edits = subject.edits()
        for node in of_type(kernel.body, "field_expression"):
            if text_of(child_of(node, "argument")) in BUILT_IN and text_of(child_of(node, "field")) in ("x", "y"):
                edits.replace(child_of(node, "field"), "y" if text_of(child_of(node, "field")) == "x" else "x")
        text = LaunchText.of(line)
        (gx, gy, gz), (bx, by, bz) = text.grid, text.block
        replace_launch(edits, line, replace(text, grid=(gy, gx, gz), block=(by, bx, bz)))
        yield Rewrite(edits.text(), f"swap_axes({kernel.name})")
