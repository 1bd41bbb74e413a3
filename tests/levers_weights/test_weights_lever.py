"""The weights lever over the tabular policy: what it learns from, what it leaves out, and which way it moves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("safetensors", reason="the extra `lora` is not installed")

from conformance.lever import Given, LeverContract, ListedRecord, drafted, step_of  # noqa: E402

from kernelevo.errors import BadInput, Infrastructure  # noqa: E402
from kernelevo.language_model import Adapter, Message, Prompt, Sampling  # noqa: E402
from kernelevo.learning import Change, PolicyVersion, Step, folder_key  # noqa: E402
from kernelevo.levers.weights import training  # noqa: E402
from kernelevo.levers.weights.choose import OBJECTIVES  # noqa: E402
from kernelevo.levers.weights.lever import WeightsLever  # noqa: E402
from kernelevo.levers.weights.settings import LARGE, TABULAR, TINY, WeightSettings, weight_settings  # noqa: E402
from kernelevo.models.tabular import TabularModel  # noqa: E402

POLICY = PolicyVersion("tabular", "harness", "")
REWARDS = {"left": 1.0, "right": 2.0}


def question(number: int) -> Prompt:
    return Prompt((Message("user", f"left or right, {number}?"),))


def bandit() -> TabularModel:
    return TabularModel(["left", "right"])


def steps_of(
    model: TabularModel, groups: int = 6, size: int = 6, policy: PolicyVersion = POLICY, temperature: float = 1.0
) -> list[Step]:
    """Replies to several questions, each worth what its arm is worth."""
    steps: list[Step] = []
    for group in range(groups):
        for reply in model.sample(question(group), size, Sampling(4, temperature, True), 1.0):
            told = reply.tokens[0].log_probability if reply.tokens else None
            more = {"turn": group, "log_probability": told}
            steps.append(step_of(len(steps), question(group), reply.text, REWARDS[reply.text], policy, **more))
    return steps


def retold(step: Step, log_probability: float) -> Step:
    """The step, drawn with another probability."""
    tokens = tuple(replace(token, log_probability=log_probability) for token in step.reply.tokens or ())
    return replace(step, reply=replace(step.reply, tokens=tokens))


def chance(model: TabularModel, arm: str = "right") -> float:
    """Mean probability of an arm over the questions, with what is loaded."""
    shares = [_share(model, question(number), arm) for number in range(6)]
    return sum(shares) / len(shares)


def _share(model: TabularModel, prompt: Prompt, arm: str) -> float:
    names, logits = model.logits(prompt, model._lora)
    return torch.softmax(logits.detach(), 0)[names.index(arm)].item()


@pytest.fixture
def harness(tmp_path: Path) -> Path:
    folder = tmp_path / "harness"
    folder.mkdir()
    (folder / "system.md").write_text("Choose.")
    return folder


class TestWeightsLever(LeverContract):
    @pytest.fixture
    def lever(self) -> WeightsLever:
        return WeightsLever(bandit(), TABULAR)

    @pytest.fixture
    def given(self, harness: Path) -> Given:
        return Given(ListedRecord([steps_of(bandit())]), POLICY, harness)


class TestWeightsLeverThatGoesOn(LeverContract):
    """From an adapter that was made before."""

    @pytest.fixture
    def lever(self) -> WeightsLever:
        return WeightsLever(bandit(), TABULAR)

    @pytest.fixture
    def given(self, harness: Path, tmp_path: Path) -> Given:
        adapter = tmp_path / "adapter"
        bandit().trainer(None, 8, 5).save(adapter)
        policy = replace(POLICY, adapter=folder_key(adapter))
        return Given(ListedRecord([steps_of(bandit(), policy=policy)]), policy, harness, adapter)


def draft(lever: WeightsLever, steps: list[Step], folder: Path, **more) -> Change | None:
    folder.mkdir(exist_ok=True)
    record = ListedRecord([steps], changes=more.pop("changes", ()))
    return lever.draft(record, more.pop("policy", POLICY), folder, more.pop("adapter", None), folder, 0)


def rounds(objective: str, folder: Path, number: int = 6) -> tuple[float, float]:
    """The chance of the better arm before and after rounds of sampling and learning by this objective."""
    model = bandit()
    before = chance(model)
    settings = replace(TABULAR, objective=objective, kl_stop=0.5)
    policy, adapter = POLICY, None
    for round_number in range(number):
        steps = steps_of(model, groups=6, policy=policy)
        into = folder / f"{objective}-{round_number}"
        change = draft(WeightsLever(model, replace(settings, least=2)), steps, into, policy=policy, adapter=adapter)
        if change is None:  # every group is constant by now
            break
        assert change.details["objective"] == objective
        policy, adapter = replace(POLICY, adapter=change.after), into
        model.load_adapter(Adapter("a", round_number, str(into)))
    return before, chance(model)


LOSSES = {
    "grpo": "grpo_loss", "ppo": "ppo_loss", "entropic": "entropic_loss", "reinforce": "reinforce_loss",
    "best_of_n": "cloning_loss", "dpo": "dpo_loss",
}  # fmt: skip


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_finds_the_better_of_two_arms(objective: str, tmp_path: Path) -> None:
    before, after = rounds(objective, tmp_path)
    assert 0.4 < before < 0.6 and after > 0.85, (before, after)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_with_the_wrong_sign_none_does(objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    right: Callable = getattr(training.losses, LOSSES[objective])
    monkeypatch.setattr(training.losses, LOSSES[objective], lambda *given: -right(*given))
    before, after = rounds(objective, tmp_path)
    assert after < before


def test_what_says_nothing_of_this_policy_is_left_out_and_counted(tmp_path: Path) -> None:
    good = steps_of(bandit())
    bad = [
        replace(good[0], policy=replace(POLICY, harness="other")),
        replace(good[0], policy=replace(POLICY, adapter="other")),
        replace(good[0], policy=replace(POLICY, model="other")),
        replace(good[0], reward=None, best=None, status=None),
        replace(good[0], reply=replace(good[0].reply, text="", tokens=())),
    ]
    change = draft(WeightsLever(bandit(), TABULAR), good + bad, tmp_path / "one")
    only = draft(WeightsLever(bandit(), TABULAR), good, tmp_path / "two")
    assert change is not None and only is not None and change.after == only.after
    told = dict(change.details["excluded"])
    constant = told.pop("constant groups")
    assert told == {"another adapter": 1, "another harness": 1, "another model": 1, "missing data": 1, "no text": 1}
    assert change.details["replies"] + constant == len(good)


def test_an_earlier_generation_is_left_out(tmp_path: Path) -> None:
    early, late = steps_of(bandit()), [replace(step, generation=1) for step in steps_of(bandit())]
    lever = WeightsLever(bandit(), replace(TABULAR, generations=1))
    change = drafted(lever, Given(ListedRecord([early, late]), POLICY, tmp_path), tmp_path / "into")
    assert change.details["excluded"]["an earlier generation"] == len(early)


def test_constant_groups_teach_nothing(tmp_path: Path) -> None:
    steps = [replace(step, reward=2.0, best=2.0) for step in steps_of(bandit())]
    lever = WeightsLever(bandit(), TABULAR)
    assert draft(lever, steps, tmp_path / "into") is None
    assert "no two replies to one prompt differ" in lever.said


def test_too_few_replies_teach_nothing(tmp_path: Path) -> None:
    lever = WeightsLever(bandit(), replace(TABULAR, least=1000))
    assert draft(lever, steps_of(bandit()), tmp_path / "into") is None
    assert "fewer than 1000" in lever.said


def test_stale_replies_can_be_weighed_by_how_likely_they_are_now(tmp_path: Path) -> None:
    other = replace(POLICY, adapter="before")
    steps = steps_of(bandit(), policy=other)
    lever = WeightsLever(bandit(), replace(TABULAR, stale="weigh", objective="reinforce"))
    change = draft(lever, steps, tmp_path / "into")
    assert change is not None and change.details["stale"] == change.details["replies"] > 8
    # The other policy was sure of each of them, and so they weigh half as much.
    less = draft(lever, [retold(step, -1e-3) for step in steps], tmp_path / "less")
    assert less is not None and less.after != change.after
    untold = [replace(step, reply=replace(step.reply, tokens=None)) for step in steps]
    assert draft(lever, untold, tmp_path / "none") is None
    assert "36 of stale, without log-probabilities" in lever.said


def test_the_best_that_came_of_a_reply_is_what_it_is_worth(tmp_path: Path) -> None:
    """Left enables something much better than right is worth."""
    steps = [replace(step, best=5.0) if step.reply.text == "left" else step for step in steps_of(bandit())]
    model = bandit()
    for value, likelier in (("best", "left"), ("reward", "right")):
        into = tmp_path / value
        assert draft(WeightsLever(model, replace(TABULAR, value=value, objective="grpo")), steps, into) is not None
        model.load_adapter(Adapter("a", 1, str(into)))
        assert chance(model, likelier) > 0.5 + 0.02
        model.load_adapter(None)


def test_training_stops_when_the_policy_has_moved_far_enough(tmp_path: Path) -> None:
    steps = steps_of(bandit())
    free = draft(WeightsLever(bandit(), replace(TABULAR, epochs=40, kl_stop=100.0)), steps, tmp_path / "free")
    held = draft(WeightsLever(bandit(), replace(TABULAR, epochs=40, kl_stop=0.01)), steps, tmp_path / "held")
    assert free is not None and held is not None
    assert free.details["stopped"] == "" and "nats a token" in str(held.details["stopped"])
    assert held.details["kl_before"] < free.details["kl_before"]
    assert len(held.details["losses"]) < len(free.details["losses"]) == 40


@pytest.mark.parametrize(
    "answers, rate, distance",
    [
        ((), 1, 1), (("reject",), 0.5, 0.5), (("undecided",), 1, 2), (("undecided",) * 5, 1, 4),
        (("reject",) * 9, 1 / 16, 1 / 16), (("undecided", "reject"), 0.5, 1),
    ],
)  # fmt: skip
def test_the_gate_s_answers_make_the_next_step_smaller_or_larger(
    answers: tuple[str, ...], rate: float, distance: float, tmp_path: Path
) -> None:
    others = [
        (Change("harness", "", "", "b", "why"), "reject"), (Change("weights", "", "", "c", "why"), "accept"),
        (Change("weights", "", "another adapter", "c", "why"), "reject"),
    ]  # fmt: skip
    changes = [*others, *((Change("weights", "", "", "a", "why"), answer) for answer in answers)]
    change = draft(WeightsLever(bandit(), TABULAR), steps_of(bandit()), tmp_path / "a", changes=changes)
    assert change is not None
    settings = change.details["settings"]
    assert settings["learning_rate"] == pytest.approx(TABULAR.learning_rate * rate)
    assert settings["kl_stop"] == pytest.approx(TABULAR.kl_stop * distance)


def test_a_temperature_of_the_harness_is_that_of_the_scores(tmp_path: Path) -> None:
    model = TabularModel(["left", "right"], spread=2.0)
    hot = steps_of(model, groups=2, size=20, temperature=2.0)
    fitting = draft(WeightsLever(model, TABULAR, lambda harness: 2.0), hot, tmp_path / "one")
    other = draft(WeightsLever(model, TABULAR), hot, tmp_path / "two")
    assert fitting is not None and fitting.details["recorded_apart"] == pytest.approx(0.0, abs=1e-5)
    assert other is not None and other.details["recorded_apart"] > training.SAME_POLICY


def test_a_loss_that_is_no_number_is_our_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.losses, "grpo_loss", lambda *given: torch.tensor(math.nan))
    with pytest.raises(Infrastructure, match="lower the learning rate"):
        draft(WeightsLever(bandit(), replace(TABULAR, objective="grpo")), steps_of(bandit()), tmp_path / "into")


def test_defaults_are_those_of_the_kind() -> None:
    assert (LARGE.rank, LARGE.learning_rate) == (32, 4e-5)
    assert weight_settings("tiny") is TINY and weight_settings("hf") is weight_settings("vllm") is LARGE
    with pytest.raises(BadInput, match="no objective"):
        WeightSettings(objective="guess")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="learning_rate"):
        WeightSettings(learning_rate=math.nan)
