"""Faults and what they consist of, as processes behind the wall write them: checked strictly, words made visible.

A malformed one raises pydantic's ValidationError; whoever reads it says whose answer it was.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kernelevo.types import Fault, Party, SourceLine
from kernelevo.wire.words import visible_line

Count = Annotated[int, Field(ge=0, lt=1 << 64)]
Words = Annotated[str, AfterValidator(visible_line)]
Point = tuple[Count, Count, Count]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class WrittenSource(Strict):
    file: Words
    line: Count


class WrittenParty(Strict):
    access: Words
    function: Words
    block: Point
    thread: Point
    source: WrittenSource
    ptx_line: Count
    instruction: Words

    def party(self) -> Party:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Party(**{**fields, "source": SourceLine(self.source.file, self.source.line)})


class WrittenFault(Strict):
    kind: Words
    message: Words
    kernel: Words
    function: Words
    block: Point
    thread: Point
    space: Words
    address: Count
    bytes: Count
    allocation: Words
    offset: int
    source: WrittenSource
    ptx_line: Count
    instruction: Words
    occurrences: Count
    others: list[WrittenParty]

    def fault(self) -> Fault:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        source = SourceLine(self.source.file, self.source.line)
        return Fault(**{**fields, "source": source, "others": tuple(party.party() for party in self.others)})
