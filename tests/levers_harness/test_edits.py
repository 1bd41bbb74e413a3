"""Edits of a harness: what each kind does, what is refused, and that a batch is applied whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.harness import Harness, harness_key, read_harness, write_files
from kernelevo.levers.harness.edits import Applied, Edit, EditBudget, Refused, apply_edits
from kernelevo.levers.harness.pace import Pace
from levers_harness.made import SHIPPED

BUDGET = EditBudget(4, 4000)
SKILL = "skills/vector_loads/SKILL.md"
WHY = "said by the record"


def harness() -> Harness:
    return read_harness(SHIPPED)


def edited(*edits: Edit, budget: EditBudget = BUDGET, rejected: tuple[str, ...] = ()) -> Applied | Refused:
    return apply_edits(harness(), edits, budget, rejected)


def applied(*edits: Edit) -> Applied:
    result = edited(*edits)
    assert isinstance(result, Applied), result
    return result


def refused(*edits: Edit, **others) -> str:
    result = edited(*edits, **others)
    assert isinstance(result, Refused), "it was applied"
    return result.why


def test_each_kind_does_what_it_says(tmp_path: Path) -> None:
    result = applied(
        Edit("insert", "system.md", "", "Say what bounds the kernel.", WHY),
        Edit("replace", SKILL, "a quarter of the load instructions", "fewer load instructions", WHY),
        Edit("delete", SKILL, "unroll the loop by 4.", "", WHY),
        Edit("insert", SKILL, "reorder loads past stores.\n", "- Look at the tail.\n", WHY),
    )
    assert result.files["system.md"] == harness().files["system.md"] + "Say what bounds the kernel.\n"
    skill = result.files[SKILL]
    assert "It takes fewer load instructions" in skill and "unroll the loop by 4" not in skill
    assert "past stores.\n- Look at the tail.\n" in skill
    untouched = {name for name in result.files if name not in ("system.md", SKILL)}
    assert all(result.files[name] == harness().files[name] for name in untouched) and len(untouched) > 5
    write_files(tmp_path / "made", result.files)
    assert harness_key(tmp_path / "made") == result.key != harness().key


def test_the_patch_says_what_changed_and_nothing_else() -> None:
    result = applied(Edit("replace", "dialogue.toml", "tried = 12", "tried = 6", WHY))
    lines = [line for line in result.patch.splitlines() if line[:1] in "+-"]
    assert lines == ["--- a/dialogue.toml", "+++ b/dialogue.toml", "-tried = 12", "+tried = 6"]


def test_a_later_edit_sees_the_earlier_one() -> None:
    first = Edit("insert", "system.md", "", "One line more.", WHY)
    second = Edit("replace", "system.md", "One line more.", "Another line.", WHY)
    assert applied(first, second).files["system.md"].endswith("Another line.\n")


def test_a_new_skill_and_its_use_in_one_batch() -> None:
    skill = "---\nname: tails\ndescription: for sizes that are no multiple\n---\nGuard the tail.\n"
    use = Edit("replace", "dialogue.toml", "on_demand = []", 'on_demand = ["tails"]', WHY)
    made = Edit("insert", "skills/tails/SKILL.md", "", skill, WHY)
    assert "skills/tails/SKILL.md" in applied(made, use).patch
    assert "is no skill" in refused(use)


def test_lessons_are_added_and_never_changed() -> None:
    line = '{"lesson": "Rows are read once.", "about": "kernels"}'
    added = Edit("insert", "memory/lessons.jsonl", "", line, WHY)
    assert applied(added).files["memory/lessons.jsonl"] == line + "\n"
    assert "only be added to" in refused(added, Edit("delete", "memory/lessons.jsonl", line, "", WHY))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit("insert", "manifest.toml", "", "x = 1", WHY), "no part"),
        (Edit("insert", "../other/system.md", "", "x", WHY), "no part"),
        (Edit("insert", "/etc/passwd", "", "x", WHY), "no part"),
        (Edit("insert", "skills/../../x/SKILL.md", "", "x", WHY), "no part"),
        (Edit("insert", "skills/a/../b/SKILL.md", "", "x", WHY), "no part"),
        (Edit("insert", "rules.toml", "", "x", WHY), "no part"),
        (Edit("insert", "kernelevo/reward.py", "", "x", WHY), "no part"),
        (Edit("insert", "system.md\n", "", "x", WHY), "no part"),
        (Edit("insert", "system.md\0", "", "x", WHY), "no part"),
        (Edit("insert", "skills/coalescing/scripts/run.py", "", "import os", WHY), "read only"),
        (Edit("rewrite", "system.md", "", "x", WHY), "no kind of edit"),
        (Edit("insert", "system.md", "", "a\x1b[2Jb", WHY), "hidden or controlling"),
        (Edit("insert", "system.md", "", "a\u202eb", WHY), "hidden or controlling"),
        (Edit("insert", "system.md", "", "\ud800", WHY), "hidden or controlling"),
        (Edit("insert", "system.md", "", "x", " "), "needs a reason"),
        (Edit("insert", "system.md", "", "x", "y" * 700), "needs a reason"),
        (Edit("insert", "system.md", "", "", WHY), "has no text"),
        (Edit("delete", "system.md", "Read where the time goes.", "x", WHY), "has no text"),
        (Edit("replace", "system.md", "", "x", WHY), "without an anchor"),
        (Edit("delete", "system.md", "never written", "", WHY), "stands 0 times"),
        (Edit("delete", "system.md", "e", "", WHY), "times in system.md, not once"),
        (Edit("replace", "references.md", "a", "x", WHY), "no part"),
        (Edit("insert", "system.md", "", "x" * 5000, WHY), "more than the budget of 4,000"),
        (
            Edit("replace", "dialogue.toml", "tried = 12", "tried = -1", WHY),
            "no harness any more: harness/dialogue.toml",
        ),
        (Edit("replace", "dialogue.toml", "tried = 12", "evaluations = 12", WHY), "no harness any more"),
        (Edit("replace", "decisions.toml", "temperature = 1.0", "temperature = [", WHY), "no harness any more"),
        (Edit("replace", SKILL, "float4 | float2 | int4", "float", WHY), "is checked by"),
        (Edit("delete", SKILL, "---\nname: vector_loads\n", "", WHY), "no harness any more"),
    ],
)
def test_hostile_and_wrong_edits_are_refused(edit: Edit, words: str) -> None:
    assert words in refused(edit)


def test_one_wrong_edit_refuses_the_batch_and_is_named() -> None:
    good = Edit("insert", "system.md", "", "One line more.", WHY)
    result = edited(good, Edit("insert", "manifest.toml", "", "x", WHY))
    assert isinstance(result, Refused) and result.edit == 1
    assert isinstance(edited(good), Applied)


def test_the_budget_holds_for_all_edits_together() -> None:
    edits = [Edit("insert", "system.md", "", f"line {number}", WHY) for number in range(3)]
    assert isinstance(edited(*edits, budget=EditBudget(3, 18)), Applied)
    assert "3 edits are more than the budget of 2" in refused(*edits, budget=EditBudget(2, 4000))
    assert "18 characters" in refused(*edits, budget=EditBudget(3, 17))


def test_what_was_rejected_is_not_tried_again_whatever_the_reason_given() -> None:
    edit = Edit("insert", "system.md", "", "One line more.", WHY)
    assert "rejected before" in refused(Edit("insert", "system.md", "", "One line more.", "new"), rejected=(edit.key,))
    assert isinstance(edited(Edit("insert", "system.md", "", "Two lines.", WHY), rejected=(edit.key,)), Applied)


def test_edits_that_undo_each_other_are_no_change() -> None:
    there = Edit("replace", "dialogue.toml", "tried = 12", "tried = 6", WHY)
    back = Edit("replace", "dialogue.toml", "tried = 6", "tried = 12", WHY)
    assert "change nothing" in refused(there, back)


def test_a_harness_of_another_scope_refuses_what_the_default_allows(tmp_path: Path) -> None:
    files = dict(harness().files)
    files["manifest.toml"] = files["manifest.toml"].replace('system = "write"', 'system = "read"')
    write_files(tmp_path / "closed", files)
    edit = Edit("insert", "system.md", "", "One line more.", WHY)
    result = apply_edits(read_harness(tmp_path / "closed"), [edit], BUDGET)
    assert isinstance(result, Refused) and "read only" in result.why


def test_the_budget_decays_and_never_below_its_least() -> None:
    pace = Pace(most=8, least=2, characters=4000, changes=8)
    edits = [pace.budget(drafted).edits for drafted in range(12)]
    assert edits[0] == 8 and edits == sorted(edits, reverse=True) and edits[7:] == [2] * 5
    characters = [pace.budget(drafted).characters for drafted in range(12)]
    assert characters[0] == 4000 and characters[-1] == 2000 == min(characters)
    assert pace.divergence_at(0) == 2 * pace.divergence_at(20) > 0
