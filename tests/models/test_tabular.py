"""The tabular policy, the twin of trained ones: what every trainable model keeps, and that it decides as shown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

torch = pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("safetensors", reason="the extra `lora` is not installed")

from conformance.trainer import TrainerContract  # noqa: E402

from kernelevo.decisions import STOP, Decision, Observation, Option, decision_prompt  # noqa: E402
from kernelevo.errors import BadInput  # noqa: E402
from kernelevo.language_model import Message, Prompt, Sampling  # noqa: E402
from kernelevo.learning_interfaces import TrainableModel  # noqa: E402
from kernelevo.models.tabular import TabularModel, state_of  # noqa: E402

TILE = Decision("tile", "loop", 4)


def asked(word: str, *, bias: float = 0.0, moves: tuple[Decision, ...] = ()) -> Prompt:
    options = (Option(TILE, bias), Option(Decision("unroll")), Option(STOP))
    return decision_prompt(Observation("a grammar", {"size": 1.0}, (word,), moves, options))


class TestTabular(TrainerContract):
    @pytest.fixture
    def model(self) -> TrainableModel:
        return TabularModel(spread=1.0)

    @pytest.fixture
    def prompts(self) -> Sequence[Prompt]:
        return [asked("row"), asked("column"), asked("row", moves=(TILE,))]


def test_only_what_is_legal_is_answered() -> None:
    replies = TabularModel(spread=1.0).sample(asked("row"), 64, Sampling(8), 1.0)
    assert {reply.text for reply in replies} == {"tile(loop) = 4", "unroll", "stop"}


def test_a_bias_of_the_harness_moves_the_choice() -> None:
    replies = TabularModel().sample(asked("row", bias=20.0), 32, Sampling(8), 1.0)
    assert {reply.text for reply in replies} == {"tile(loop) = 4"}


def test_a_state_is_what_holds_and_what_was_done() -> None:
    assert state_of(asked("row")) == state_of(asked("row", bias=1.0)) != state_of(asked("column"))
    assert state_of(asked("row")) != state_of(asked("row", moves=(TILE,)))


def test_replies_depend_on_seed_and_on_how_often_it_was_asked() -> None:
    def texts(model: TabularModel) -> list[str]:
        return [reply.text for reply in model.sample(asked("row"), 32, Sampling(8), 1.0)]

    one, same, other = TabularModel(seed=1), TabularModel(seed=1), TabularModel(seed=2)
    first = texts(one)
    assert first == texts(same) != texts(other) and first != texts(one)
    one.restart(1, {})
    assert texts(one) == first
    one.restart(1, {asked("row").key: 1})
    assert texts(one) != first


def test_policies_that_differ_by_a_bias_draw_with_the_same_luck() -> None:
    """Whatever the bias takes from the others, nothing goes from one of them to another."""

    def texts(bias: float) -> list[str]:
        model = TabularModel(spread=0.0)
        replies = [model.sample(asked("row", bias=bias), 1, Sampling(8), 1.0)[0] for _ in range(100)]
        return [reply.text for reply in replies]

    plain, moved = texts(0.0), texts(1.0)
    # The options stand in order, so that a larger share of the first one only moves draws towards it.
    order = ["tile(loop) = 4", "unroll", "stop"]
    assert all(order.index(after) <= order.index(before) for before, after in zip(plain, moved, strict=True))
    assert plain != moved


def test_a_prompt_without_options_is_bad_input_unless_it_was_given_some() -> None:
    plain = Prompt((Message("user", "left or right?"),))
    with pytest.raises(BadInput, match="shows none"):
        TabularModel().sample(plain, 1, Sampling(8), 1.0)
    assert TabularModel(["left", "right"]).sample(plain, 1, Sampling(8), 1.0)[0].text in ("left", "right")
