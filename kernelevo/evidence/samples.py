"""Raw samples as documents, and figures worked out from them again: medians, intervals, ratios of blocks A B B A."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from kernelevo.counting import counted
from kernelevo.evidence.documents import Call, CardSeen, Interval, Measured, MeasuredCase, State
from kernelevo.measurement import CardState, CaseMeasurement, Estimate, Measurements, TimedCall
from kernelevo.statistics import median_interval, ratio_interval

CLOSE = 1e-9


def measured_of(measurements: Measurements) -> Measured:
    """The document of what a verdict's figures rest on."""
    card = measurements.card
    return Measured(
        cases=[_case(case) for case in measurements.cases],
        samples=[_call(call) for call in measurements.samples],
        card=CardSeen(
            name=card.name, uuid=card.uuid, arch=card.arch, properties=dict(card.properties),
            versions=dict(card.versions),
        ),
        watch=measurements.watch,
        notes=list(measurements.notes),
    )  # fmt: skip


def _case(case: CaseMeasurement) -> MeasuredCase:
    return MeasuredCase(
        case=case.case, us=_interval(case.us), ratio=_interval(case.ratio) if case.ratio else None,
        floor_us=case.floor.us if case.floor else None, left_out=case.left_out, calls=list(case.calls),
        blocks=list(case.blocks),
    )  # fmt: skip


def _interval(estimate: Estimate) -> Interval:
    return Interval(**{name: getattr(estimate, name) for name in Interval.model_fields})


def _call(call: TimedCall) -> Call:
    state = call.state
    return Call(
        side=call.side, case=call.case, order=call.order, event_us=call.event_us, host_us=call.host_us,
        outer_us=call.outer_us, fresh=call.fresh, state=None if state is None else _state(state),
    )  # fmt: skip


def _state(state: CardState) -> State:
    lists = {"throttled": state.throttled, "others": state.others}
    told = {name: None if value is None else list(value) for name, value in lists.items()}
    return State(**{**vars(state), **told})


def faults(measured: Measured, times: Mapping[str, float]) -> Iterator[str]:
    """What does not agree: samples with figures, figures with the cases' `times` in microseconds."""
    calls = {call.order: call for call in measured.samples}
    if len(calls) != len(measured.samples):
        yield "two samples have one order"
    if [case.case for case in measured.cases] != list(times):
        yield "the cases that were measured are not those of the verdict"
        return
    if any(call.side == "start" and not call.fresh for call in measured.samples):
        yield "a call of the start is not fresh, and the start is called in blocks of fresh calls only"
    if stray := next((call.case for call in measured.samples if call.fresh and call.case not in times), ""):
        yield f"a call of case {stray} is fresh, and that case is not timed"
    for case in measured.cases:
        try:
            yield from _wrong(case, calls, times[case.case])
        except (KeyError, ValueError) as error:
            yield f"case {case.case}: its figures rest on samples that are not there or are none ({error})"


def _wrong(case: MeasuredCase, calls: Mapping[int, Call], time: float) -> Iterator[str]:
    used = [calls[order] for order in case.calls]
    blocks = [(calls[a], calls[b], calls[c], calls[d]) for a, b, c, d in case.blocks]
    beside = [call for block in blocks for call in block]
    if any(call.side != "candidate" for call in used) or any(call.case != case.case for call in (*used, *beside)):
        yield f"case {case.case}: it rests on calls of another case or side"
    if sorted(set(case.calls)) != case.calls or len({call.order for call in beside}) != len(beside):
        yield f"case {case.case}: a call counts twice"
    sides = [tuple(call.side for call in block) for block in blocks]
    if any(side != ("candidate", "start", "start", "candidate") for side in sides):
        yield f"case {case.case}: a block is not of the candidate and the start in turn"
    if any(_trouble(call, calls) for call in (*used, *beside)):
        yield f"case {case.case}: it rests on calls on a card that was shared, throttled or in error"
    if not _same(case.us, median_interval([call.event_us for call in used])) or case.us.value != time:
        yield f"case {case.case}: its time or interval is not that of its {counted(len(used), 'sample')}"
    times = [(a.event_us, b.event_us, c.event_us, d.event_us) for a, b, c, d in blocks]
    worked = ratio_interval(times) if times else None
    if (worked is None) != (case.ratio is None) or (worked and case.ratio and not _same(case.ratio, worked)):
        yield f"case {case.case}: its ratio or interval is not that of its {counted(len(blocks), 'block')}"
    if case.floor_us is not None and case.us.value < case.floor_us:
        yield f"case {case.case}: its time is below its own floor"
    yield from _left_out(case, calls)


def _left_out(case: MeasuredCase, calls: Mapping[int, Call]) -> Iterator[str]:
    """Every fresh call counts, and every block of four, that was made on a card that was well; nobody may choose."""
    fresh = [call for _, call in sorted(calls.items()) if call.case == case.case and call.fresh]
    own = [call for call in fresh if call.side == "candidate"]
    well = [call.order for call in own if not _trouble(call, calls)]
    if case.calls != well:
        told = counted(len(case.calls), "call")
        yield f"case {case.case}: it rests on {told}, and {len(well)} are fresh, on a card that was well"
    if case.left_out != len(own) - len(well):
        yield f"case {case.case}: it says that {case.left_out} were left out, and {len(own) - len(well)} were"
    if len(own) == len(fresh):
        return  # no start was timed beside it
    fours = [fresh[place : place + 4] for place in range(0, len(fresh), 4)]
    blocks = [_block(four) for four in fours if not any(_trouble(call, calls) for call in four)]
    if blocks != case.blocks:
        told = counted(len(case.blocks), "block")
        yield f"case {case.case}: its ratio rests on {told}, and {len(blocks)} were made on a card that was well"


def _block(four: Sequence[Call]) -> tuple[int, ...]:
    """The orders of the candidate's first call, the start's two, and the candidate's second, whoever began."""
    own, start = ([call.order for call in four if call.side == side] for side in ("candidate", "start"))
    return (*own[:1], *start, *own[1:])


def _trouble(call: Call, calls: Mapping[int, Call]) -> str:
    first = calls[min(calls)]
    return _as_state(call.state).trouble(_as_state(first.state) if first.state else None) if call.state else ""


def _as_state(state: State) -> CardState:
    said = state.model_dump()
    told = {name: None if said[name] is None else tuple(said[name]) for name in ("throttled", "others")}
    return CardState(**{**said, **told})


def _same(said: Interval, worked: Estimate) -> bool:
    pairs = ((getattr(said, name), getattr(worked, name)) for name in ("value", "low", "high", "confidence"))
    return said.samples == worked.samples and all(math.isclose(one, two, rel_tol=CLOSE) for one, two in pairs)
