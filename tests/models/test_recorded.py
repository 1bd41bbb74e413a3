"""Asking on the record: what is asked is noted before the call, what comes back before it is used, and a second session
knows all of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.model import PROMPT, SAMPLING
from conformance.store import RECORD

from kernelevo.errors import BadInput, ModelFailed
from kernelevo.interfaces import Model, Store
from kernelevo.language_model import Price, Reply, Sampling, Stop, Token, Usage
from kernelevo.models.budget import Spent, TokenBudget
from kernelevo.models.recorded import ASKED, FAILED, READ, REPLIED, STOPPED, CallTime, RecordedModel, spent_so_far
from kernelevo.models.scripted import ScriptedModel
from kernelevo.models.use import model_use
from kernelevo.stores.memory import MemoryStore
from kernelevo.stores.sqlite import SqliteStore

WHOLE = Reply("text \u2603", Stop.LENGTH, Usage(10, 5, 3), 0.25, (Token("a", -0.5),), "thought")
ASKING = Sampling(300, 0.5, log_probabilities=True)


class Fixed(ScriptedModel):
    """Gives its replies as they are; looks into the record while it is asked."""

    def __init__(self, replies, store: Store) -> None:
        super().__init__(replies)
        self.store = store
        self.seen: list[tuple[int, int]] = []

    def sample(self, prompt, n, settings, seconds):
        self.seen.append((len(self.store.notes(ASKED)), len(self.store.notes(REPLIED))))
        self.last = (n, settings, seconds)
        taken, self._replies = self._replies[:n], self._replies[n:]
        return taken


class Failing(ScriptedModel):
    def __init__(self, error: Exception) -> None:
        super().__init__([])
        self.error = error

    def sample(self, prompt, n, settings, seconds):
        raise self.error


@pytest.fixture
def store(tmp_path: Path):
    with SqliteStore.create(tmp_path) as store:
        store.begin(RECORD)
        yield store


def dialogue(model: Model, store: Store, tokens: int = 100_000, left: float = 100.0, price: Price | None = None):
    return RecordedModel(model, store, TokenBudget(tokens, price=price), CallTime(60.0, lambda: left))


def test_the_question_is_noted_before_the_call_and_the_answer_before_it_is_used(store: Store) -> None:
    model = Fixed([WHOLE], store)
    turn = dialogue(model, store).ask("a", PROMPT, 1, ASKING)
    assert model.seen == [(1, 0)]
    assert turn.replies == (WHOLE,) and len(store.notes(REPLIED)) == 1


def test_a_second_session_knows_what_was_said(store: Store) -> None:
    turn = dialogue(Fixed([WHOLE, WHOLE], store), store).ask("a", PROMPT, 2, ASKING)
    again = dialogue(ScriptedModel([]), store)
    assert again.turns("a") == [turn] and again.turns("b") == []
    assert again.spent == Spent(30, 0.5)


def test_the_whole_prompt_is_in_the_record(store: Store) -> None:
    dialogue(Fixed([WHOLE], store), store).ask("a", PROMPT, 1, ASKING)
    (note,) = store.notes(ASKED)
    assert [(role, store.kept(key)) for role, key in note["messages"]] == [
        (message.role, message.text) for message in PROMPT.messages
    ]
    assert (note["n"], note["max_tokens"], note["temperature"]) == (1, 300, 0.5)


def test_what_a_turn_was_found_to_hold_is_noted_once_and_known_later(store: Store) -> None:
    talk = dialogue(Fixed([WHOLE], store), store)
    turn = talk.ask("a", PROMPT, 1, ASKING)
    assert not talk.turns("a")[0].read
    talk.note_reading(turn.number, ["program"], ["0abc"])
    assert talk.turns("a")[0].read and dialogue(ScriptedModel([]), store).turns("a")[0].read
    assert store.notes(READ) == [{"number": 0, "outcomes": ["program"], "candidates": ["0abc"]}]


def test_a_call_that_no_budget_is_left_for_is_not_made(store: Store) -> None:
    model = Fixed([Reply("x", Stop.LENGTH, Usage(10, 290))], store)
    talk = dialogue(model, store, tokens=PROMPT.estimated_tokens + 299)
    assert talk.ask("a", PROMPT, 1, Sampling(300)) is not None and model.last[1].max_tokens < 300
    assert talk.ask("a", PROMPT, 1, Sampling(300)) is None and talk.ask("a", PROMPT, 1, Sampling(300)) is None
    assert len(store.notes(ASKED)) == 1
    assert [note["why"].split(":")[0] for note in store.notes(STOPPED)] == ["no further call fits the budget"]


def test_a_call_that_no_time_is_left_for_is_not_made(store: Store) -> None:
    assert dialogue(Fixed([WHOLE], store), store, left=0.5).ask("a", PROMPT, 1, SAMPLING) is None
    assert store.notes(STOPPED) == [{"why": "the time of the search was over"}]
    model = Fixed([WHOLE], store)
    dialogue(model, store, left=7.0).ask("a", PROMPT, 1, SAMPLING)
    assert model.last[2] == 7.0


def test_a_call_whose_end_nobody_knows_counts_as_its_forecast(store: Store) -> None:
    store.note(ASKED, {"number": 0, "about": "a", "forecast_tokens": 5000, "forecast_cost": 0.5, "model": "m"})
    assert spent_so_far(store) == Spent(5000, 0.5)
    talk = dialogue(Fixed([WHOLE], store), store)
    assert talk.ask("a", PROMPT, 1, ASKING).number == 1 and talk.spent == Spent(5015, 0.75)


@pytest.mark.parametrize(("paid", "counted"), [(True, True), (False, False)])
def test_a_failed_call_counts_if_it_may_have_been_paid(store: Store, paid: bool, counted: bool) -> None:
    with pytest.raises(ModelFailed):
        dialogue(Failing(ModelFailed("gone", paid)), store).ask("a", PROMPT, 1, SAMPLING)
    assert store.notes(FAILED) == [{"number": 0, "why": "gone", "perhaps_paid": paid}]
    assert (dialogue(ScriptedModel([]), store).spent.tokens > 0) == counted


def test_what_is_refused_is_not_paid_for(store: Store) -> None:
    with pytest.raises(BadInput):
        dialogue(Failing(BadInput("no such key")), store).ask("a", PROMPT, 1, SAMPLING)
    use = model_use(store)
    assert (use.unanswered, use.counted, use.stopped, use.cost) == (1, 0, "no such key", None)


def test_use_adds_up_and_an_unknown_cost_stays_unknown(store: Store) -> None:
    unknown = Reply("x", Stop.COMPLETE, Usage(1, 2))
    ended = Reply("", Stop.EXHAUSTED, Usage())
    talk = dialogue(Fixed([WHOLE, unknown, ended], store), store)
    for _ in range(3):
        turn = talk.ask("a", PROMPT, 1, ASKING)
    talk.note_reading(turn.number, ["program", "no_code"], ["0abc"])
    use = model_use(store)
    assert (use.calls, use.replies, use.usage, use.cost) == (3, 2, Usage(11, 7, 3), None)
    assert (use.without_program, use.candidates, use.passed, use.counted) == (1, 1, 0, 18)


def test_a_run_without_a_model_has_no_use_of_one() -> None:
    assert model_use(MemoryStore()) is None
