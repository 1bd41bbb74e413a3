"""The embedded model by its joint: the conformance suite, draws that can be told again, probabilities that add up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pytest
from conformance.model import SAMPLING, SECONDS, SampledModelContract
from tiny.observations import GRAMMAR, OPTIONS, observation

pytest.importorskip("torch", reason="the extra `lora` is not installed")

from kernelevo.decisions import STOP, Decision, decision_prompt, read_decision
from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import Message, Prompt, Sampling, Stop, total_cost, total_usage
from kernelevo.models.tiny.model import TinyModel
from kernelevo.models.tiny.tokens import MOST_MOVES

PROMPT = decision_prompt(observation())
TILE = Decision("tile", "a", 16)


def told(temperature: float | None = None, max_tokens: int = 64) -> Sampling:
    return Sampling(max_tokens, temperature, log_probabilities=True)


class TestTiny(SampledModelContract):
    @pytest.fixture
    def model(self) -> Iterator[Model]:
        model = TinyModel.fresh(GRAMMAR, seed=1)
        yield model
        model.close()

    @pytest.fixture
    def prompt(self) -> Prompt:
        return PROMPT


def test_the_same_seed_and_history_give_the_same_replies() -> None:
    one, other = TinyModel.fresh(GRAMMAR, seed=1), TinyModel.fresh(GRAMMAR, seed=1)
    first, second = one.sample(PROMPT, 8, told(), SECONDS), one.sample(PROMPT, 8, told(), SECONDS)
    assert other.sample(PROMPT, 8, told(), SECONDS) == first
    assert [reply.text for reply in first] != [reply.text for reply in second]
    resumed = TinyModel(one.base, seed=1, asked={PROMPT.key: 1})
    assert resumed.sample(PROMPT, 8, told(), SECONDS) == second


def test_policies_on_one_stream_differ_only_where_they_would_decide_otherwise() -> None:
    """Biases that change little change few replies, and a stream that is begun again gives the same ones."""
    model = TinyModel.fresh(GRAMMAR, seed=1)
    nearly = decision_prompt(observation(biases={TILE: 0.01}))
    first = [reply.text for reply in model.sample(PROMPT, 200, told(), SECONDS)]
    model.restart(1, {})
    second = [reply.text for reply in model.sample(nearly, 200, told(), SECONDS)]
    assert sum(map(str.__eq__, first, second)) / 200 > 0.95
    model.restart(2, {})
    assert [reply.text for reply in model.sample(PROMPT, 200, told(), SECONDS)] != first
    model.restart(1, {})
    assert [reply.text for reply in model.sample(PROMPT, 200, told(), SECONDS)] == first


def test_another_seed_gives_others() -> None:
    base = TinyModel.fresh(GRAMMAR).base
    texts = {tuple(r.text for r in TinyModel(base, seed=s).sample(PROMPT, 16, told(), SECONDS)) for s in range(4)}
    assert len(texts) == 4


def test_replies_are_legal_decisions_drawn_as_often_as_they_say() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    replies = model.sample(PROMPT, 4000, told(), SECONDS)
    counts = Counter(reply.text for reply in replies)
    assert {read_decision(text) for text in counts} <= set(OPTIONS)
    for reply in replies:
        assert reply.tokens is not None and "".join(token.text for token in reply.tokens) == reply.text
    said = {reply.text: sum(token.log_probability for token in reply.tokens or ()) for reply in replies}
    assert sum(map(math.exp, said.values())) == pytest.approx(1.0, abs=1e-4)
    for text, count in counts.items():
        probability = math.exp(said[text])
        assert abs(count / 4000 - probability) < 4 * math.sqrt(probability * (1 - probability) / 4000)
    assert model.probabilities(PROMPT) == pytest.approx({text: math.exp(one) for text, one in said.items()}, abs=1e-5)


def test_a_bias_is_added_to_the_logit_before_the_temperature() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    plain = model.probabilities(PROMPT)
    biased = decision_prompt(observation(biases={TILE: 1.5}))
    for temperature in (1.0, 0.5, 2.0):
        weights = {
            text: (probability * math.exp(1.5 if text == str(TILE) else 0.0)) ** (1 / temperature)
            for text, probability in plain.items()
        }
        whole = sum(weights.values())
        expected = {text: weight / whole for text, weight in weights.items()}
        assert model.probabilities(biased, temperature) == pytest.approx(expected, abs=1e-5)


def test_at_temperature_zero_the_likeliest_is_certain() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    best = next(iter(model.probabilities(PROMPT)))
    assert {reply.text for reply in model.sample(PROMPT, 20, told(0.0), SECONDS)} == {best}


def test_what_is_not_allowed_is_never_said() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    only = decision_prompt(observation(STOP, TILE))
    assert {reply.text for reply in model.sample(only, 200, told(), SECONDS)} == {"stop", str(TILE)}


def test_a_reply_that_is_too_long_is_cut_and_says_so() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    sure = decision_prompt(observation(STOP, TILE, biases={TILE: 50.0}))
    (reply,) = model.sample(sure, 1, told(max_tokens=2), SECONDS)
    assert (reply.text, reply.stop, reply.usage.completion) == ("tile(a)", Stop.LENGTH, 2)
    assert len(reply.tokens or ()) == 2


def test_a_prompt_is_paid_once_a_call_and_nothing_costs_money() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    replies = model.sample(PROMPT, 5, SAMPLING, SECONDS)
    assert total_usage(replies).prompt == model.count_tokens(PROMPT)
    assert total_cost(replies) == 0.0


def test_moves_that_were_not_read_are_told() -> None:
    model = TinyModel.fresh(GRAMMAR, seed=2)
    many = decision_prompt(observation(moves=(Decision("copy"),) * (MOST_MOVES + 2)))
    assert model.sample(many, 1, told(), SECONDS)[0].thinking == "the 2 oldest moves were not read"


@pytest.mark.parametrize(
    "text", ["Faster, please.", "{}", "[1]", '{"grammar":"x","facts":[],"words":1,"moves":0,"options":{"a":1}}']
)
def test_a_prompt_that_is_no_observation_is_refused(text: str) -> None:
    model = TinyModel.fresh(GRAMMAR)
    with pytest.raises(BadInput, match=r"this prompt shows none|observation is of the grammar"):
        model.sample(Prompt((Message("user", text),)), 1, SAMPLING, SECONDS)
    with pytest.raises(BadInput, match="this prompt shows none"):
        model.count_tokens(Prompt((Message("system", "You are kind."), *PROMPT.messages)))
