"""Where calls were timed one by one, every figure is worked out again from the raw samples."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from evidence.made_bundle import exhibit, leaves, matter, passed, resealed, with_other

from kernelevo.evidence import canonical, making
from kernelevo.evidence.documents import Measured
from kernelevo.evidence.rows import Tampered
from kernelevo.evidence.samples import faults, measured_of
from kernelevo.measurement import Card, CardState, CaseMeasurement, Measurements, PhysicsFloor, TimedCall
from kernelevo.run_evidence import examine
from kernelevo.statistics import median_interval, ratio_interval

QUIET = CardState(1980, 2619, 40, 300.0, (), (), 0)
CARD = Card("H100", "GPU-1", "sm_90", {"sms": 132}, {"driver": "580"})


def measurements() -> Measurements:
    """Two cases: seven calls of the first, and of the second six blocks beside the start, begun by either side; among
    them calls that no figure rests on.
    """
    samples: list[TimedCall] = []

    def call(side: str, case: str, us: float, fresh: bool = True) -> TimedCall:
        samples.append(TimedCall(side, case, len(samples), us, us + 5, us + 30, QUIET, fresh))
        return samples[-1]

    alone = [call("candidate", "n=1000", 4.0 + number / 64) for number in range(7)]
    blocks = []
    for number in range(6):
        sides = ("candidate", "start", "start", "candidate")
        turns = sides if number % 2 == 0 else ("start", "candidate", "candidate", "start")
        made = [call(side, "n=4096", (10 if side == "candidate" else 40) + number / 32) for side in turns]
        call("candidate", "n=4096", 9.0, fresh=False)
        mine, beside = ([each for each in made if each.side == side] for side in ("candidate", "start"))
        blocks.append([mine[0], *beside, mine[1]])
    call("candidate", "n=1", 1.0, fresh=False)
    own = [block[place] for block in blocks for place in (0, 3)]
    ratio = ratio_interval([tuple(call.event_us for call in block) for block in blocks])
    cases = (
        CaseMeasurement("n=1000", median_interval([each.event_us for each in alone]), None, PhysicsFloor(1, "bytes"), 0,
                        tuple(each.order for each in alone)),
        CaseMeasurement("n=4096", median_interval([each.event_us for each in own]), ratio, None, 0,
                        tuple(each.order for each in own),
                        tuple(tuple(each.order for each in block) for block in blocks)),
    )  # fmt: skip
    return Measurements(cases, tuple(samples), CARD, "nvidia-ml-py", ("a note",))


TIMES = {case.case: case.us.value for case in measurements().cases}
GOOD = measured_of(measurements())


def refusal(said: object) -> str:
    """The first complaint, of the form or of the figures; empty if there is none."""
    try:
        document = canonical.read("measured", canonical.written(said), Measured)
    except Tampered as found:
        return str(found)
    return next(faults(document, TIMES), "")


def test_honest_samples_agree_with_their_figures() -> None:
    assert refusal(json.loads(canonical.write(GOOD))) == ""


FREE = {"host_us", "outer_us", "sm_mhz", "memory_mhz", "celsius", "watts", "floor_us"}
"""Of a call and a case: what no figure rests on."""


def test_every_value_that_a_figure_rests_on_is_checked() -> None:
    value = json.loads(canonical.write(GOOD))
    unused = {("samples", place) for place, call in enumerate(GOOD.samples) if not call.fresh}
    unnoticed = []
    for path in leaves(value):
        free = path[0] in ("card", "watch", "notes") or path[-1] in FREE
        free = free or (path[:2] in unused and path[-1] != "fresh")
        if not free and not refusal(with_other(value, path)):
            unnoticed.append(path)
    # ECC errors count only if they grow, and the first call is what they are compared with.
    assert [path for path in unnoticed if path != ("samples", 0, "state", "ecc_errors")] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said["samples"][3].update(event_us=1.0), "7 samples"),
        (lambda said: said["samples"][3]["state"].update(others=[4711]), "shared"),
        (lambda said: said["samples"][8]["state"].update(throttled=["power"]), "throttled"),
        (lambda said: said["cases"][0]["calls"].pop(), "6 samples"),
        (lambda said: said["cases"][0]["us"].update(low=said["cases"][0]["us"]["value"]), "interval"),
        (lambda said: said["cases"][1]["ratio"].update(value=9.0), "6 blocks"),
        (lambda said: said["cases"][1].update(blocks=[]), "0 blocks"),
        (lambda said: said["cases"][1].update(ratio=None), "6 blocks"),
        (lambda said: said["cases"][0].update(floor_us=5.0), "floor"),
        (lambda said: said["cases"][0].update(calls=[999]), "not there"),
        (lambda said: said["cases"][0].update(calls=[]), "not there"),
        (lambda said: said["samples"].append(dict(said["samples"][0])), "one order"),
        (lambda said: said["cases"].pop(), "cases"),
        (lambda said: said["cases"][0].update(left_out=1), "1 were left out"),
        (lambda said: said["samples"][3].update(fresh=False), "6 are fresh"),
        (lambda said: said["samples"][7].update(fresh=False), "11 are fresh"),
        (lambda said: said["samples"][8].update(fresh=False), "the start"),
        (lambda said: said["samples"][11].update(fresh=True), "13 are fresh"),
    ],
)
def test_what_does_not_agree_is_named(change, words: str) -> None:
    value = json.loads(canonical.write(GOOD))
    change(value)
    assert words in refusal(value)


def chosen(said, keep) -> None:
    """Figures that rest on some of the fresh calls, worked out rightly from these."""
    alone, paired = said["cases"]
    us = {call["order"]: call["event_us"] for call in said["samples"]}
    blocks = [block for block in paired["blocks"] if keep(us[block[0]])]
    alone["calls"] = [order for order in alone["calls"] if keep(us[order])]
    paired.update(blocks=blocks, calls=sorted(order for block in blocks for order in (block[0], block[3])))
    paired["ratio"] = vars(ratio_interval([tuple(us[order] for order in block) for block in blocks]))
    for case in (alone, paired):
        case["us"] = vars(median_interval([us[order] for order in case["calls"]]))


@pytest.mark.parametrize("hidden", [False, True], ids=["told", "called not fresh"])
def test_only_the_fastest_calls_are_no_figure(hidden: bool) -> None:
    def fast(us: float) -> bool:
        return us < 4.05 or 10.0 <= us < 10.1

    value = json.loads(canonical.write(GOOD))
    chosen(value, fast)
    if hidden:
        counted = {order for case in value["cases"] for block in case["blocks"] for order in block}
        counted |= {order for case in value["cases"] for order in case["calls"]}
        for call in value["samples"]:
            call["fresh"] = call["order"] in counted
    times = {case["case"]: case["us"]["value"] for case in value["cases"]}
    document = canonical.read("measured", canonical.written(value), Measured)
    assert times["n=1000"] < TIMES["n=1000"] and times["n=4096"] < TIMES["n=4096"]
    found = list(faults(document, times))
    if hidden:  # Of calls with no start beside them, nothing contradicts it.
        assert found == ["a call of the start is not fresh, and the start is called in blocks of fresh calls only"]
    else:
        assert [fault.split(":")[0] for fault in found] == ["case n=1000", "case n=4096", "case n=4096"]


def test_a_bundle_whose_samples_contradict_its_times_is_refused() -> None:
    attempt = passed(matter().best.attempt.candidate.text, (4.0, 10.0), 30)
    verdict = replace(attempt.verdict, measurements=measurements())
    best = exhibit(replace(attempt, verdict=verdict))
    members = dict(making.make(replace(matter(), best=best, start=None, chosen=None)).members)
    rows = examine(resealed(members), None).rows
    assert any(row.state == "refused" and "not that of its 7 samples" in row.words for row in rows)


def test_measured_without_samples_is_refused() -> None:
    attempt = passed(matter().best.attempt.candidate.text, (4.0, 10.0), 30)
    said = making.judgement(exhibit(attempt)).model_copy(update={"how": "measured"})
    members = dict(making.make(replace(matter(), start=None, chosen=None)).members)
    rows = examine(resealed({**members, "best/judgement.json": canonical.write(said)}), None).rows
    assert any(row.state == "refused" and "samples are not there" in row.words for row in rows)
