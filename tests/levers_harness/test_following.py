"""A judge model is asked whether programs follow what their model was shown, on a record and within a budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.following import MOST_ASKED, SYSTEM, judge_following, read_answer
from kernelevo.harness import Harness
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.models.budget import TokenBudget
from kernelevo.models.recorded import CallTime, RecordedModel, recorded_turns
from kernelevo.models.scripted import ScriptedModel
from kernelevo.stores.memory import MemoryStore
from levers_harness.test_telemetry import NARROW, WIDE, harness, written

PLENTY = 10**9


@pytest.fixture
def own(tmp_path: Path) -> Harness:
    return harness(tmp_path)


def judge(
    store: MemoryStore, *answers: str, given: int = 0, tokens: int = PLENTY
) -> tuple[ScriptedModel, RecordedModel]:
    replies = [Reply(text, Stop.COMPLETE, Usage(100, 1)) for text in answers]
    model = ScriptedModel(replies, name="judge", given=given)
    return model, RecordedModel(model, store, TokenBudget(tokens), CallTime(60.0, lambda: 1e9))


def test_the_rate_is_of_answers_that_are_one(own: Harness) -> None:
    steps = [written(n, "a", WIDE, True, own) for n in range(5)]
    _, dialogue = judge(MemoryStore(), "Yes.", "no", "yes, it does", "I cannot say", "unclear")
    told = judge_following(steps, own, dialogue, 0)
    assert (told["count"], told["of"], told["unclear"], told["asked"], told["judge"]) == (2, 3, 2, 5, "judge")
    assert told["value"] == pytest.approx(2 / 3) and told["low"] < told["value"] < told["high"]


def test_only_programs_that_had_the_advice_before_them_are_shown(own: Harness) -> None:
    steps = [
        written(0, "a", WIDE, False, own), written(1, "a", "no program", True, own),
        written(2, "a", NARROW, True, own, None, candidate=None), written(3, "a", WIDE, True, own),
    ]  # fmt: skip
    model, dialogue = judge(MemoryStore(), "yes")
    assert judge_following(steps, own, dialogue, 0)["asked"] == 1
    (prompt,) = model.asked
    assert prompt.messages[0].text == SYSTEM
    asked = prompt.messages[1].text
    assert own.skills["vector_loads"].body in asked and "float4 v = rows[i];" in asked


def test_of_many_programs_some_are_asked_about_all_along(own: Harness) -> None:
    steps = [written(n, f"t{n % 4}", WIDE, True, own) for n in range(60)]
    _, dialogue = judge(MemoryStore(), *["yes"] * 60)
    assert judge_following(steps, own, dialogue, 0)["asked"] == MOST_ASKED
    numbers = sorted(int(turn.about.split(":")[2]) for turn in recorded_turns(dialogue._store).values())
    assert numbers[0] == 0 and numbers[-1] >= 50


def test_what_was_answered_is_not_asked_again(own: Harness) -> None:
    store, steps = MemoryStore(), [written(n, "a", WIDE, True, own) for n in range(3)]
    first = judge_following(steps, own, judge(store, "yes", "no", "yes")[1], 0)
    model, again = judge(store, given=3)
    assert judge_following(steps, own, again, 0) == first and model.asked == []
    assert judge_following(steps, own, judge(store, "no", "no", "no")[1], 1)["count"] == 0, "another generation"


def test_a_budget_that_allows_no_more_leaves_the_rest_out(own: Harness) -> None:
    steps = [written(n, "a", WIDE, True, own) for n in range(4)]
    _, dialogue = judge(MemoryStore(), *["yes"] * 4, tokens=1)
    told = judge_following(steps, own, dialogue, 0)
    assert (told["asked"], told["value"]) == (0, None) and dialogue.refused


@pytest.mark.parametrize(
    ("text", "answer"),
    [("yes", "yes"), ("**No**", "no"), ("Unclear", "unclear"), ("", "unclear"), ("nothing of it", "unclear"),
     ("It does: yes", "yes"), ("yes and no", "yes")],
)  # fmt: skip
def test_answers_are_read_as_words(text: str, answer: str) -> None:
    assert read_answer(text) == answer
