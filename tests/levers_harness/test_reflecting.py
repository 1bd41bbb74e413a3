"""The drafter that asks a model: what it shows, what it makes of hostile replies, and what never reaches it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from conformance.lever import CANARY, Given, LeverContract, ListedRecord

from kernelevo.harness import read_harness
from kernelevo.language_model import Prompt, Reply, Stop, Usage
from kernelevo.learning import Change, TaskResult
from kernelevo.levers.harness.lever import HarnessLever
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.reflecting import ReflectingDrafter
from kernelevo.levers.harness.replies import read_reflection
from kernelevo.models.budget import TokenBudget
from kernelevo.models.recorded import CallTime, RecordedModel
from kernelevo.models.scripted import ScriptedModel
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Status
from levers_harness.made import SHIPPED, MadeRecord, copied, present, step

EDIT = {"kind": "insert", "file": "system.md", "anchor": "", "text": "Guard the tail.", "reason": "Tails failed twice."}
LESSON = {
    "kind": "insert", "file": "memory/lessons.jsonl", "anchor": "", "reason": "Both gains were wide loads.",
    "text": '{"lesson": "Wide loads pay where rows are long.", "about": "kernels"}',
}  # fmt: skip


def answer(*edits: dict, notes: str = "", reflection: str = "seen") -> str:
    return json.dumps({"reflection": reflection, "edits": list(edits), "notes": notes})


def steps():
    return [
        step(0, "unroll(a) = 4", 0.0, status=Status.WRONG, move="unroll(a) = 4"),
        step(1, "unroll(b) = 4", None, candidate=None, outcome="unreadable"),
        step(2, "vector_loads(x) = 4", 2.0), step(3, "restrict(x)", 0.5), step(4, "stop", None, candidate=None),
    ]  # fmt: skip


def dialogue(*replies: str, store: MemoryStore | None = None, tokens: int = 10**9) -> RecordedModel:
    model = ScriptedModel([Reply(text, Stop.COMPLETE, Usage(10, 10)) for text in replies], name="evolver")
    time = CallTime(60.0, lambda: 1000.0)
    return RecordedModel(model, MemoryStore() if store is None else store, TokenBudget(tokens), time)


def asked(of: RecordedModel) -> list[Prompt]:
    return of._model.asked


def lever(of: RecordedModel) -> HarnessLever:
    return HarnessLever([ReflectingDrafter(of)], Pace())


def draft(of: RecordedModel, folder: Path, into: Path, record: MadeRecord | None = None) -> Change | None:
    return lever(of).draft(record or MadeRecord(steps()), present(), folder, None, into, 0)


def test_failures_and_successes_are_asked_about_apart(tmp_path: Path) -> None:
    evolver = dialogue(answer(EDIT), answer(LESSON, notes="look at tails"))
    change = draft(evolver, copied(tmp_path), tmp_path / "new")
    failed, gained = (prompt.messages[-1].text.partition("# Cases")[2] for prompt in asked(evolver))
    assert "wrong: " in failed and "no candidate: unreadable" in failed and "worth less than the start" in failed
    assert "2.00 times as good" in gained and "unroll" not in gained and "stop" not in failed + gained
    made = read_harness(tmp_path / "new")
    assert made.system.endswith("Guard the tail.\n") and made.lessons[0].about == "kernels"
    assert change.reason == "Tails failed twice. (and 1 more)" and change.details["notes"] == "look at tails"
    assert change.after == made.key != change.before


def test_every_open_file_is_shown_and_no_closed_one() -> None:
    evolver = dialogue(answer(EDIT), answer())
    ReflectingDrafter(evolver).draft(MadeRecord(steps()), present(), read_harness(SHIPPED), Pace().budget(0), 0)
    shown = asked(evolver)[0].messages[-1].text
    assert "## system.md (may be changed)" in shown and "## decisions.toml" in shown
    assert "manifest.toml" not in shown and "[scopes]" not in shown
    assert "At most 8 edits, which put in and take out at most 4000 characters" in shown


def test_what_became_of_earlier_edits_and_its_own_notes_are_told(tmp_path: Path) -> None:
    first = draft(dialogue(answer(EDIT, notes="try wide loads"), answer()), copied(tmp_path), tmp_path / "one")
    evolver = dialogue(answer(EDIT), answer(LESSON))
    record = MadeRecord(steps(), changes=[(first, "reject")])
    again = draft(evolver, tmp_path / "harness", tmp_path / "two", record)
    shown = asked(evolver)[0].messages[-1].text
    assert '"gate": "reject"' in shown and "Guard the tail." in shown and "try wide loads" in shown
    assert [edit["file"] for edit in again.details["edits"]] == ["memory/lessons.jsonl"]
    assert any("rejected before" in why for why in again.details["refused"])
    assert not any("try wide loads" in text for text in read_harness(tmp_path / "two").files.values())


def test_an_edit_that_is_refused_takes_no_other_with_it(tmp_path: Path) -> None:
    hostile = {**EDIT, "file": "../../kernelevo/reward.py"}
    change = draft(dialogue(answer(hostile, EDIT), answer()), copied(tmp_path), tmp_path / "new")
    assert len(change.details["edits"]) == 1 and "no part of a harness" in change.details["refused"][0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"), ("I would edit the prompt.", "no JSON"), ("[" * 60_000, "no JSON"), ("x" * 70_000, "too long"),
        ("9" * 5000, "no JSON"), ("[]", "other keys"), ('{"edits": []}', "other keys"), ("null", "other keys"),
        (answer() + answer(), "no JSON"), ("Sure!\n" + answer(EDIT), "no JSON"),
        (answer({**EDIT, "shell": "rm"}), "at most 16 objects"), (answer({**EDIT, "text": 3}), "at most 16 objects"),
        (answer(*[EDIT] * 17), "at most 16 objects"),
        (json.dumps({"reflection": 1, "edits": [], "notes": ""}), "texts"),
    ],
)  # fmt: skip
def test_a_hostile_reply_holds_no_edit_and_says_why(tmp_path: Path, text: str, why: str) -> None:
    assert why in read_reflection(Reply(text, Stop.COMPLETE, Usage())).why
    folder, asking = copied(tmp_path), lever(dialogue(text, text))
    assert asking.draft(MadeRecord(steps()), present(), folder, None, tmp_path / "new", 0) is None
    assert "gave no edit" in asking.said and why in asking.said and not (tmp_path / "new").exists()


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "```\n{}\n```", "<think>\nhm {{ }}\n</think>\n{}"])
def test_a_fence_and_thoughts_are_no_fault(around: str) -> None:
    found = read_reflection(Reply(around.format(answer(EDIT)), Stop.COMPLETE, Usage()))
    assert found.why == "" and found.edits[0].text == "Guard the tail."


def test_a_killed_run_finds_the_answers_and_pays_for_none_again(tmp_path: Path) -> None:
    store, folder = MemoryStore(), copied(tmp_path)
    first = draft(dialogue(answer(EDIT), answer(LESSON), store=store), folder, tmp_path / "one")
    again = dialogue("never asked", store=store)
    second = draft(again, folder, tmp_path / "two")
    assert asked(again) == [] and dataclasses.replace(first, folder="") == dataclasses.replace(second, folder="")


def test_without_a_budget_it_is_not_asked(tmp_path: Path) -> None:
    asking = lever(dialogue(answer(EDIT), tokens=10))
    assert asking.draft(MadeRecord(steps()), present(), copied(tmp_path), None, tmp_path / "new", 0) is None
    assert "was not asked" in asking.said


def test_the_answer_is_on_the_record_with_what_it_held(tmp_path: Path) -> None:
    store = MemoryStore()
    draft(dialogue(answer(EDIT), "nonsense", store=store), copied(tmp_path), tmp_path / "new")
    assert [note["outcomes"] for note in store.notes("model_read")] == [["edits"], ["it is no JSON object"]]


class PlantedRecord(ListedRecord):
    """A record beside which everything lies that no lever may see."""

    gold = "GOLD-3.14159-CANARY"
    sealed = "SEALED-softmax-CANARY"

    def __init__(self) -> None:
        result = TaskResult("copy-1", "copy", 1.0, 2.0, "c2", 5)
        super().__init__([steps()], [[result]])


def test_canaries_reach_no_prompt_no_edit_and_no_skill(tmp_path: Path) -> None:
    """The record's store, its audits, a gold answer beside the harness and a sealed task are planted; a control shows
    that what is in a step does reach the prompt, so that the search for canaries can fail.
    """
    folder = copied(tmp_path)
    (tmp_path / "gold.txt").write_text(PlantedRecord.gold)
    (tmp_path / "sealed").mkdir()
    (tmp_path / "sealed" / "softmax.cu").write_text(PlantedRecord.sealed)
    evolver, record = dialogue(answer(EDIT), answer(LESSON)), PlantedRecord()
    change = draft(evolver, folder, tmp_path / "new", record)
    told = "\n".join(message.text for prompt in asked(evolver) for message in prompt.messages)
    written = "\n".join(read_harness(tmp_path / "new").files.values()) + json.dumps(dataclasses.asdict(change))
    for canary in (PlantedRecord.gold, PlantedRecord.sealed, str(CANARY), str(tmp_path)):
        assert canary not in told and canary not in written.replace(str(tmp_path / "new"), "")
    assert record.touched == [] and "vector_loads(x) = 4" in told
    leaking = PlantedRecord()
    leaking._generations = [[step(0, PlantedRecord.gold, 0.0)]]
    control = dialogue(answer(EDIT))
    draft(control, folder, tmp_path / "control", leaking)
    assert PlantedRecord.gold in asked(control)[0].messages[-1].text


class TestReflecting(LeverContract):
    @pytest.fixture
    def lever(self) -> HarnessLever:
        return lever(dialogue(answer(EDIT), answer(LESSON)))

    @pytest.fixture
    def given(self) -> Given:
        return Given(ListedRecord([steps()]), present(), Path(SHIPPED))
