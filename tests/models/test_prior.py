"""Policies without weights: what they draw, and that they keep what every model keeps."""

from __future__ import annotations

from collections import Counter

import pytest
from conformance.model import SampledModelContract

from kernelevo.decisions import STOP, Decision, Observation, Option, decision_prompt
from kernelevo.errors import BadInput
from kernelevo.language_model import Message, Prompt, Sampling
from kernelevo.learning_interfaces import SeededModel
from kernelevo.models.prior import PriorModel

COPY, LOOP = Decision("widen", "copy", 4), Decision("fuse", "loop")
SAMPLING = Sampling(8, 1.0, log_probabilities=True)


def question(copy: float = 0.0, loop: float = 0.0, gain: float = 0.0) -> Prompt:
    options = (Option(COPY, copy), Option(LOOP, loop), Option(STOP))
    return decision_prompt(Observation("key", {"gain": gain}, (), (), options))


class TestPriorModel(SampledModelContract):
    @pytest.fixture
    def model(self) -> PriorModel:
        return PriorModel("prior")

    @pytest.fixture
    def prompt(self) -> Prompt:
        return question()


def drawn(model: PriorModel, prompt: Prompt, n: int, temperature: float = 1.0) -> Counter[str]:
    return Counter(reply.text for reply in model.sample(prompt, n, Sampling(8, temperature), 1.0))


def test_biases_weigh_and_temperature_divides_them() -> None:
    found = drawn(PriorModel("prior"), question(copy=1.0), 6000)
    assert found[str(COPY)] / found[str(STOP)] == pytest.approx(2.718, rel=0.12)
    cold = drawn(PriorModel("prior"), question(copy=1.0), 6000, temperature=0.5)
    assert cold[str(COPY)] / cold[str(STOP)] == pytest.approx(7.389, rel=0.15)


def test_uniform_knows_no_biases() -> None:
    found = drawn(PriorModel("uniform"), question(copy=8.0), 3000)
    assert all(abs(count - 1000) < 130 for count in found.values()) and len(found) == 3


def test_log_probabilities_are_those_of_the_draw() -> None:
    replies = PriorModel("prior").sample(question(copy=1.0), 40, SAMPLING, 1.0)
    told = {reply.text: reply.tokens[0].log_probability for reply in replies}
    assert told[str(COPY)] - told[str(STOP)] == pytest.approx(1.0) and all(reply.cost == 0.0 for reply in replies)


def test_a_resumed_stream_goes_on_as_it_would_have() -> None:
    prompt, whole = question(), PriorModel("prior", 5)
    said = [[reply.text for reply in whole.sample(prompt, 8, SAMPLING, 1.0)] for _ in range(3)]
    assert said[0] != said[1]
    resumed = PriorModel("prior", 5, {prompt.key: 2})
    assert [reply.text for reply in resumed.sample(prompt, 8, SAMPLING, 1.0)] == said[2]
    assert isinstance(resumed, SeededModel)
    resumed.restart(5, {})
    assert [reply.text for reply in resumed.sample(prompt, 8, SAMPLING, 1.0)] == said[0]


def test_small_changes_of_biases_change_few_decisions() -> None:
    """Two policies on one stream differ by what they are, not by luck."""
    one, other = ([reply.text for reply in PriorModel("prior").sample(question(copy=bias), 400, SAMPLING, 1.0)]
                  for bias in (0.0, 0.1))  # fmt: skip
    assert sum(left != right for left, right in zip(one, other, strict=True)) < 40


def test_what_it_cannot_do_is_said() -> None:
    with pytest.raises(BadInput, match="observations"):
        PriorModel("prior").sample(Prompt((Message("user", "Faster, please."),)), 1, SAMPLING, 1.0)
    with pytest.raises(BadInput, match="no policy"):
        PriorModel("clever")
