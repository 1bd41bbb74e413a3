"""The client of OpenAI-compatible servers, over a socket: what is sent, what comes back, and every way it may fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from conformance.model import PROMPT, SAMPLING

from kernelevo.errors import BadInput, ModelFailed
from kernelevo.language_model import Adapter, Message, Price, Prompt, Reply, Sampling, Stop, Token, Usage
from kernelevo.models.scripted import ScriptedModel
from kernelevo.models.serving import Served, Trouble, serving

openai = pytest.importorskip("openai", reason="the extra `llm` is not installed")
from kernelevo.models.openai import MOST_ATTEMPTS, OpenAIModel  # noqa: E402
from kernelevo.models.vllm import VllmModel  # noqa: E402

LONG = Reply("a kernel of some length, in several pieces", Stop.COMPLETE, Usage(30, 20, 10))


class Clock:
    """Sleeping passes its time at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(served: Served, clock: Clock | None = None, **settings) -> OpenAIModel:
    clock = clock or Clock()
    words = {"key": "secret", "base_url": served.address} | settings
    return OpenAIModel("scripted", clock=clock, sleep=clock.sleep, **words)


Server = Callable[..., AbstractContextManager[Served]]


def troubled(*troubles: Trouble, replies: Sequence[Reply] = (LONG, LONG)) -> AbstractContextManager[Served]:
    return serving(ScriptedModel(replies), key="secret", troubles=troubles)


def test_what_is_sent_is_the_chat_format() -> None:
    with troubled() as served:
        client(served).sample(PROMPT, 2, Sampling(77, temperature=0.5, log_probabilities=True), 10.0)
    ((path, body),) = served.requests
    assert path == "/v1/chat/completions"
    assert body["messages"] == [
        {"role": "system", "content": "You write kernels."}, {"role": "user", "content": "Faster, please. \u2603"},
    ]  # fmt: skip
    assert (body["n"], body["max_tokens"], body["temperature"], body["logprobs"]) == (2, 77, 0.5, True)
    assert body["stream_options"] == {"include_usage": True}


def test_what_was_not_chosen_is_not_sent() -> None:
    with troubled() as served:
        client(served).sample(PROMPT, 1, SAMPLING, 10.0)
    assert not {"n", "temperature", "logprobs", "max_completion_tokens"} & served.requests[0][1].keys()


def test_an_unknown_cost_is_none_and_a_price_makes_one() -> None:
    with troubled() as served:
        (first,) = client(served).sample(PROMPT, 1, SAMPLING, 10.0)
        (second,) = client(served, price=Price(1.0, 4.0)).sample(PROMPT, 1, SAMPLING, 10.0)
    assert first.cost is None and second.cost == pytest.approx((30 * 1 + 20 * 4) / 1e6)


def test_usage_that_the_server_does_not_tell_is_an_estimate_and_rather_too_high() -> None:
    with troubled(Trouble("no usage")) as served:
        (reply,) = client(served).sample(PROMPT, 1, SAMPLING, 10.0)
    assert reply.usage.estimated and reply.usage.prompt == PROMPT.estimated_tokens
    assert reply.usage.completion == len(LONG.text) // 2


@pytest.mark.parametrize("kind", ["cut", "end"])
def test_a_stream_that_breaks_off_is_kept_as_far_as_it_came(kind: str) -> None:
    with troubled(Trouble(kind, 2)) as served:
        (reply,) = client(served).sample(PROMPT, 1, SAMPLING, 10.0)
        assert (reply.stop, reply.text) == (Stop.CUT_OFF, LONG.text[:24])
        assert reply.usage.estimated
    assert len(served.requests) == 1


def test_a_connection_that_breaks_before_anything_came_is_tried_again() -> None:
    with troubled(Trouble("status", 500), Trouble("cut", 0)) as served:
        (reply,) = client(served).sample(PROMPT, 1, SAMPLING, 10.0)
    assert reply.text == LONG.text and len(served.requests) == 3


def test_a_reply_without_text_is_a_value() -> None:
    with troubled(replies=[Reply(" \n", Stop.COMPLETE, Usage(3, 4))]) as served:
        (reply,) = client(served).sample(PROMPT, 1, SAMPLING, 10.0)
    assert (reply.text, reply.stop, reply.usage) == ("", Stop.EMPTY, Usage(3, 4))


def test_what_a_model_thinks_is_kept_apart_from_what_it_says() -> None:
    with troubled(replies=[Reply("said", Stop.COMPLETE, Usage(3, 4), thinking="thought")]) as served:
        (reply,) = client(served).sample(PROMPT, 1, SAMPLING, 10.0)
    assert (reply.text, reply.thinking) == ("said", "thought")


def test_log_probabilities_cross_the_wire() -> None:
    tokens = (Token("a", -0.5), Token("b", -2.0))
    with troubled(replies=[Reply("ab", Stop.COMPLETE, Usage(1, 2), tokens=tokens)]) as served:
        (reply,) = client(served).sample(PROMPT, 1, Sampling(8, log_probabilities=True), 10.0)
    assert reply.tokens == tokens


def test_a_rate_limit_is_waited_for_as_long_as_the_server_says() -> None:
    clock = Clock()
    busy = Trouble("status", 429, "rate_limit_exceeded", headers=(("Retry-After", "7"),))
    with troubled(busy, Trouble("status", 503)) as served:
        (reply,) = client(served, clock).sample(PROMPT, 1, SAMPLING, 60.0)
    assert reply.text == LONG.text
    assert clock.slept == [7.0, 1.0]


def test_waiting_is_bounded_by_the_time_of_the_call() -> None:
    clock = Clock()
    busy = Trouble("status", 429, headers=(("Retry-After", "100"),))
    with troubled(busy) as served, pytest.raises(ModelFailed, match="too often") as caught:
        client(served, clock).sample(PROMPT, 1, SAMPLING, 60.0)
    assert clock.slept == [] and not caught.value.perhaps_paid and caught.value.exit_code == 3


def test_patience_ends_after_some_attempts() -> None:
    with troubled(*[Trouble("status", 500, message="\x1b[2Jon fire")] * 20) as served:
        with pytest.raises(ModelFailed, match=r"status 500 .*\\x1b\[2Jon fire.*kernelevo resume"):
            client(served).sample(PROMPT, 1, SAMPLING, 1000.0)
        assert len(served.requests) == MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("trouble", "settings", "words"),
    [
        (None, {"key": "wrong", "key_variable": "MY_KEY"}, "refuses the key in MY_KEY"),
        (Trouble("status", 403), {}, "refuses the key in OPENAI_API_KEY"),
        (Trouble("status", 404, "model_not_found"), {}, "check the model's name"),
        (Trouble("status", 400, message="temperature is not supported"), {}, "temperature is not supported"),
        (Trouble("status", 429, "insufficient_quota"), {}, "the account has nothing left"),
    ],
)
def test_what_the_user_can_mend_is_bad_input_at_once(trouble, settings, words) -> None:
    with troubled(*[trouble] if trouble else []) as served:
        with pytest.raises(BadInput, match=words) as caught:
            client(served, **settings).sample(PROMPT, 1, SAMPLING, 60.0)
        assert caught.value.exit_code == 2 and "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_unknown_model_is_bad_input() -> None:
    with troubled() as served, pytest.raises(BadInput, match="there is no other at"):
        OpenAIModel("other", key="secret", base_url=served.address).sample(PROMPT, 1, SAMPLING, 60.0)


def test_an_address_where_nobody_answers_is_bad_input() -> None:
    with troubled() as served:
        address = served.address
    with pytest.raises(BadInput, match="no server answers at http://127"):
        OpenAIModel("scripted", key="x", base_url=address).sample(PROMPT, 1, SAMPLING, 60.0)
    with pytest.raises(BadInput, match="is no address"):
        OpenAIModel("scripted", key="x", base_url="localhost:8000")


def test_a_server_that_has_gone_is_our_failure() -> None:
    with troubled() as served:
        model = client(served)
        model.sample(PROMPT, 1, SAMPLING, 60.0)
    with pytest.raises(ModelFailed, match="cannot be reached any more"):
        model.sample(PROMPT, 1, SAMPLING, 60.0)


def test_a_server_that_is_silent_is_given_up() -> None:
    with troubled(*[Trouble("silence", 3.0)] * 2) as served:
        model = OpenAIModel("scripted", key="secret", base_url=served.address)
        with pytest.raises(ModelFailed, match="no answer in time") as caught:
            model.sample(PROMPT, 1, SAMPLING, 0.4)
    assert caught.value.perhaps_paid


def test_a_server_that_answers_nonsense_is_our_failure() -> None:
    with troubled(*[Trouble("garbage")] * 20) as served, pytest.raises(ModelFailed, match="nonsense"):
        client(served).sample(PROMPT, 1, SAMPLING, 60.0)


def test_a_prompt_beyond_the_context_is_a_value() -> None:
    with serving(ScriptedModel([LONG]), context=50) as served:
        long = Prompt((Message("user", "x" * 1000),))
        (reply,) = client(served, price=Price(1, 1)).sample(long, 1, SAMPLING, 10.0)
    assert (reply.stop, reply.usage, reply.cost) == (Stop.TOO_LONG, Usage(), 0.0)


def test_adapters_are_asked_for_by_their_versioned_names() -> None:
    with serving(ScriptedModel([LONG] * 3, adapters=True)) as served:
        model = VllmModel("scripted", key="none", base_url=served.address)
        model.load_adapter(Adapter("mine", 1, "/adapters/mine"))
        model.sample(PROMPT, 1, SAMPLING, 10.0)
        model.load_adapter(Adapter("mine", 2, "/adapters/mine"))
        assert served.adapters == {"mine-v2": "/adapters/mine"}
        model.sample(PROMPT, 1, SAMPLING, 10.0)
        model.close()
        assert served.adapters == {}
    asked = [body["model"] for path, body in served.requests if path.endswith("completions")]
    assert asked == ["mine-v1", "mine-v2"]


def test_an_adapter_that_the_server_refuses_leaves_the_one_before() -> None:
    with serving(ScriptedModel([LONG], adapters=True)) as served:
        served.adapters["taken-v1"] = "/elsewhere"
        model = VllmModel("scripted", key="none", base_url=served.address)
        model.load_adapter(Adapter("mine", 1, "/adapters/mine"))
        with pytest.raises(BadInput, match="already been loaded"):
            model.load_adapter(Adapter("taken", 1, "/adapters/taken"))
        model.sample(PROMPT, 1, SAMPLING, 10.0)
        assert served.requests[-1][1]["model"] == "mine-v1"
        model.close()


def test_the_older_format_is_served_too() -> None:
    tokens = (Token("x", -0.5),)
    with serving(ScriptedModel([Reply("x", Stop.LENGTH, Usage(1, 1), tokens=tokens)])) as served:
        with openai.OpenAI(api_key="none", base_url=served.address) as library:
            assert [model.id for model in library.models.list()] == ["scripted"]
            answer = library.completions.create(model="scripted", prompt="hm", logprobs=1)
        choice = answer.choices[0]
        assert (choice.text, choice.finish_reason, choice.logprobs.token_logprobs) == ("x", "length", [-0.5])


def test_a_whole_answer_is_served_too() -> None:
    with troubled() as served, openai.OpenAI(api_key="secret", base_url=served.address) as library:
        answer = library.chat.completions.create(model="scripted", messages=[{"role": "user", "content": "hm"}])
        assert (answer.choices[0].message.content, answer.usage.prompt_tokens) == (LONG.text, 30)


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    hidden = "import sys; sys.modules['openai'] = None\nimport kernelevo.models.openai"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False, timeout=60,
                          cwd=Path(__file__).parent.parent.parent)  # fmt: skip
    assert done.returncode == 1 and 'pip install "kernelevo[llm]"' in done.stderr
