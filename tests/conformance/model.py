"""What every Model keeps. Subclass `SampledModelContract` with the fixtures `model` and `prompt` (a question that it
can answer); or, where replies can be scripted, `ModelContract` with a `model` that gives REPLIES in order, and then has
nothing more to say.
"""

from __future__ import annotations

import pytest

from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import (
    Adapter,
    Message,
    Prompt,
    Reply,
    Sampling,
    Stop,
    Token,
    Usage,
    total_cost,
    total_usage,
)

PROMPT = Prompt((Message("system", "You write kernels."), Message("user", "Faster, please. \u2603")))
SAMPLING = Sampling(64)
SECONDS = 20.0
REPLIES = (
    Reply("one \u2603\n", Stop.COMPLETE, Usage(40, 5, 8), tokens=(Token("one ", -0.25), Token("\u2603\n", -1.5))),
    Reply("two, and then it br", Stop.LENGTH, Usage(40, 7)),
    Reply("three \ud83d is half a pair", Stop.COMPLETE, Usage(40, 9)),
    Reply("", Stop.EMPTY, Usage(40, 1)),
    Reply("I may not", Stop.FILTERED, Usage(40, 3)),
    Reply("six", Stop.COMPLETE, Usage(40, 2)),
)


class SampledModelContract:
    """Of any model, whatever it says."""

    def test_it_gives_at_least_one_reply_and_at_most_those_asked_for(self, model: Model, prompt: Prompt) -> None:
        for n in (1, 3, 2, 4):
            assert 1 <= len(model.sample(prompt, n, SAMPLING, SECONDS)) <= n

    def test_text_can_be_written_to_a_file(self, model: Model, prompt: Prompt) -> None:
        for reply in model.sample(prompt, 4, SAMPLING, SECONDS):
            assert reply.text.encode().decode() == reply.text

    def test_a_reply_that_is_whole_has_text(self, model: Model, prompt: Prompt) -> None:
        for reply in model.sample(prompt, 4, SAMPLING, SECONDS):
            assert reply.text or reply.stop is not Stop.COMPLETE

    def test_replies_that_are_there_took_tokens(self, model: Model, prompt: Prompt) -> None:
        used = total_usage(model.sample(prompt, 2, SAMPLING, SECONDS))
        assert used.prompt > 0 and used.completion > 0

    def test_log_probabilities_come_if_they_are_asked_for(self, model: Model, prompt: Prompt) -> None:
        (reply,) = model.sample(prompt, 1, Sampling(64, log_probabilities=True), SECONDS)
        assert (reply.tokens is not None) == model.capabilities.log_probabilities
        assert all(token.log_probability <= 0 for token in reply.tokens or ())
        (other,) = model.sample(prompt, 1, SAMPLING, SECONDS)
        assert other.tokens is None

    def test_tokens_are_counted_or_refused(self, model: Model, prompt: Prompt) -> None:
        if model.capabilities.token_counts:
            assert 0 < model.count_tokens(prompt) <= prompt.estimated_tokens
            return
        with pytest.raises(BadInput, match="count"):
            model.count_tokens(prompt)


class ModelContract(SampledModelContract):
    """Of a model that says what it was told to say."""

    @pytest.fixture
    def prompt(self) -> Prompt:
        return PROMPT

    def test_replies_come_in_order_with_why_they_ended(self, model: Model) -> None:
        got = [model.sample(PROMPT, 1, SAMPLING, SECONDS)[0] for _ in REPLIES]
        assert [reply.stop for reply in got] == [reply.stop for reply in REPLIES]
        for one, told in zip(got, REPLIES, strict=True):
            assert one.text == told.text.encode("utf-8", "replace").decode()

    def test_halves_of_pairs_are_made_whole(self, model: Model) -> None:
        for reply in model.sample(PROMPT, len(REPLIES), SAMPLING, SECONDS):
            assert reply.text.encode().decode() == reply.text

    def test_usages_of_a_call_add_up(self, model: Model) -> None:
        first = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert total_usage(first) == Usage(40, 5, 8)
        both = model.sample(PROMPT, 2, SAMPLING, SECONDS)
        assert total_usage(both).completion == 16

    def test_a_cost_is_known_where_there_is_a_price(self, model: Model) -> None:
        replies = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert total_cost(replies) == pytest.approx((40 * 2 + 5 * 10) / 1e6)

    def test_log_probabilities_are_those_that_it_was_told(self, model: Model) -> None:
        (reply,) = model.sample(PROMPT, 1, Sampling(64, log_probabilities=True), SECONDS)
        assert reply.tokens == (REPLIES[0].tokens if model.capabilities.log_probabilities else None)
        (other,) = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert other.tokens is None

    def test_a_model_that_has_nothing_more_to_say_says_nothing(self, model: Model) -> None:
        model.sample(PROMPT, len(REPLIES), SAMPLING, SECONDS)
        (reply,) = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert (reply.text, reply.stop in (Stop.EMPTY, Stop.EXHAUSTED)) == ("", True)

    def test_adapters_are_loaded_or_refused(self, model: Model) -> None:
        if not model.capabilities.adapters:
            with pytest.raises(BadInput, match="adapter"):
                model.load_adapter(Adapter("mine", 1, "/adapters/mine"))
            return
        model.load_adapter(Adapter("mine", 1, "/adapters/mine"))
        assert model.sample(PROMPT, 1, SAMPLING, SECONDS)[0].text == REPLIES[0].text
        model.load_adapter(Adapter("mine", 2, "/adapters/mine2"))
        model.load_adapter(None)
        assert model.sample(PROMPT, 1, SAMPLING, SECONDS)[0].text == REPLIES[1].text
