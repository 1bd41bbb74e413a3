"""Answers of the process that drives a card, as the judge reads them. A candidate's kernels may have changed that
process's memory, so an answer is hostile: its sizes are bounded before anything is read, its types checked strictly,
numbers finite and in range, words made visible. What does not fit raises DriverLost.

An answer's head is {"refused": words, "kind": ...}, where the driver raised, or one of the forms below.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from kernelevo.errors import BadInput, DriverLost, Infrastructure, KernelevoError, NotInstalled
from kernelevo.measurement import CallFailure, CallTime, Card
from kernelevo.wire.driver_messages import HEAD_BYTES, PREFIX
from kernelevo.wire.faults import Count, Strict, Words, WrittenFault

Kind = Literal["bad input", "not installed", "infrastructure"]
_KINDS: dict[Kind, type[KernelevoError]] = {
    "bad input": BadInput, "not installed": NotInstalled, "infrastructure": Infrastructure,
}  # fmt: skip
_MOST_TEXTS = 100
_Microseconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
_Positive = Annotated[int, Field(gt=0, lt=1 << 63)]
_Arch = Annotated[str, Field(pattern=r"^sm_[0-9]{2,3}[af]?$")]


class Refusal(Strict):
    """What the driver raised."""

    refused: Words
    kind: Kind

    def error(self) -> KernelevoError:
        return _KINDS[self.kind](self.refused)


class Done(Strict):
    """Nothing to tell, or what there is lies in the body."""

    done: Literal[True]


class Number(Strict):
    """An address, a number of what was staged, or a fingerprint."""

    number: Count


class WrittenCard(Strict):
    name: Words
    uuid: Words
    arch: _Arch
    properties: Annotated[dict[Words, _Positive], Field(max_length=_MOST_TEXTS)]
    versions: Annotated[dict[Words, Words], Field(max_length=_MOST_TEXTS)]

    def card(self) -> Card:
        return Card(self.name, self.uuid, self.arch, self.properties, self.versions)


class Time(Strict):
    event_us: _Microseconds
    host_us: _Microseconds

    def outcome(self) -> CallTime:
        return CallTime(self.event_us, self.host_us)


class Failure(Strict):
    fault: WrittenFault
    sticky: bool

    def outcome(self) -> CallFailure:
        return CallFailure(self.fault.fault(), self.sticky)


Answer = TypeVar("Answer")


def reader(*forms: Any) -> TypeAdapter[Any]:
    """Reads answers that have one of the forms, or are a Refusal."""
    wanted: Any = Refusal
    for form in forms:
        wanted = wanted | form
    return TypeAdapter(wanted)


def sizes(prefix: bytes | bytearray, most_body: int) -> tuple[int, int]:
    """Bytes of head and body, neither more than may come."""
    head, body = PREFIX.unpack(prefix)
    if head > HEAD_BYTES or body > most_body:
        raise DriverLost(
            f"the driver's process answers with {head} + {body} bytes, of which {most_body} were asked for"
        )
    return head, body


def read_answer(adapter: TypeAdapter[Any], head: bytes) -> Any:
    """An answer of one of the adapter's forms; raises what a Refusal says, DriverLost where it is anything else."""
    try:
        found = adapter.validate_json(head)
    except ValidationError as error:
        first = error.errors()[0]
        raise DriverLost(f"the driver's process answers nonsense: {first['msg']} at {first['loc']}") from error
    if isinstance(found, Refusal):
        raise found.error()
    return found
