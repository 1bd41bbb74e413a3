"""How a harness is gone by: rates on steps whose truth is known, remedies where they fall, and their effect."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from kernelevo.decisions import STOP, Decision, Observation, Option
from kernelevo.harness import Harness, read_harness, write_files
from kernelevo.language_model import Message, Prompt
from kernelevo.learning import Step
from kernelevo.levers.harness.lever import HarnessLever
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.remedying import RemedyDrafter
from kernelevo.telemetry import Rate, Telemetry, code_in, difference, effects, remedies, telemetry
from kernelevo.types import Status
from levers_harness.made import SHIPPED, MadeRecord, present, step

START = "# The kernel\n```cuda\nfloat v = x[i];\n```\n"
WIDE, NARROW = "Change: wide\n```cuda\nfloat4 v = rows[i];\n```\n", "Change: none\n```cuda\nfloat v = 2 * x[i];\n```\n"


def harness(tmp_path: Path, *changes: tuple[str, str]) -> Harness:
    """The shipped one with changes of dialogue.toml."""
    files = dict(read_harness(SHIPPED).files)
    for old, new in changes:
        assert old in files["dialogue.toml"]
        files["dialogue.toml"] = files["dialogue.toml"].replace(old, new)
    write_files(tmp_path / "harness", files)
    return read_harness(tmp_path / "harness")


INLINE = 'inline = ["coalescing", "vector_loads", "reductions", "shared_tiles", "occupancy"]\non_demand = []'
ON_DEMAND = 'inline = []\non_demand = ["vector_loads", "coalescing"]'
WITH_TOOLS = ("on = false", "on = true")


def asked(loaded: bool, own: Harness) -> Prompt:
    system = own.skills["vector_loads"].body if loaded else "You make kernels faster."
    return Prompt((Message("system", system), Message("user", START)))


def written(
    number: int, task: str, reply: str, loaded: bool, own: Harness, reward: float | None = 1.5, **other
) -> Step:
    status = None if reward is None else Status.PASSED if reward else Status.WRONG
    given = {"task": task, "prompt": asked(loaded, own), "status": status, **other}
    return step(number, reply, reward, **given)


def test_rates_on_known_steps(tmp_path: Path) -> None:
    own = harness(tmp_path, (INLINE, ON_DEMAND))
    steps = [
        written(0, "a", WIDE, True, own), written(1, "a", NARROW, True, own, 0.0), written(2, "a", WIDE, True, own),
        written(3, "b", NARROW, False, own), written(4, "b", WIDE, False, own, None, candidate=None),
    ]  # fmt: skip
    seen = telemetry(steps, own)
    assert (seen.trajectories, seen.loaded) == (2, Rate(1, 2))
    assert seen.followed == Rate(2, 3)
    assert (seen.passed_loaded, seen.passed_otherwise) == (Rate(2, 3), Rate(1, 1))
    assert seen.readable == Rate(4, 5)
    assert seen.phases == {"start": Rate(1, 1), "middle": Rate(0, 1), "end": Rate(1, 1)}
    assert seen.skills["vector_loads"]["followed"] == Rate(2, 3)
    assert seen.skills["coalescing"]["loaded"] == Rate(0, 5)
    assert json.loads(json.dumps(seen.plain()))["followed"]["value"] == pytest.approx(2 / 3)


def test_a_skill_is_not_followed_by_words_around_the_program_nor_by_what_was_there() -> None:
    own = read_harness(SHIPPED)
    praised = written(0, "a", "Change: float4 would help\n```cuda\nfloat v;\n```", True, own)
    assert telemetry([praised], own).followed == Rate(0, 1)
    there = Prompt(
        (Message("system", own.skills["vector_loads"].body), Message("user", START.replace("float", "float4")))
    )
    assert telemetry([dataclasses.replace(written(0, "a", WIDE, True, own), prompt=there)], own).followed == Rate(0, 0)


def test_nothing_is_a_rate_without_a_value() -> None:
    seen = telemetry([], read_harness(SHIPPED))
    assert seen.loaded.value is None and seen.plain()["followed"] == Rate().plain()
    assert remedies(seen, read_harness(SHIPPED)) == [] and effects(seen, seen) == []


def test_decisions_are_told_by_what_the_harness_favours() -> None:
    good, other = Decision("unroll", "a", 4), Decision("restrict", "a")
    shown = Observation("g", {}, (), (), (Option(good, 1.0), Option(other, 0.0), Option(STOP)))
    plain = Observation("g", {}, (), (), (Option(other, 0.0), Option(STOP)))
    steps = [
        step(n, str(decision), 1.0, prompt=Prompt((Message("user", observation.text()),)))
        for n, (decision, observation) in enumerate([(good, shown), (other, shown), (other, plain)])
    ]
    seen = telemetry(steps, read_harness(SHIPPED))
    assert seen.heeded == Rate(1, 2) and seen.loaded == Rate() and seen.skills == {}
    assert seen.rules == {"restrict": Rate(2, 3), "stop": Rate(0, 3), "unroll": Rate(1, 2)}
    assert seen.phases["start"] == Rate(1, 1) and seen.phases["middle"] == Rate(0, 1)


def low(**others: object) -> Telemetry:
    rates = {"loaded": Rate(1, 20), "followed": Rate(5, 20), "passed_loaded": Rate(9, 10), "readable": Rate(10, 30)}
    phases = {"start": Rate(27, 30), "middle": Rate(15, 30), "end": Rate(6, 30)}
    given = {
        "trajectories": 20, **rates, "passed_otherwise": Rate(), "heeded": Rate(), "phases": phases, "skills": {},
        "rules": {},
    }  # fmt: skip
    return Telemetry(**{**given, **others})


def test_remedies_answer_what_fell(tmp_path: Path) -> None:
    own = harness(tmp_path, (INLINE, ON_DEMAND), WITH_TOOLS)
    found = {each.setting: each for each in remedies(low(), own)}
    assert found["inline"].value == ["vector_loads", "coalescing"] and "1 of 20 trajectories" in found["inline"].reason
    assert found["format"].value == "relaxed" and found["checklist_every"].value == 4


@pytest.mark.parametrize(
    ("setting", "fine"),
    [
        ("inline", {"loaded": Rate(15, 20)}), ("inline", {"loaded": Rate(0, 3)}),
        ("format", {"readable": Rate(29, 30)}),
        ("checklist_every", {"phases": {"start": Rate(20, 30), "middle": Rate(1, 30), "end": Rate(19, 30)}}),
    ],
)  # fmt: skip
def test_no_remedy_where_nothing_fell(tmp_path: Path, setting: str, fine: dict[str, object]) -> None:
    own = harness(tmp_path, (INLINE, ON_DEMAND), WITH_TOOLS)
    assert setting not in {each.setting for each in remedies(low(**fine), own)}


def test_the_lever_makes_remedies_changes_of_the_dialogue(tmp_path: Path) -> None:
    own = harness(tmp_path, (INLINE, ON_DEMAND), WITH_TOOLS)
    policy = dataclasses.replace(present(), harness=own.key)
    steps = [written(n, f"t{n}", NARROW, False, own, candidate=None, policy=policy) for n in range(30)]
    lever = HarnessLever([RemedyDrafter()], Pace())
    change = lever.draft(MadeRecord(steps), policy, tmp_path / "harness", None, tmp_path / "new", 0)
    made = read_harness(tmp_path / "new").dialogue
    assert made.inline == ("vector_loads", "coalescing") and made.on_demand == () and made.tools.relaxed
    assert change.details["telemetry"]["loaded"]["count"] == 0
    others = [dataclasses.replace(each, policy=present()) for each in steps]
    assert lever.draft(MadeRecord(others), policy, tmp_path / "harness", None, tmp_path / "none", 0) is None
    assert "no generation acted by this harness" in lever.said


def test_an_effect_has_an_interval_and_is_not_claimed_of_few() -> None:
    (moved,) = [each for each in effects(low(), low(loaded=Rate(19, 20))) if each.rate == "loaded"]
    assert moved.low > 0.5 and moved.after == 0.95
    (unsure,) = [each for each in effects(low(loaded=Rate(1, 4)), low(loaded=Rate(2, 4))) if each.rate == "loaded"]
    assert unsure.low < 0 < unsure.high


def test_differences_of_rates_as_published() -> None:
    """Newcombe (1998), table II, example (a), method 10: 56/70 - 48/80 = 0.2, from 0.0524 to 0.3339."""
    middle, below, above = difference(Rate(56, 70), Rate(48, 80))
    assert (middle, below, above) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-4)


def test_the_last_block_counts_also_where_it_was_cut_off() -> None:
    assert code_in("```\na\n```\nand\n```cuda\nb\n```\nend") == "b\n"
    assert code_in("```cuda\nb") == "b" and code_in("no code") == ""
