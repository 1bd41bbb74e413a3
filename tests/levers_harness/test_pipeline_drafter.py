"""The drafter of pipelines: what gains on average is drafted, and no text that did well once."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conformance.lever import Given, LeverContract, ListedRecord

from kernelevo.harness import pipeline_file, read_harness
from kernelevo.learning import Change, Step, apart
from kernelevo.levers.harness.edits import Applied, EditBudget, apply_edits
from kernelevo.levers.harness.lever import HarnessLever
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.pipelines import MOST_DRAFTED, PipelineDrafter
from kernelevo.levers.harness.worths import _places, _regressed, key_of, lines_of, worths
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


def test_a_file_that_is_there_is_replaced_by_as_many_of_the_best_as_the_budget_leaves(tmp_path: Path) -> None:
    harness = copied(tmp_path)
    (harness / "pipelines").mkdir()
    for before in (START, "weigh plain=1\nwidth =  3\nkind = mean", f"{START}\n# then\n---\n{START}"):
        (harness / FILE).write_text(before)
        draft, _ = drafted(tried(), harness)
        (edit,) = draft.edits
        applied = apply_edits(read_harness(harness), draft.edits, BUDGET)
        assert edit.kind == "replace" and isinstance(applied, Applied)
        listed = apart(applied.files[FILE])
        assert len(listed) == MOST_DRAFTED == len(set(listed))
        ranked = sorted(worths(tried(), "").values(), key=lambda each: -each.value)
        assert [lines_of(text) for text in listed] == [each.lines for each in ranked[:MOST_DRAFTED]]
    (harness / FILE).write_text(START)
    few, _ = drafted(tried(), harness, EditBudget(8, 130))
    assert 0 < len(apart(few.edits[0].text)) < MOST_DRAFTED and few.edits[0].characters <= 130
    none, said = drafted(tried(), harness, EditBudget(8, 60))
    assert none is None and "none within 60 characters is better" in said


def test_texts_apart_are_those_that_say_something() -> None:
    assert apart("") == apart("\n# nothing\n---\n  # more\n") == []
    assert apart("a = 1\n\n# an empty line is none\nb = 2\n") == ["a = 1\n\n# an empty line is none\nb = 2"]
    windows = "---\na = 1\n ----\t\n# only said\n---\r\nb = 2\r\n---\r\nc = 3\n--"
    assert apart(windows) == ["a = 1", "b = 2", "c = 3\n--"]


def test_what_was_rejected_as_the_first_is_not_drafted_as_the_first_again_whatever_stands_behind_it() -> None:
    changes, firsts = [], []
    for _ in range(3):
        draft, _ = drafted(tried(), changes=changes)
        (edit,) = draft.edits
        firsts.append(lines_of(apart(edit.text)[0]))
        assert len(apart(edit.text)) == MOST_DRAFTED
        changes = [*changes, (Change("harness", "x", "a", "b", "why", details={"edits": [edit.plain()]}), "reject")]
    assert len(set(firsts)) == 3
    assert [lines_of(apart(drafted(tried(), changes=changes[1:])[0].edits[0].text)[0])] == firsts[:1]


def test_only_so_many_texts_are_compared_the_last_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = worths(tried(), "")
    monkeypatch.setattr("kernelevo.levers.harness.worths.MOST_TEXTS", 5)
    assert list(worths(tried(), "")) == list(whole)[-5:]


def test_the_regression_is_what_another_implementation_makes_of_it() -> None:
    process = pytest.importorskip("sklearn.gaussian_process", reason="scikit-learn is not installed")
    source = np.random.default_rng(0)
    places, values, noise = source.normal(size=(40, 3)), source.normal(size=40), source.uniform(0.1, 0.5, 40)
    apart = np.square(places[:, None] - places[None]).sum(axis=-1)
    kernel = 0.49 * np.exp(-apart / (2 * 0.8**2))
    likelihood, mean = _regressed(kernel, noise, values)
    both = np.linalg.inv(kernel + np.diag(noise))
    level = (both @ values).sum() / both.sum()
    theirs = process.GaussianProcessRegressor(
        process.kernels.ConstantKernel(0.49) * process.kernels.RBF(0.8), alpha=noise, optimizer=None
    ).fit(places, values - level)
    assert mean == pytest.approx(level + theirs.predict(places))
    assert likelihood == pytest.approx(theirs.log_marginal_likelihood_value_ + 20 * math.log(2 * math.pi))


def test_parts_are_alike_by_their_shares_and_settings_by_what_they_are() -> None:
    texts = ["weigh a = 1\nkind = x\n", "weigh a = 4\nkind = x\n", "weigh a = 4\nweigh b = 1\nkind = x\n"]
    one, same, near = _places([*map(lines_of, texts)])
    far, odd = _places([lines_of("weigh b = 1\nkind = x\n"), lines_of("weigh b = many\nkind = y\n")])
    assert (one == same).all() and 0 < np.square(one - near).sum() < 0.5
    assert np.isfinite(odd).all() and np.square(far - odd).sum() > 0.25


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
    assert draft is None and "none within 2,000 characters is better" in said
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
