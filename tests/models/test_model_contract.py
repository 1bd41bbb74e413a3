"""The conformance suite of the Model joint, on every implementation here; those behind a server over a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.model import REPLIES, ModelContract

from kernelevo.interfaces import Model
from kernelevo.language_model import Price
from kernelevo.models.scripted import ScriptedModel
from kernelevo.models.serving import serving

PRICE = Price(2.0, 10.0)


class TestScripted(ModelContract):
    @pytest.fixture
    def model(self) -> Model:
        return ScriptedModel(REPLIES, price=PRICE)


class TestScriptedWithAdapters(ModelContract):
    @pytest.fixture
    def model(self) -> Model:
        return ScriptedModel(REPLIES, price=PRICE, adapters=True)


class TestOpenAI(ModelContract):
    @pytest.fixture
    def model(self) -> Iterator[Model]:
        pytest.importorskip("openai", reason="the extra `llm` is not installed")
        from kernelevo.models.openai import OpenAIModel

        with serving(ScriptedModel(REPLIES), key="secret") as served:
            model = OpenAIModel("scripted", key="secret", base_url=served.address, price=PRICE)
            yield model
            model.close()


class TestVllm(ModelContract):
    @pytest.fixture
    def model(self) -> Iterator[Model]:
        pytest.importorskip("openai", reason="the extra `llm` is not installed")
        from kernelevo.models.vllm import VllmModel

        with serving(ScriptedModel(REPLIES, adapters=True)) as served:
            model = VllmModel("scripted", key="none", base_url=served.address, price=PRICE)
            yield model
            model.close()
            assert served.adapters == {}
