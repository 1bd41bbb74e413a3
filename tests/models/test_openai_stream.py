"""Chunks of a stream are checked, never believed: whatever a server sends is gathered or refused in words."""

from __future__ import annotations

import pytest
from conformance.model import PROMPT
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.errors import ModelFailed
from kernelevo.language_model import Price, Stop, Usage
from kernelevo.models.openai_stream import Gathered, read_usage

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("content", "reasoning_content", "refusal", "token", "logprob", "prompt_tokens", "completion_tokens")
OBJECT = st.dictionaries(st.sampled_from(NAMES), PLAIN, max_size=4)
CHOICE = st.fixed_dictionaries(
    {}, optional={
        "index": st.integers(-1, 3) | PLAIN, "delta": OBJECT | PLAIN,
        "finish_reason": st.sampled_from(["stop", "x"]) | PLAIN,
        "logprobs": st.fixed_dictionaries({"content": st.lists(OBJECT | PLAIN, max_size=2) | PLAIN}) | PLAIN,
    }
)  # fmt: skip
CHUNK = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE | PLAIN, max_size=3) | PLAIN, "usage": OBJECT | PLAIN}
)


@given(st.lists(CHUNK, max_size=4))
@settings(max_examples=300, deadline=None)
def test_anything_is_gathered_or_refused(sent: list[dict]) -> None:
    gathered = Gathered(2)
    try:
        for chunk in sent:
            gathered.add(chunk)
    except ModelFailed as refused:
        assert refused.perhaps_paid
        return
    replies = gathered.replies(PROMPT, Price(1, 1))
    assert 1 <= len(replies) <= 2 and all(reply.cost is not None for reply in replies)
    assert all(reply.text.encode().decode() == reply.text for reply in replies)


def test_pieces_are_joined_by_their_index() -> None:
    gathered = Gathered(2)
    for index, piece in ((0, "a"), (1, "x"), (0, "b"), (1, "y")):
        gathered.add({"choices": [{"index": index, "delta": {"content": piece}}]})
    gathered.add({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    gathered.add({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 4}})
    first, second = gathered.replies(PROMPT, None)
    assert (first.text, first.stop, first.usage) == ("ab", Stop.COMPLETE, Usage(7, 4))
    assert (second.text, second.stop, second.usage) == ("xy", Stop.CUT_OFF, Usage())


@pytest.mark.parametrize(
    "used", [{}, {"prompt_tokens": -1, "completion_tokens": 1}, {"prompt_tokens": "3", "completion_tokens": 1},
             {"prompt_tokens": 1.5, "completion_tokens": 1}, {"prompt_tokens": True, "completion_tokens": 1}],
)  # fmt: skip
def test_figures_that_are_none_are_not_taken(used: dict) -> None:
    assert read_usage(used) is None


@pytest.mark.parametrize("used", [(0, 0), (0, 5), (5, 0)])
def test_figures_of_nothing_are_not_taken_for_a_text(used: tuple[int, int]) -> None:
    gathered = Gathered(1)
    gathered.add({"choices": [{"index": 0, "delta": {"content": "some text"}}]})
    gathered.add({"choices": [], "usage": {"prompt_tokens": used[0], "completion_tokens": used[1]}})
    (reply,) = gathered.replies(PROMPT, None)
    assert reply.usage == Usage(PROMPT.estimated_tokens, 5, estimated=True)


def test_a_refusal_is_a_withheld_reply() -> None:
    gathered = Gathered(1)
    gathered.add({"choices": [{"index": 0, "delta": {"refusal": "I will not"}, "finish_reason": "stop"}]})
    (reply,) = gathered.replies(PROMPT, None)
    assert (reply.text, reply.stop, reply.thinking) == ("", Stop.FILTERED, "I will not")
