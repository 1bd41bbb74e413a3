"""What nvdisasm prints with -c -gp -ndf, read line by line: sections, functions, lines of the PTX, instructions.

    //--------------------- .text.NAME         --------------------------
            .other          NAME,@"STO_CUDA_ENTRY STV_DEFAULT"
    NAME:
        //## File ".nv_debug_ptx_txt", line 144
            /*0000*/                   LDC R1, c[0x0][0x28] ;
            /*0010*/              @!P0 CALL.REL.NOINC `($__internal_0_$__cuda_sm20_div_s64) ;

(From nvdisasm 13.1 and 13.5.) Its JSON has no lines, which is why the listing is read. Every pattern is bounded and
looks at one line. Routines that ptxas adds itself (`__internal`, `__cuda_`) are functions of their own here; they have
no line of the PTX.
"""

from __future__ import annotations

import re

from kernelevo.types import MachineCode, MachineInstruction

MOST_INSTRUCTIONS = 1 << 20
_SECTION = re.compile(r"//-+ \.text\.(?P<name>\S{1,4096})")
_ENTRY = re.compile(r"\s*\.other\s+(?P<name>[^,\s]{1,4096}),@\"STO_CUDA_ENTRY\b")
_LABEL = re.compile(r"(?P<name>[\w$.]{1,4096}):\s*")
_LINE = re.compile(r'\s*//## File "(?P<file>[^"]{0,4096})", line (?P<line>\d{1,9})')
_INSTRUCTION = re.compile(
    r"\s*/\*[0-9a-f]{4,8}\*/\s+(?:\{\s*)?(?:@!?U?P\w{1,3}\s+)?(?P<opcode>[A-Z][A-Z0-9_]*(?:\.[\w:]+)*)(?P<rest>.*)"
)
_TARGET = re.compile(r"`\((?P<name>[\w$.]{1,4096})\)")
_PTX = ".nv_debug_ptx_txt"
_ADDED = ("__internal", "__cuda_")


class BadListing(ValueError):
    """The text is no listing that we understand; the message says why."""


def read_listing(text: str, source: str) -> MachineCode | None:
    """The functions in a listing; None where no instruction has a line. Raises BadListing."""
    functions: dict[str, list[MachineInstruction]] = {}
    entries: set[str] = set()
    section, function, line, count = "", "", 0, 0
    for row in text.split("\n"):
        if found := _INSTRUCTION.match(row):
            count += 1
            functions.setdefault(function or section, []).append(_instruction(found, line))
        elif found := _LINE.match(row):
            line = int(found["line"]) if found["file"] == _PTX else 0
        elif found := _SECTION.match(row):
            section, function, line = found["name"], "", 0
        elif found := _ENTRY.match(row):
            entries.add(found["name"])
        elif found := _LABEL.fullmatch(row):
            function, line = _function_at(found["name"], section, function, line)
        if count > MOST_INSTRUCTIONS:
            raise BadListing(f"more than {MOST_INSTRUCTIONS} instructions")
    if not entries:
        raise BadListing("no kernel is in it")
    if not any(each.ptx_line for instructions in functions.values() for each in instructions):
        return None
    return MachineCode(source, {name: tuple(each) for name, each in functions.items()}, frozenset(entries))


def is_added(name: str) -> bool:
    """Whether a function is a routine that the assembler adds, such as a 64-bit division."""
    return any(mark in name for mark in _ADDED)


def _instruction(found: re.Match[str], line: int) -> MachineInstruction:
    target = _TARGET.search(found["rest"]) if found["opcode"].startswith("CALL") else None
    return MachineInstruction(found["opcode"], line, target["name"] if target else "")


def _function_at(label: str, section: str, function: str, line: int) -> tuple[str, int]:
    """The function behind a label, and the line that holds there: labels inside a function change nothing."""
    if label.startswith(".text.") or label.startswith(".L_"):
        return function, line
    return (label, 0) if is_added(label) else (section if label == section else label, line)
