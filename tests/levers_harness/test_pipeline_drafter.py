"""The drafter of pipelines: what gains on average is drafted, and no text that did well once."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from conformance.lever import Given, LeverContract, ListedRecord

from kernelevo.harness import pipeline_file, read_harness
from kernelevo.learning import Change, Step
from kernelevo.levers.harness.edits import Applied, EditBudget, apply_edits
from kernelevo.levers.harness.lever import HarnessLever
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.pipelines import PipelineDrafter, key_of, lines_of, worths
from levers_harness.made import SHIPPED, copied, present, step

START = "weigh plain = 1\nwidth = 3\nkind = mean\n"
FILE = pipeline_file("smoother")
BUDGET = EditBudget(8, 2000)


def text(part: str, width: int, kind: str) -> str:
    return f"weigh {part} = 1\nwidth = {width}\nkind = {kind}\n"


def tried(noise: float = 0.05, tasks: int = 6, each: int = 12, seed: int = 0) -> list[Step]:
    """Of a domain in which `smooth` is worth a doubling, width 9 half of one, the kind nothing; tasks differ in scale.
    """
    source, steps = random.Random(seed), []
    for task in range(tasks):
        scale = source.uniform(1, 4)
        for _ in range(each):
            part, width, kind = (source.choice(c) for c in (("plain", "smooth"), (3, 1, 9), ("mean", "median")))
            gain = (part == "smooth") + 0.5 * (width == 9) + source.gauss(0, noise)
            steps.append(step(len(steps), text(part, width, kind), scale * 2**gain, task=f"reward-{task}"))
    return steps


def drafted(steps: list[Step], harness: Path = SHIPPED, budget: EditBudget = BUDGET, changes=()):
    drafter = PipelineDrafter("smoother", START)
    record = ListedRecord([steps], changes=changes)
    return drafter.draft(record, present(), read_harness(harness), budget, 0), drafter.said


def worth(values, *words) -> float:
    return values[key_of(lines_of(text(*words)))].value


@pytest.mark.parametrize("seed", range(4))
def test_what_gains_on_average_is_drafted_as_a_file_of_its_own(seed: int) -> None:
    draft, _ = drafted(tried(seed=seed))
    applied = apply_edits(read_harness(SHIPPED), draft.edits, BUDGET)
    assert isinstance(applied, Applied)
    assert {"weigh smooth = 1", "width = 9"} <= set(applied.files[FILE].splitlines())
    assert [edit.file for edit in draft.edits] == [FILE] and "in log2 over the present one" in draft.reason


def test_a_file_that_is_there_is_edited_line_by_line_within_the_budget(tmp_path: Path) -> None:
    harness = copied(tmp_path)
    (harness / "pipelines").mkdir()
    (harness / FILE).write_text(START)
    draft, _ = drafted(tried(), harness)
    kinds = sorted(edit.kind for edit in draft.edits)
    assert kinds[:2] == ["delete", "insert"] and "replace" in kinds
    applied = apply_edits(read_harness(harness), draft.edits, BUDGET)
    assert isinstance(applied, Applied) and {"weigh smooth = 1", "width = 9"} <= set(applied.files[FILE].splitlines())
    one, said = drafted(tried(), harness, EditBudget(1, 2000))
    assert one is None or len(one.edits) == 1, said
    (harness / FILE).write_text("weigh plain=1\nwidth =  3\nkind = mean")  # as a person may space it
    spaced, _ = drafted(tried(), harness)
    assert isinstance(apply_edits(read_harness(harness), spaced.edits, BUDGET), Applied)


def test_a_text_that_did_well_once_is_not_taken_for_one_that_does_well() -> None:
    lucky = step(900, text("plain", 1, "median"), 64.0, task="reward-0")
    values = worths([*tried(each=30), lucky], "")
    assert worth(values, "plain", 1, "median") < worth(values, "smooth", 9, "mean")


def test_what_was_found_with_another_adapter_counts_less() -> None:
    before = tried()
    behind = replace(present(), adapter="new")
    after = [replace(made, generation=1, policy=behind, reward=1.0 / made.reward) for made in tried(tasks=3)]
    by_new, by_old = worths([*before, *after], "new"), worths([*before, *after], "")
    for values, better, worse in ((by_new, "plain", "smooth"), (by_old, "smooth", "plain")):
        assert worth(values, better, 3, "mean") > worth(values, worse, 3, "mean")


def test_the_best_is_not_drafted_again_and_nothing_that_was_rejected(tmp_path: Path) -> None:
    harness = copied(tmp_path)
    (harness / "pipelines").mkdir()
    best = max(worths(tried(), "").values(), key=lambda each: each.value)
    (harness / FILE).write_text("".join(f"{line}\n" for line in best.lines))
    draft, said = drafted(tried(), harness)
    assert draft is None and "none within 8 edits is better" in said
    first, _ = drafted(tried())
    change = Change("harness", "x", "a", "b", "why", details={"edits": [edit.plain() for edit in first.edits]})
    second, _ = drafted(tried(), changes=[(change, "reject")])
    assert second is None or second.edits != first.edits


def test_little_tells_nothing_and_failures_and_the_network_s_line_are_no_evidence() -> None:
    few = [step(number, text("plain", number, "mean"), 1.0) for number in range(4)]
    assert drafted(few) == (None, "4 pipelines tell nothing yet")
    failed = replace(step(1, text("plain", 1, "mean"), 0.0), candidate=None)
    assert worths([failed], "") == {}
    assert lines_of(START + "network = 0011223344556677\n# said\n") == lines_of(START)
    assert lines_of("weigh  plain=1\nwidth =3  # narrow\nkind= mean\nnetwork=0011223344556677") == lines_of(START)


class TestPipelineDrafter(LeverContract):
    @pytest.fixture
    def lever(self) -> HarnessLever:
        return HarnessLever([PipelineDrafter("smoother", START)], Pace())

    @pytest.fixture
    def given(self) -> Given:
        return Given(ListedRecord([tried()]), present(), Path(SHIPPED))
