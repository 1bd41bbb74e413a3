"""Counts of PTX corrected by what the assembler made of it, and how well the two agree.

A basic block of the PTX has executed E times (exact), and the machine code has S instructions of a class on its lines.
Where the assembler has unrolled the loop around it, or copied it in another way, these are so many copies of the block,
each executed less often: so the block costs E * S / copies. Copies are told by anchors, PTX instructions of which one
copy has exactly one machine instruction: memory accesses, shuffles, barriers, special functions, arithmetic of one
slot. How many their lines have is the number of copies; the block's is the median. A line without any (it was merged,
fused or deleted) has no say. Where a block has no anchor, its compares and integer instructions of 32 bits and more are
asked (a product of 16 bits is a product and a mask, and would be taken for two copies); where these have gone, too,
the block keeps the counts that its PTX predicts. So does each instruction of a line that holds
several, as inline assembly without line breaks does: machine code is known by line, which does not tell them apart, and
a loop on one line would be taken for a part of the block before it.

What it does not see: code that was moved out of its block, both sides of a short branch that became predicates, and the
slow paths of divisions and roots, which are left out (FAST_PATH_ONLY).
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kernelevo.devices.sass_classes import PADDING, class_of
from kernelevo.types import LineCounts, MachineCode, MachineInstruction

LOW_AGREEMENT = 0.75
"""An estimate below it is marked: a quarter of the instructions are others than its counts say."""
FAST_PATH_ONLY = ("slowpath", "mediumpath", "_full")
_STRONG = frozenset(
    {
        *("global_load", "global_store", "global_atomic", "shared_load", "shared_store", "shared_atomic"),
        *("local_load", "local_store", "shuffle", "barrier", "special", "fp32", "fp64", "fp16"),
    }
)
_WEAK = frozenset({"integer", "predicate"})
_NARROW = re.compile(r"\.[subf](?:8|16)\b")
"""Types of instructions that one copy may have several machine instructions for: registers have 32 bits."""
_KEPT = frozenset({"matrix", "async_copy"})
"""Classes that stay as the PTX has them: their slots are cycles of a unit, not instructions."""
_LOCAL = ("local_load", "local_store")
_ALIKE = {"wide_integer": "integer", "move": "integer", "predicate": "integer", "constant_load": "integer"}
"""What ptxas makes of each other: moves, addresses and conditions are compared together."""
_ENDS_BLOCK = re.compile(r"(?:@\s*!?\s*[%\w$]{1,99}\s+)?(?:bra|brx|ret|exit|call|trap)\b")
_LABEL = re.compile(r"[\s{}]*[A-Za-z_$%][\w$]{0,999}\s*:(?!:)")
_FUNCTION = re.compile(r"\.func\b(?:\s*\([^)]{0,999}\))?\s*([A-Za-z_$%][\w$]{0,999})")

Amounts = Mapping[str, float]
"""Instructions by class."""


@dataclass(frozen=True)
class Block:
    """A basic block of the PTX: how often it executed, the instructions that its text predicts by class (merged
    accesses counted once), those on its lines in the machine code, and how many copies of it there are (None: not
    known).
    """

    executed: int
    predicted: Amounts
    machine: Amounts
    copies: int | None

    def corrected(self) -> Amounts:
        """Machine instructions by class in one execution, as far as they are known."""
        if self.copies is None:
            return dict(self.predicted)
        kept = {name: count for name, count in self.predicted.items() if name in _KEPT}
        return {name: count / self.copies for name, count in self.machine.items() if name not in _KEPT} | kept


@dataclass(frozen=True)
class Comparison:
    """One launch: instructions by class, weighted by how often they executed.

    `predicted` is what the PTX predicts once neighbouring accesses are merged, `corrected` what the time model is
    given, `machine` the machine code's (with one copy where copies are not known), `known` the share of `corrected`
    that comes from the machine code.
    """

    predicted: Amounts
    corrected: Amounts
    machine: Amounts
    known: float


def compare(kernel: str, lines: Sequence[LineCounts], ptx: str, code: MachineCode) -> Comparison:
    """Compares the counts of one launch of `kernel` with its machine code. `lines` has every instruction that the
    launch could reach, in the order of the text.
    """
    blocks = blocks_of(kernel, lines, ptx, code)
    known = [block for block in blocks if block.copies is not None]
    corrected = _total((block.corrected(), block.executed) for block in blocks)
    vouched = _total((block.corrected(), block.executed) for block in known)
    left = _total((block.machine, block.executed) for block in blocks if block.copies is None)
    return Comparison(
        predicted=_total((block.predicted, block.executed) for block in blocks),
        corrected=corrected,
        machine=_total([(vouched, 1), (left, 1)]),
        known=sum(vouched.values()) / max(sum(corrected.values()), 1.0),
    )


def counts_for_model(counts: Mapping[str, int], comparison: Comparison | None) -> dict[str, int]:
    """The counts of a launch as the hardware would do the work: accesses of shared memory as they are merged, and, with
    a comparison, issue slots by class as the machine code has them. Names are as before, so the formula is the same.
    """
    changed = dict(counts)
    for name in ("shared_load", "shared_store"):
        gone = counts[f"{name}_requests"] - counts[f"{name}_requests_merged"]
        changed[f"{name}_requests"] = counts[f"{name}_requests_merged"]
        changed[f"{name}_wavefronts"] = counts[f"{name}_wavefronts_merged"]
        changed["issue_slots"] -= gone
        changed[f"slots.{name}"] -= gone
    if comparison:
        slots = {name.removeprefix("slots.") for name in counts if name.startswith("slots.")}
        changed |= {f"slots.{name}": round(comparison.corrected.get(name, 0.0)) for name in slots}
        changed["issue_slots"] = round(sum(comparison.corrected.values()))
    return changed | _of_heaviest(counts, changed)


def _of_heaviest(counts: Mapping[str, int], changed: Mapping[str, int]) -> dict[str, int]:
    """The slots of the block with the most, changed as those of the launch are."""
    names = {"block_issue_slots_max": "issue_slots"}
    names |= {name: name.removeprefix("block_") for name in counts if name.startswith("block_slots.")}
    return {
        name: round(counts[name] * changed[of] / max(counts[of], 1)) for name, of in names.items() if name in counts
    }


def accesses_of_spills(comparison: Comparison | None) -> float:
    """Accesses of local memory, by warps, that the machine code has and the PTX has not."""
    if not comparison:
        return 0.0
    more = (comparison.corrected.get(name, 0.0) - comparison.predicted.get(name, 0.0) for name in _LOCAL)
    return max(sum(more), 0.0)


def describe(comparison: Comparison, code: MachineCode, registers: int) -> dict[str, Any]:
    """What a report says of the machine code of one launch; the keys are in docs/time-model.md."""
    all_three = {"ptx": comparison.predicted, "used": comparison.corrected, "machine": comparison.machine}
    columns = {column: _coarse(amounts) for column, amounts in all_three.items()}
    names = sorted({name for amounts in columns.values() for name, amount in amounts.items() if amount})
    return {
        "source": code.source,
        "registers": registers,
        "agreement": round(agreement(comparison.corrected, comparison.machine), 4),
        "agreement_of_ptx": round(agreement(comparison.predicted, comparison.machine), 4),
        "known": round(comparison.known, 4),
        "by_class": {
            name: {column: round(amounts.get(name, 0.0)) for column, amounts in columns.items()} for name in names
        },
    }


def doubts(said: Mapping[str, Any]) -> list[str]:
    """Why an estimate with this description is of low confidence; empty if it is not."""
    if said["agreement"] >= LOW_AGREEMENT:
        return []
    return [
        f"the counts agree with the machine code by {said['agreement']:.2f} only (below {LOW_AGREEMENT}): "
        f"{1 - said['known']:.0%} of the instructions could not be matched with it"
    ]


def blocks_of(kernel: str, lines: Sequence[LineCounts], ptx: str, code: MachineCode) -> list[Block]:
    """The basic blocks that a launch of `kernel` could reach."""
    return list(find_blocks(lines, ptx, _by_line(code, kernel, _added(code, ptx))))


def agreement(one: Amounts, other: Amounts) -> float:
    """Between 0 and 1: sum over the classes of the smaller count, divided by that of the larger (Ruzicka's similarity);
    1 if both are empty. Moves, compares, constants and integers are one class.
    """
    a, b = _coarse(one), _coarse(other)
    names = a.keys() | b.keys()
    largest = sum(max(a.get(name, 0.0), b.get(name, 0.0)) for name in names)
    return sum(min(a.get(name, 0.0), b.get(name, 0.0)) for name in names) / largest if largest else 1.0


def find_blocks(
    lines: Sequence[LineCounts], ptx: str, machine: Mapping[int, Sequence[MachineInstruction]]
) -> Iterator[Block]:
    """The basic blocks of the PTX, in order; a line that stands in several functions counts once."""
    seen: set[int] = set()
    crowded = _crowded(lines)
    for group in _groups(lines, ptx, crowded):
        own = {line.ptx_line for line in group} - seen
        seen |= own
        on_lines = {line: [each.opcode for each in machine.get(line, ())] for line in own}
        classes = Counter(class_of(opcode) for opcodes in on_lines.values() for opcode in opcodes)
        copies = None if group[0].ptx_line in crowded else _copies(group, on_lines)
        predicted = _predicted(group)
        # The units that these classes keep busy are not told by how many instructions there are: no disagreement.
        kept = {name: predicted[name] * (copies or 1) for name in _KEPT if classes[name] and name in predicted}
        yield Block(group[0].warp_instructions, predicted, {**classes, **kept}, copies)


def _crowded(lines: Sequence[LineCounts]) -> set[int]:
    """Lines of the PTX that hold several instructions."""
    return {line.ptx_line for before, line in pairwise(lines) if before.ptx_line == line.ptx_line}


def _groups(lines: Sequence[LineCounts], ptx: str, crowded: set[int]) -> Iterator[list[LineCounts]]:
    # As the assembler counts lines: str.splitlines would also end one at a form feed and at U+2028.
    labels = [number for number, text in enumerate(ptx.split("\n"), 1) if _LABEL.match(text)]
    starts = set(labels)
    group: list[LineCounts] = []
    for line in lines:
        alone = line.ptx_line in crowded or (group and group[-1].ptx_line in crowded)
        if group and (alone or _begins(group[-1], line, starts)):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _begins(last: LineCounts, line: LineCounts, labels: set[int]) -> bool:
    # Instructions of one block execute equally often, however labels and branches of inline assembly are spelled.
    if line.warp_instructions != last.warp_instructions:
        return True
    if line.ptx_line < last.ptx_line or _ENDS_BLOCK.match(last.instruction):
        return True
    return any(number in labels for number in range(last.ptx_line + 1, line.ptx_line + 1))


def _predicted(group: Sequence[LineCounts]) -> Amounts:
    predicted: Counter[str] = Counter()
    for line in group:
        merged_away = line.kind.startswith("shared_") and line.requests > 0 and line.requests_merged == 0
        predicted[line.kind] += 0 if merged_away else line.slots
    return +predicted


def _copies(group: Sequence[LineCounts], on_lines: Mapping[int, Sequence[str]]) -> int | None:
    strong = list(_votes(group, on_lines, _STRONG))
    weak = [] if strong else list(_votes(group, on_lines, _WEAK))
    return statistics.median_low(strong) if strong else statistics.median_high(weak) if weak else None


def _votes(group: Sequence[LineCounts], on_lines: Mapping[int, Sequence[str]], kinds: frozenset[str]) -> Iterator[int]:
    for line in group:
        if line.kind not in kinds or line.slots != 1:
            continue
        if line.kind in _WEAK and _NARROW.search(line.instruction):
            continue
        wanted = _WEAK if line.kind in _WEAK else {line.kind}
        if count := sum(class_of(opcode) in wanted for opcode in on_lines.get(line.ptx_line, ())):
            yield count


def _by_line(code: MachineCode, kernel: str, added: frozenset[str]) -> dict[int, list[MachineInstruction]]:
    """The machine instructions of a kernel, and of the functions it may call, by line of the PTX."""
    by_line: dict[int, list[MachineInstruction]] = defaultdict(list)
    for name, instructions in code.functions.items():
        if name == kernel or (name not in code.entries and name not in added and _may_belong(name, kernel)):
            for each in instructions:
                by_line[each.ptx_line].extend(_with_routine(each, code, added))
    return by_line


def _may_belong(name: str, kernel: str) -> bool:
    """Functions inside a kernel are called $KERNEL$NAME; routines that ptxas adds come with their calls."""
    return not name.startswith("$") or name.startswith(f"${kernel}$")


def _added(code: MachineCode, ptx: str) -> frozenset[str]:
    """The routines that ptxas adds. A function that the PTX defines is none of them, whatever it is called."""
    defined = set(_FUNCTION.findall(ptx))
    own = defined | {f"${entry}${name}" for entry in code.entries for name in defined}
    return frozenset(name for name in code.functions if ("__internal" in name or "__cuda_" in name) and name not in own)


def _with_routine(
    instruction: MachineInstruction, code: MachineCode, added: frozenset[str]
) -> Iterable[MachineInstruction]:
    base = instruction.opcode.split(".", 1)[0]
    if base in PADDING:
        return ()
    target = instruction.target
    if target not in added:
        return (instruction,)
    if any(mark in target for mark in FAST_PATH_ONLY):
        return ()
    routine = (each for each in code.functions[target] if each.opcode.split(".", 1)[0] not in PADDING)
    return (instruction, *routine)


def _total(parts: Iterable[tuple[Amounts, int]]) -> dict[str, float]:
    """The sum of amounts, each taken so many times."""
    total: dict[str, float] = {}
    for amounts, times in parts:
        for name, amount in amounts.items():
            total[name] = total.get(name, 0.0) + amount * times
    return total


def _coarse(amounts: Amounts) -> dict[str, float]:
    return _total(({_ALIKE.get(name, name): amount}, 1) for name, amount in amounts.items())
