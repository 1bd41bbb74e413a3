"""Joins the PTX of several Triton compiles, one kernel each, into one module, and makes its lines the user's own.

Triton's PTX (LLVM's NVPTX back end) declares things at the beginning of a line, and ends with file names and DWARF.
What several modules declare alike is kept once, what they define under one name is renamed, and DWARF is dropped.
A `.loc` in Triton's own library (`tl.sum`) becomes the place in the candidate's file that it was inlined at, which is
where a profile or a fault should point.

The text may be a candidate's through and through: reading takes time in proportion to its length, and a text that is
not as expected comes out as PTX that the assembler refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"^\.(?:version|target|address_size) [^\n]{1,100}\n", re.MULTILINE)
_TRAILER = re.compile(r"^\t\.file\t", re.MULTILINE)
_FILE = re.compile(r"^\t\.file\t(\d{1,6}) \"([^\"\n]{0,4096})\"", re.MULTILINE)
_LOC = re.compile(
    r"[ \t]{0,9}\.loc[ \t]{1,9}(\d{1,6}) (\d{1,9}) (\d{1,9})"
    r"(?:, function_name [\w$]{1,99}, inlined_at (\d{1,6}) (\d{1,9}) (\d{1,9}))?"
)
_EXTERN = re.compile(r"^\.extern (?:[^;\n]|\n(?!\.extern ))*+;\n", re.MULTILINE)
_NAME = r"([A-Za-z_$%][\w$]{0,999}+)"
_DEFINED = re.compile(
    rf"^(?:\.func[ \t]{{1,9}}(?:\([^)\n]{{0,999}}\)[ \t]{{0,9}})?{_NAME}"
    rf"|(?:\.visible )?\.(?:global|const)(?: [^=;\n\[]{{0,200}}?)? {_NAME}[ \t]{{0,9}}[\[=;])",
    re.MULTILINE,
)


def join_ptx(modules: Sequence[str], file_name: str) -> str:
    """One PTX text with the kernels of all; those must have different names."""
    headers = "".join(_HEADER.findall(modules[0]))
    declared: set[str] = set()
    bodies = [_body(ptx, index, file_name, declared) for index, ptx in enumerate(modules)]
    return f'{headers}.file 1 "{file_name}"\n{"".join(bodies)}'


def _body(ptx: str, index: int, file_name: str, declared: set[str]) -> str:
    trailer = _TRAILER.search(ptx)
    end = trailer.start() if trailer else len(ptx)
    own = {int(number) for number, path in _FILE.findall(ptx[end:]) if path.split("/")[-1] == file_name}
    body = _HEADER.sub("", ptx[:end])
    body = "\n".join(_with_own_lines(body.split("\n"), own))
    body = _EXTERN.sub(lambda found: _once(found[0], declared), body)
    return _renamed(body, index) if index else body


def _once(declaration: str, declared: set[str]) -> str:
    if declaration in declared:
        return ""
    declared.add(declaration)
    return declaration


Place = tuple[str, str, str]
"""File, line and column."""


def _with_own_lines(lines: Sequence[str], own: set[int]) -> Iterator[str]:
    """The lines, with each `.loc` in the candidate's file 1; one that leads to no line of it is left out."""
    known: dict[Place, Place] = {}
    in_assembly = False
    for line in lines:
        if "inline asm" in line:
            in_assembly = "begin" in line
        found = _LOC.match(line) if ".loc" in line else None
        if found is None:
            yield line
            continue
        if in_assembly:
            continue  # LLVM counts the lines of the assembly text on from the statement's own, which holds for all
        here: Place = (found[1], found[2], found[3])
        outer: Place = (found[4] or "", found[5] or "", found[6] or "")
        place = next((each for each in (here, outer) if each[0] and int(each[0]) in own), known.get(outer))
        if place is not None:
            known[here] = place
            yield f"\t.loc\t1 {place[1]} {place[2]}"


def _renamed(body: str, index: int) -> str:
    """With another name for each function and variable that is not a kernel, in this and no other module."""
    names = {name for pair in _DEFINED.findall(body) for name in pair if name}
    if not names:
        return body
    word = re.compile(r"(?<![\w$%.])[A-Za-z_$%][\w$]{0,999}")
    return word.sub(lambda found: f"{found[0]}__{index}" if found[0] in names else found[0], body)
