"""All that the runs of one candidate found, each different finding once: with how often, and in which cases.

Two are the same if they are of one kind and at one instruction of the image. Races are the same if they are between the
same two source lines: one `++counts[i]` makes three, as each of its accesses meets each, and an unrolled loop many.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from kernelevo.types import Fault, Party

UNINITIALISED = "uninitialised_value"


@dataclass
class Findings:
    """At most `most` errors and as many remarks are kept, the first that are found; `left_out` counts the others."""

    most: int
    left_out: int = 0
    _errors: dict[Hashable, Fault] = field(default_factory=dict)
    _remarks: dict[Hashable, Fault] = field(default_factory=dict)
    _beyond: set[Hashable] = field(default_factory=set)

    @property
    def errors(self) -> tuple[Fault, ...]:
        return tuple(self._errors.values())

    @property
    def remarks(self) -> tuple[Fault, ...]:
        """Those that did not turn out to be errors."""
        return tuple(remark for key, remark in self._remarks.items() if key not in self._errors)

    def add_error(self, fault: Fault) -> None:
        self._add(self._errors, fault)

    def add_remark(self, remark: Fault) -> None:
        self._add(self._remarks, remark)

    def _add(self, known: dict[Hashable, Fault], fault: Fault) -> None:
        key = _identity(fault)
        before = known.get(key)
        if before is not None:
            cases = tuple(dict.fromkeys((*before.cases, *fault.cases)))
            known[key] = replace(before, occurrences=before.occurrences + fault.occurrences, cases=cases)
        elif len(known) < self.most:
            known[key] = fault
        elif key not in self._beyond:
            self._beyond.add(key)
            self.left_out += 1


def _identity(fault: Fault) -> Hashable:
    if fault.others:
        return fault.kind, fault.kernel, frozenset(_line(party) for party in (fault, *fault.others))
    return fault.kind, fault.kernel, _instruction(fault)


def _line(party: Fault | Party) -> Hashable:
    return party.source if party.source.line else _instruction(party)


def _instruction(party: Fault | Party) -> Hashable:
    return party.function, party.ptx_line, party.instruction
