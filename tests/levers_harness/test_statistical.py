"""The drafter that reads gains: on records whose truth is known it finds what is better, and nothing where none is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kernelevo.harness import DecisionFile, RuleChoice, read_decision_file, read_harness
from kernelevo.learning import Change, PolicyVersion
from kernelevo.levers.harness import breadth, numbers
from kernelevo.levers.harness.edits import Applied, EditBudget, apply_edits
from kernelevo.levers.harness.lever import HarnessLever
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.proposals import switches
from kernelevo.levers.harness.statistical import StatisticalDrafter, line_edit
from kernelevo.levers.harness.tries import Comparison, Try, compare_rules, tries_of
from levers_harness.made import SHIPPED, MadeRecord, copied, played, present, step

EVEN = dict.fromkeys(("unroll", "restrict", "grid_stride", "vector_loads", "block_size"), (0.3, 0.3))
GOOD = {**EVEN, "vector_loads": (0.9, 0.8)}
USELESS = {**EVEN, "unroll": (0.0, 0.0)}
BUDGET = EditBudget(8, 4000)
PACE = Pace()


def drafted(record: MadeRecord, budget: EditBudget = BUDGET, seed: int = 0, pace: Pace = PACE):
    return StatisticalDrafter("kernels", pace).draft(record, present(), read_harness(SHIPPED), budget, seed)


def outcome(draft) -> DecisionFile:
    result = apply_edits(read_harness(SHIPPED), draft.edits, BUDGET)
    assert isinstance(result, Applied), result
    assert all(line.startswith(("[rules]", "kernels.", "temperature", "samples", "depth", "retries", "exploration"))
               or not line for line in _changed_lines(result.patch))  # fmt: skip
    return read_decision_file(result.files["decisions.toml"], "decisions.toml")


def _changed_lines(patch: str) -> list[str]:
    return [line[1:] for line in patch.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize("seed", range(4))
def test_the_rule_that_gains_is_preferred(seed: int) -> None:
    rules = outcome(drafted(MadeRecord(played(GOOD, seed=seed)), seed=seed)).rules["kernels"]
    best = max(rules, key=lambda name: rules[name].bias)
    assert best == "vector_loads" and rules[best].bias > 0.2
    assert all(choice.bias <= 0.1 for name, choice in rules.items() if name != best)


def test_the_reason_holds_the_figures() -> None:
    edits = drafted(MadeRecord(played(GOOD))).edits
    edit = next(edit for edit in edits if "vector_loads" in edit.text)
    tries = sum("vector_loads" in one.reply.text for one in played(GOOD))
    assert f"vector_loads: {tries} tries on 8 tasks, log2 gain +" in edit.reason and "p = 0.001" in edit.reason
    assert edit.reason.startswith("[bias vector_loads up]")


def test_noise_is_not_chased() -> None:
    """Twenty records in which no rule is better: p <= 0.1 comes about twice, and no more."""
    changed = 0
    for seed in range(20):
        draft = drafted(MadeRecord(played(EVEN, seed=100 + seed)), seed=seed)
        changed += draft is not None and any("[bias" in edit.reason for edit in draft.edits)
    assert changed <= 5
    found = sum("[bias" in drafted(MadeRecord(played(GOOD, seed=100 + seed))).edits[0].reason for seed in range(5))
    assert found == 5


def test_attempts_with_much_to_gain_do_not_speak_for_the_rules_tried_there() -> None:
    """A rule that is only ever legal where everything gains is not better than its neighbours."""
    steps = []
    for attempt in range(40):
        easy = attempt % 2 == 0
        for draw, rule in enumerate(("restrict", "restrict", "unroll" if easy else "grid_stride")):
            reward = (4.0 if easy else 1.05) * (1 + 0.01 * ((attempt * 7 + draw * 3) % 5))
            steps.append(step(len(steps), f"{rule}(s{draw})", reward, parent=f"a{attempt}", task=f"t{attempt % 5}"))
    gains = {each.rule: each.gain for each in tries_of(steps)}
    assert gains["unroll"] > 1.5 > 0.2 > gains["grid_stride"]
    compared = compare_rules(tries_of(steps), 0)
    assert all(abs(gain.shrunk) < 0.05 for gain in compared.rules.values())


def test_a_rule_that_never_gained_is_put_off() -> None:
    draft = drafted(MadeRecord(played(USELESS, tasks=12)))
    assert outcome(draft).choice("kernels", "unroll") == RuleChoice(False, 0.0)
    few = drafted(MadeRecord(played(USELESS, tasks=2, attempts=2)))
    assert few is None or outcome(few).choice("kernels", "unroll").on


def test_a_rule_is_credited_with_what_it_enabled() -> None:
    alone = [step(n, f"unroll(s{n})", 0.9, best=3.0, parent=f"a{n // 2}") for n in range(2)]
    assert tries_of(alone)[0].gain == pytest.approx(1.585, abs=0.01)


def test_missing_data_and_stopping_are_no_tries_and_repeats_are_one() -> None:
    steps = [
        step(0, "unroll(a)", None, best=None), step(1, "stop", None, candidate=None), step(2, "restrict(a)", 2.0),
        step(3, "restrict(a)", 2.0, fresh=False), step(4, "gibberish!", None, candidate=None),
        step(5, "unroll(b)", 0.0),
        step(6, "unroll(c)", 1.2, parent="never seen", depth=3),
    ]  # fmt: skip
    assert [(each.rule, each.gain) for each in tries_of(steps)] == [("restrict", 1.0), ("unroll", 0.0)]


def test_gains_are_over_the_attempt_and_not_over_the_start() -> None:
    steps = [step(0, "unroll(a)", 4.0), step(1, "restrict(a)", 4.0, parent="c0", depth=1)]
    assert [each.gain for each in tries_of(steps)] == [2.0, 0.0]


def test_the_budget_of_edits_is_kept() -> None:
    for edits in (1, 2, 4):
        draft = drafted(MadeRecord(played(GOOD)), EditBudget(edits, 4000))
        assert len(draft.edits) == edits
    assert drafted(MadeRecord(played(GOOD)), EditBudget(8, 200)).edits[0].characters <= 200


def test_a_slower_pace_moves_less() -> None:
    record = MadeRecord(played(GOOD))
    quick, slow = (outcome(drafted(record, pace=Pace(rate=rate))) for rate in (1.0, 0.25))
    assert quick.rules["kernels"]["vector_loads"].bias > 2 * slow.rules["kernels"]["vector_loads"].bias > 0


def test_the_same_record_and_seed_give_the_same_draft() -> None:
    assert drafted(MadeRecord(played(GOOD)), seed=3) == drafted(MadeRecord(played(GOOD)), seed=3)


def test_what_others_did_counts_only_while_the_present_policy_did_little() -> None:
    before = PolicyVersion("scripted", "another harness")
    misled = played({**EVEN, "restrict": (1.0, 1.0)}, policy=before)
    enough = drafted(MadeRecord(misled, played(GOOD, seed=7)))
    assert outcome(enough).rules["kernels"]["vector_loads"].bias > outcome(enough).rules["kernels"]["restrict"].bias
    assert enough.details["whose"] == "the present policy"
    little = drafted(MadeRecord(misled, played(GOOD, tasks=1, seed=7)))
    assert little.details["whose"] == "all policies so far"
    assert outcome(little).rules["kernels"]["restrict"].bias > 0


def test_no_steps_are_no_draft_and_say_so() -> None:
    drafter = StatisticalDrafter("kernels", PACE)
    assert drafter.draft(MadeRecord(), present(), read_harness(SHIPPED), BUDGET, 0) is None
    assert drafter.said == "0 tries of all policies so far tell no number that should be changed"


def rejected(change: Change) -> tuple[Change, str]:
    return change, "reject"


def test_a_rejected_edit_never_comes_again(tmp_path: Path) -> None:
    folder, steps = copied(tmp_path), played(GOOD)
    lever = HarnessLever([StatisticalDrafter("kernels", PACE)], PACE)
    first = lever.draft(MadeRecord(steps), present(), folder, None, tmp_path / "one", 0)
    record = MadeRecord(steps, changes=[rejected(first)])
    second = lever.draft(record, present(), folder, None, tmp_path / "two", 0)
    keys = [{edit["key"] for edit in change.details["edits"]} for change in (first, second) if change]
    assert first and (second is None or not keys[0] & keys[1])
    undecided = MadeRecord(steps, changes=[(first, "undecided")])
    again = lever.draft(undecided, present(), folder, None, tmp_path / "three", 0)
    assert again is not None and keys[0] & {edit["key"] for edit in again.details["edits"]}


def test_temperature_rises_where_replies_repeat_and_falls_where_none_does() -> None:
    compared = compare_rules(tries_of(played(GOOD)), 0)
    repeating = [step(n, "unroll(a)", 1.0, fresh=n % 2 == 0) for n in range(60)]
    (up,) = numbers.temperature(DecisionFile(), repeating, (), compared, 0.5)
    assert up.make(DecisionFile()).temperature > 1 and "30 of 60 replies repeat others" in up.reason
    new = [step(n, "unroll(a)", 1.0) for n in range(60)]
    (down,) = numbers.temperature(DecisionFile(), new, (), compared, 0.5)
    assert down.make(DecisionFile()).temperature < 1
    few = [step(n, "unroll(a)", 1.0, fresh=False) for n in range(20)]
    assert list(numbers.temperature(DecisionFile(), few, (), compared, 0.5)) == []


def test_depth_follows_where_the_last_moves_gain() -> None:
    def at_the_end(reward: float):
        steps = [step(n, f"unroll(s{n})", 1.0, candidate="p", best=1.0) for n in range(1)]
        return tries_of(steps + [step(n, f"unroll(s{n})", reward, parent="p", depth=5) for n in range(1, 60)])

    (up,) = numbers.depth(DecisionFile(depth=6), at_the_end(1.5))
    (down,) = numbers.depth(DecisionFile(depth=6), at_the_end(0.9))
    assert (up.make(DecisionFile()).depth, down.make(DecisionFile()).depth) == (7, 5)
    assert list(numbers.depth(DecisionFile(depth=9), at_the_end(1.5))) == []


def test_retries_follow_what_asking_again_brings() -> None:
    def asked(answers: list[bool]):
        return [
            one
            for n, fresh in enumerate(answers)
            for one in (
                step(2 * n, "unroll(a)", 1.0, parent=f"a{n}", turn=2 * n, fresh=False),
                step(2 * n + 1, "unroll(a)", 1.0, parent=f"a{n}", turn=2 * n + 1, fresh=fresh),
            )
        ]

    (fewer,) = numbers.retries(DecisionFile(), asked([False] * 30))
    (more,) = numbers.retries(DecisionFile(), asked([True] * 30))
    assert (fewer.make(DecisionFile()).retries, more.make(DecisionFile()).retries) == (0, 2)
    assert list(numbers.retries(DecisionFile(), asked([True, False] * 3))) == []


def test_temperature_falls_where_the_likeliest_gains_most_and_rises_where_it_gains_least() -> None:
    def tries(likely: float, other: float, attempts: int = 20) -> list[Try]:
        return [
            Try("t", "f", f"p{attempt}", rule, 0, gain, log_probability)
            for attempt in range(attempts)
            for rule, gain, log_probability in (("unroll", likely, -0.5), ("tune", other, -2.0))
        ]

    nothing = Comparison({}, 1.0, 0)
    (down,) = numbers.temperature(DecisionFile(), (), tries(1.0, 0.0), nothing, 1.0)
    (up,) = numbers.temperature(DecisionFile(), (), tries(0.0, 1.0), nothing, 1.0)
    assert (down.make(DecisionFile()).temperature, up.make(DecisionFile()).temperature) == (0.5, 2.0)
    assert "in 20 of 20" in down.reason and "in 0 of 20" in up.reason
    even = [*tries(1.0, 0.0, 10), *(replace(each, parent=f"q{each.parent}") for each in tries(0.0, 1.0, 10))]
    assert list(numbers.temperature(DecisionFile(), (), even, nothing, 1.0)) == []
    assert list(numbers.temperature(DecisionFile(), (), tries(1.0, 1.0), nothing, 1.0)) == [], "ties tell nothing"
    assert list(numbers.temperature(DecisionFile(), (), tries(1.0, 0.0, 5), nothing, 1.0)) == [], "too few"


def asked(task: int, again: float, on: float):
    """Two questions of two replies each. The first reply doubles the speed, the second to the same question takes it to
    `again`, and the first to the next one, about the best, to `on`.
    """
    rewards = [(2.0, "start"), (again, "start"), (on, f"b{task}"), (0.5, f"b{task}")]
    best = 0 if again <= 2.0 else 1
    return [
        step(
            10 * task + n, f"unroll(s{n})", reward, task=f"t{task}", turn=10 * task + n // 2, parent=parent,
            candidate=f"b{task}" if n == best else f"c{task}.{n}",
        )
        for n, (reward, parent) in enumerate(rewards)
    ]


def test_samples_follow_what_an_evaluation_adds_here_and_further_on() -> None:
    file = DecisionFile()
    deep = [each for task in range(8) for each in asked(task, 2.0, 4.0 + task / 8)]
    wide = [each for task in range(8) for each in asked(task, 4.0 + task / 8, 4.0)]
    (fewer,) = breadth.samples(file, deep, 0)
    (more,) = breadth.samples(file, wide, 0)
    assert (fewer.make(file).samples, more.make(file).samples) == (2, 8)
    assert "added +1." in fewer.reason and "8 tasks" in fewer.reason
    assert list(breadth.samples(file, deep[: 4 * 5], 0)) == [], "five tasks are too few"
    half = [each for task in range(8) for each in asked(task, *((2.0, 4.0) if task % 2 else (4.0, 4.0)))]
    assert list(breadth.samples(file, half, 0)) == [], "half of the tasks say so and half the contrary"
    assert list(breadth.samples(DecisionFile(samples=1), deep, 0)) == [], "one is the least"
    assert list(breadth.samples(DecisionFile(samples=16), wide, 0)) == [], "what people gave beyond the most stays"


def test_where_the_record_tells_nothing_samples_are_a_trial_by_the_mean() -> None:
    file = DecisionFile()
    mixed = [each for task in range(9) for each in asked(task, *((2.0, 4.0) if task % 2 else (4.0, 4.0)))]
    assert list(breadth.samples(file, mixed, 0)) == []
    (one,) = breadth.trial(file, mixed)
    assert one.make(file).samples == 8 and "a trial" in one.reason, "the same again added a little more"
    assert list(breadth.trial(file, mixed[: 4 * 5])) == [], "five tasks are too few"


def test_before_an_improvement_more_samples_cost_nothing() -> None:
    """The next question is about the same attempt, whether it comes one reply sooner or later."""
    slow = [
        step(10 * task + n, f"unroll(s{n})", 1.0, task=f"t{task}", turn=10 * task + n // 2)
        for task in range(8)
        for n in range(4)
    ]
    assert [each.difference for each in breadth.additions(slow)] == [None] * 8


def test_exploration_follows_where_records_come_from() -> None:
    def records(from_best: bool):
        return [
            step(
                10 * task + n, f"unroll(s{n})", 1.2**(n + 1), task=f"t{task}",
                parent=f"c{10 * task + n - 1}" if from_best and n else "start", depth=n if from_best else 0,
            )
            for task in range(6) for n in range(6)
        ]  # fmt: skip

    (up,) = numbers.exploration(DecisionFile(), records(False), 0.5)
    (down,) = numbers.exploration(DecisionFile(), records(True), 0.5)
    assert up.make(DecisionFile()).exploration > 1 > down.make(DecisionFile()).exploration


def test_shares_follow_what_the_later_half_still_gains() -> None:
    def family(name: str, late: float):
        return [
            step(100 * task + n, f"unroll(s{n})", 2.0 if n < 5 else late, task=f"{name}-{task}", family=name)
            for task in range(6) for n in range(10)
        ]  # fmt: skip

    steps = family("rows", 2.0) + family("tiles", 6.0)
    proposed = {each.topic: each for each in numbers.shares(DecisionFile(), "kernels", steps, 0, 0.5)}
    assert set(proposed) == {"share rows down", "share tiles up"}
    file = DecisionFile()
    for each in proposed.values():
        file = each.make(file)
    assert file.shares["kernels"]["tiles"] > 1 > file.shares["kernels"]["rows"] >= 0.5
    even = family("rows", 4.0) + family("tiles", 4.0)
    assert list(numbers.shares(DecisionFile(), "kernels", even, 0, 0.5)) == []


def test_a_rule_that_is_off_is_tried_again_now_and_then() -> None:
    file = DecisionFile().with_rule("kernels", "unroll", RuleChoice(False, 1.0))
    tried = [seed for seed in range(200) if any(switches(file, "kernels", [], seed))]
    assert 8 <= len(tried) <= 36
    (again,) = switches(file, "kernels", [], tried[0])
    assert again.make(file).choice("kernels", "unroll") == RuleChoice(True, 0.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.with_rule("kernels", "unroll", RuleChoice(True, 1.0)),
        lambda file: file.with_rule("kernels", "brand_new", RuleChoice(True, 1.0)),
        lambda file: file.with_rule("other", "unroll", RuleChoice(False, 1.0)),
        lambda file: file.with_share("kernels", "rows", 2.0),
    ],
)
def test_a_change_of_the_file_is_an_edit_of_one_line(change) -> None:
    harness = read_harness(SHIPPED)
    for text, file in ((harness.files["decisions.toml"], harness.decisions), (DecisionFile().text(), DecisionFile())):
        after = change(file)
        edit = line_edit(text, file, after, "why")
        made = text.replace(edit.anchor, edit.text if edit.kind == "replace" else edit.anchor + edit.text)
        assert text.count(edit.anchor) == 1 and made == after.text() and edit.text.strip().count("\n") == 0


def test_a_file_in_other_words_is_written_anew(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    place = folder / "decisions.toml"
    place.write_text(place.read_text().replace("temperature = 1.0", "temperature = 1.00 # mine"))
    lever = HarnessLever([StatisticalDrafter("kernels", PACE)], PACE)
    change = lever.draft(MadeRecord(played(GOOD)), present(), folder, None, tmp_path / "new", 0)
    made = read_harness(tmp_path / "new")
    assert made.decisions.rules["kernels"]["vector_loads"].bias > 0 and change.after == made.key
    assert made.files["decisions.toml"] == made.decisions.text()
