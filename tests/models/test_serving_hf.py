"""The clients of servers, over a socket, against a local model with random weights: what it really says, its
log-probabilities, adapters that were trained here, and a server that fails.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

openai = pytest.importorskip("openai", reason="the extra `llm` is not installed")
for module in ("torch", "transformers", "peft", "safetensors"):
    pytest.importorskip(module, reason="the extra `lora` is not installed")

from conformance.model import PROMPT, SampledModelContract  # noqa: E402
from conformance.trainer import drawn, trained  # noqa: E402
from models.tiny_llama import write_tiny_llama  # noqa: E402

from kernelevo.errors import BadInput, ModelFailed  # noqa: E402
from kernelevo.interfaces import Model  # noqa: E402
from kernelevo.language_model import Adapter, Message, Prompt, Reply, Sampling, Stop, total_usage  # noqa: E402
from kernelevo.models.hf import HfModel  # noqa: E402
from kernelevo.models.openai import OpenAIModel  # noqa: E402
from kernelevo.models.serving import Served, Trouble, main, serving  # noqa: E402
from kernelevo.models.vllm import VllmModel  # noqa: E402

COLD = Sampling(10, 0.0)
WARM = Sampling(10, 1.0, log_probabilities=True)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("served") / "tiny-llama")


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    with serving(HfModel(folder, device="cpu")) as served:
        yield served


def client(served: Served, **settings) -> OpenAIModel:
    return OpenAIModel("hf:tiny-llama", key="none", base_url=served.address, **settings)


def vllm(served: Served) -> VllmModel:
    return VllmModel("hf:tiny-llama", key="none", base_url=served.address)


class TestOpenAIOverHf(SampledModelContract):
    @pytest.fixture
    def prompt(self) -> Prompt:
        return PROMPT

    @pytest.fixture
    def model(self, served: Served) -> Model:
        return client(served)


class TestVllmOverHf(SampledModelContract):
    @pytest.fixture
    def prompt(self) -> Prompt:
        return PROMPT

    @pytest.fixture
    def model(self, served: Served) -> Model:
        return vllm(served)


def numbered(reply: Reply) -> list[tuple[str, float]]:
    return [(token.text, pytest.approx(token.log_probability, abs=1e-6)) for token in reply.tokens or ()]


def test_what_comes_over_the_wire_is_what_the_model_says(served: Served, folder: Path) -> None:
    own = HfModel(folder, device="cpu").sample(PROMPT, 3, WARM, 30.0)
    replies = client(served).sample(PROMPT, 3, WARM, 30.0)
    for told, reply in zip(own, replies, strict=True):
        assert (reply.text, reply.stop) == (told.text, told.stop)
        assert [(token.text, token.log_probability) for token in reply.tokens] == numbered(told)
    assert total_usage(replies) == total_usage(own)


def test_prompts_are_counted_by_the_model_itself(served: Served, folder: Path) -> None:
    assert vllm(served).count_tokens(PROMPT) == HfModel(folder, device="cpu").count_tokens(PROMPT)


def test_the_older_format_has_its_log_probabilities(served: Served) -> None:
    with openai.OpenAI(api_key="none", base_url=served.address) as library:
        answer = library.completions.create(model="hf:tiny-llama", prompt="left", logprobs=1, max_tokens=5, n=2)
    for choice in answer.choices:
        assert "".join(choice.logprobs.tokens) == choice.text and max(choice.logprobs.token_logprobs) <= 0


def adapters(folder: Path, into: Path) -> list[Adapter]:
    """Two versions of an adapter that was trained here."""
    model = HfModel(folder, device="cpu")
    trainer = model.trainer(None, 4, 0)
    made = []
    for version in (1, 2):
        asked, replies = drawn(model, [PROMPT])
        trained(trainer, asked, replies, steps=2)
        made.append(Adapter("mine", version, trainer.save(into / f"v{version}").path))
    return made


def test_versions_of_a_trained_adapter_follow_each_other(served: Served, folder: Path, tmp_path: Path) -> None:
    model, own = vllm(served), HfModel(folder, device="cpu")
    plain = own.sample(PROMPT, 1, COLD, 30.0)[0].text
    said = {plain}
    for adapter in adapters(folder, tmp_path):
        model.load_adapter(adapter)
        own.load_adapter(adapter)
        assert served.adapters == {adapter.versioned_name: adapter.path}
        (reply,) = model.sample(PROMPT, 1, COLD, 30.0)
        assert reply.text == own.sample(PROMPT, 1, COLD, 30.0)[0].text
        said.add(reply.text)
    assert len(said) > 1
    model.load_adapter(None)
    assert model.sample(PROMPT, 1, COLD, 30.0)[0].text == plain and served.adapters == {}
    asked = [body["model"] for path, body in served.requests if path.endswith("completions")]
    assert asked == ["mine-v1", "mine-v2", "hf:tiny-llama"]
    model.close()


def test_names_are_answered_by_their_own_adapter(served: Served, folder: Path, tmp_path: Path) -> None:
    """Two clients of one server: one with an adapter, one without."""
    with_adapter, without = vllm(served), client(served)
    plain = without.sample(PROMPT, 1, COLD, 30.0)[0].text
    with_adapter.load_adapter(adapters(folder, tmp_path)[1])
    changed = with_adapter.sample(PROMPT, 1, COLD, 30.0)[0].text
    assert without.sample(PROMPT, 1, COLD, 30.0)[0].text == plain != changed
    assert with_adapter.sample(PROMPT, 1, COLD, 30.0)[0].text == changed
    with_adapter.close()


def test_an_adapter_that_is_none_is_refused_in_one_sentence(served: Served, tmp_path: Path) -> None:
    model = vllm(served)
    with pytest.raises(BadInput, match="adapter"):
        model.load_adapter(Adapter("none", 1, str(tmp_path)))
    assert model.sample(PROMPT, 1, COLD, 30.0) and served.adapters == {}


def test_a_prompt_beyond_the_model_is_a_value(served: Served) -> None:
    (reply,) = client(served).sample(Prompt((Message("user", "never " * 600),)), 2, COLD, 30.0)
    assert reply.stop is Stop.TOO_LONG


def test_limits_of_the_rate_and_broken_streams_are_lived_with(served: Served, folder: Path) -> None:
    served.troubles += [
        Trouble("status", 429, headers=(("Retry-After", "0"),)), Trouble("status", 503), Trouble("cut", 3),
    ]  # fmt: skip
    # Nothing was sampled for the requests that were refused, and so the stream of replies is at its beginning.
    (whole,) = HfModel(folder, device="cpu").sample(PROMPT, 1, WARM, 30.0)
    model = client(served, sleep=lambda seconds: None)
    (reply,) = model.sample(PROMPT, 1, WARM, 30.0)
    assert reply.stop is Stop.CUT_OFF and whole.text.startswith(reply.text) and len(reply.tokens) == 3
    assert len(served.requests) == 3
    served.troubles += [Trouble("garbage")]
    with pytest.raises(ModelFailed):
        model.sample(PROMPT, 1, WARM, 30.0)


def test_a_local_model_is_served_by_one_command(folder: Path) -> None:
    command = [sys.executable, "-m", "kernelevo.models.serving", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert words[:3] == ["--model", "vllm:hf:tiny-llama", "--base-url"]
        model = OpenAIModel("hf:tiny-llama", key="none", base_url=words[3])
        assert model.sample(PROMPT, 1, COLD, 60.0)
        model.close()
    finally:
        process.kill()
        process.communicate()


def test_what_cannot_be_served_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["serving", str(tmp_path)])
    assert main() == 2
    assert "no config.json" in capsys.readouterr().err
