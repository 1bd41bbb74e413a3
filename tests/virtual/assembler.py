"""NVIDIA's assembler as an oracle: what it works out of operations on constants, read from its machine code.

ptxas folds what it knows, and then stores a constant; what a kernel stores that way is what a card stores. What it does
not fold is not known here. Both programs come with Triton's wheel.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_FUNCTION = re.compile(r"^\.text\.(\w+):", re.MULTILINE)
_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,5}\*/\s+(.*?)\s*;")
_STORE = re.compile(r"STG\.E(?:\.(64|128))? (?:desc\[\w+\])?\[[^\]]*?(?:\+0x([0-9a-f]+))?\], (R\d+|RZ)$")
_WRITES = re.compile(r"\S+ (R(\d+)), (.*)$")
_GUARD = re.compile(r"(@!?U?P\w+ )?(.*)$")
_JUMPS = ("BRA", "BRX", "CALL", "RET", "BSSY", "BSYNC", "EXIT", "WARPSYNC")
_PAIRS = ("DADD", "DMUL", "DFMA", "DMNMX", "FADD2", "FMUL2", "FFMA2")  # write two registers
HALVES = {"RZ": 0, "-RZ": 0x8000, "+INF": 0x7C00, "-INF": 0xFC00}


@dataclass(frozen=True)
class Assembler:
    ptxas: Path
    nvdisasm: Path

    def stored(self, text: str, architecture: str, folder: Path) -> dict[str, dict[int, int]] | None:
        """By kernel, the words that it stores behind its first parameter and that are known, by their offset in bytes;
        None where the text is refused.
        """
        bodies = self.instructions(text, architecture, folder)
        return None if bodies is None else {name: _stored(body) for name, body in bodies.items()}

    def instructions(self, text: str, architecture: str, folder: Path) -> dict[str, list[str]] | None:
        """By kernel, its machine code as text; None where the text is refused."""
        source, cubin = folder / "kernels.ptx", folder / "kernels.cubin"
        source.write_text(text, encoding="utf-8", newline="")
        made = subprocess.run(
            [self.ptxas, f"-arch={architecture}", "-o", cubin, source], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return None
        listing = subprocess.run([self.nvdisasm, "-c", cubin], capture_output=True, text=True, check=True).stdout
        names = list(_FUNCTION.finditer(listing))
        ends = [*(match.start() for match in names[1:]), len(listing)]
        bodies = {match[1]: listing[match.end() : end] for match, end in zip(names, ends, strict=True)}
        return {name: _INSTRUCTION.findall(body) for name, body in bodies.items()}


def find_assembler() -> Assembler | None:
    found = importlib.util.find_spec("triton")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "backends" / "nvidia" / "bin"
    one = Assembler(folder / "ptxas", folder / "nvdisasm")
    return one if one.ptxas.is_file() and one.nvdisasm.is_file() else None


def _stored(instructions: Sequence[str]) -> dict[int, int]:
    """Of straight-line code: constants are followed through registers, everything else makes a register unknown."""
    registers: dict[int, int | None] = {}
    words: dict[int, int] = {}
    for each in instructions:
        guard, text = _GUARD.match(re.sub(r"\s+", " ", each)).groups()  # type: ignore[union-attr]
        if guard == "@!PT ":
            continue
        if text.startswith(_JUMPS) and not (text.startswith("EXIT") and not guard):
            return {}  # which way it goes is not followed
        if text.startswith("EXIT"):
            return words
        if guard:
            _forget(text, registers, words)
        elif store := _STORE.match(text):
            first = None if store[3] == "RZ" else int(store[3][1:])
            for place in range({None: 1, "64": 2, "128": 4}[store[1]]):
                value = 0 if first is None else registers.get(first + place)
                if value is not None:
                    words[int(store[2] or "0", 16) + 4 * place] = value
        elif written := _WRITES.match(text):
            _write(text.partition(" ")[0], int(written[2]), written[3].replace(".reuse", ""), registers)
    return words


def _forget(text: str, registers: dict[int, int | None], words: dict[int, int]) -> None:
    """What is done under a condition may have been done or not."""
    if store := _STORE.match(text):
        for place in range({None: 1, "64": 2, "128": 4}[store[1]]):
            words.pop(int(store[2] or "0", 16) + 4 * place, None)
    elif written := _WRITES.match(text):
        registers[int(written[2])] = registers[int(written[2]) + 1] = None


def _write(operation: str, target: int, operands: str, registers: dict[int, int | None]) -> None:
    values = operands.split(", ")
    registers[target] = None
    if operation == "MOV":
        registers[target] = _value(values[0], registers)
    elif operation == "IADD3.X" and set(values[3:]) <= {"PT", "!PT"}:
        registers[target] = _sum_with_carry(values, registers)
    elif operation == "IMAD.MOV.U32" and values[:2] == ["RZ", "RZ"]:
        registers[target] = _value(values[2], registers)
    elif operation.startswith("CS2R") and values == ["SRZ"]:
        registers[target] = 0
        if operation != "CS2R.32":
            registers[target + 1] = 0
    elif operation.startswith("HFMA2") and values[:2] == ["-RZ", "RZ"] and len(values) == 4:
        high, low = _half(values[2]), _half(values[3])
        registers[target] = None if high is None or low is None else high << 16 | low
    elif operation.startswith(_PAIRS) or "64" in operation or "WIDE" in operation:
        registers[target + 1] = None


def _sum_with_carry(values: Sequence[str], registers: dict[int, int | None]) -> int | None:
    """IADD3.X with carries that are known: a true predicate (PT) is one, `~` takes the ones' complement."""
    total = values[3:].count("PT")
    for each in values[:3]:
        part = _value(each.removeprefix("~"), registers)
        if part is None:
            return None
        total += ~part if each.startswith("~") else part
    return total & 0xFFFFFFFF


def _value(operand: str, registers: dict[int, int | None]) -> int | None:
    if operand == "RZ":
        return 0
    if re.fullmatch(r"R\d+", operand):
        return registers.get(int(operand[1:]))
    return int(operand, 16) & 0xFFFFFFFF if re.fullmatch(r"-?0x[0-9a-f]+", operand) else None


def _half(operand: str) -> int | None:
    """The bits of a number of 16 bits, as the disassembler writes it."""
    if operand in HALVES:
        return HALVES[operand]
    try:
        with np.errstate(over="ignore"):
            return int(np.float16(float(operand)).view(np.uint16))
    except ValueError:
        return None
