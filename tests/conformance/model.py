"""What every Model keeps. Subclass `ModelContract` with a fixture `model`: one that gives REPLIES in order, and then
has nothing more to say.
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


class ModelContract:
    def test_replies_come_in_order_with_why_they_ended(self, model: Model) -> None:
        got = [model.sample(PROMPT, 1, SAMPLING, SECONDS)[0] for _ in REPLIES]
        assert [reply.stop for reply in got] == [reply.stop for reply in REPLIES]
        for one, told in zip(got, REPLIES, strict=True):
            assert one.text == told.text.encode("utf-8", "replace").decode()

    def test_text_can_be_written_to_a_file(self, model: Model) -> None:
        for reply in model.sample(PROMPT, len(REPLIES), SAMPLING, SECONDS):
            assert reply.text.encode().decode() == reply.text

    def test_it_gives_at_least_one_reply_and_at_most_those_asked_for(self, model: Model) -> None:
        for n in (1, 3, 2, 4):
            assert 1 <= len(model.sample(PROMPT, n, SAMPLING, SECONDS)) <= n

    def test_usages_of_a_call_add_up(self, model: Model) -> None:
        first = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert total_usage(first) == Usage(40, 5, 8)
        both = model.sample(PROMPT, 2, SAMPLING, SECONDS)
        assert total_usage(both).completion == 16

    def test_a_cost_is_known_where_there_is_a_price(self, model: Model) -> None:
        replies = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert total_cost(replies) == pytest.approx((40 * 2 + 5 * 10) / 1e6)

    def test_log_probabilities_come_if_they_are_asked_for(self, model: Model) -> None:
        (reply,) = model.sample(PROMPT, 1, Sampling(64, log_probabilities=True), SECONDS)
        assert reply.tokens == (REPLIES[0].tokens if model.capabilities.log_probabilities else None)
        (other,) = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert other.tokens is None

    def test_a_model_that_has_nothing_more_to_say_says_nothing(self, model: Model) -> None:
        model.sample(PROMPT, len(REPLIES), SAMPLING, SECONDS)
        (reply,) = model.sample(PROMPT, 1, SAMPLING, SECONDS)
        assert (reply.text, reply.stop in (Stop.EMPTY, Stop.EXHAUSTED)) == ("", True)

    def test_tokens_are_counted_or_refused(self, model: Model) -> None:
        if model.capabilities.token_counts:
            assert 0 < model.count_tokens(PROMPT) <= PROMPT.estimated_tokens
            return
        with pytest.raises(BadInput, match="count"):
            model.count_tokens(PROMPT)

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
