"""A model asked within a budget and on the record: what is asked is noted before the call, what comes back before it
is used. A run that was killed finds both, and pays for nothing twice.

Notes of the store (large texts are kept by their hash):

    model_asked    number, about, model, messages [[role, hash]], prompt, n, max_tokens, temperature, forecast_tokens,
                   forecast_cost
    model_replied  number, replies [{text, stop, usage, cost, tokens, thinking}]
    model_failed   number, why, perhaps_paid
    model_read     number, outcomes, candidates
    model_stopped  why
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from kernelevo.errors import BadInput, ModelFailed
from kernelevo.interfaces import Dialogue, Model, Store
from kernelevo.language_model import Prompt, Reply, Sampling, Stop, Token, Turn, Usage, total_cost, total_usage
from kernelevo.models.budget import Forecast, Spent, TokenBudget

ASKED, REPLIED, FAILED, READ, STOPPED = "model_asked", "model_replied", "model_failed", "model_read", "model_stopped"
LEAST_SECONDS = 1.0
"""Less time than this is not worth a call."""


@dataclass(frozen=True)
class CallTime:
    """Seconds that one call may take, and how many are left for all of them."""

    one: float
    left: Callable[[], float]


class RecordedModel(Dialogue):
    """Belongs to the thread that the store belongs to."""

    def __init__(self, model: Model, store: Store, budget: TokenBudget, time: CallTime) -> None:
        self.model = model.name
        self._model = model
        self._store = store
        self._budget = budget
        self._time = time
        self._turns = recorded_turns(store)
        self._asked = len(store.notes(ASKED))
        self.spent = spent_so_far(store)
        self.refused = ""
        """Why the last question was not asked; nothing if it was."""

    def turns(self, about: str) -> list[Turn]:
        return [turn for turn in self._turns.values() if turn.about == about]

    def ask(self, about: str, prompt: Prompt, n: int, settings: Sampling) -> Turn | None:
        seconds = min(self._time.one, self._time.left())
        if seconds < LEAST_SECONDS:
            self._stopped("the time of the search was over")
            return None
        forecast = self._budget.forecast(self.spent, self._prompt_tokens(prompt), n, settings.max_tokens)
        if isinstance(forecast, str):
            self._stopped(forecast)
            return None
        self.refused = ""
        allowed = Sampling(forecast.max_tokens, settings.temperature, settings.log_probabilities)
        with self._store.together():
            number = self._note_asked(about, prompt, forecast, allowed)
        replies = self._sample(number, prompt, forecast, allowed, seconds)
        with self._store.together():
            self._store.note(REPLIED, {"number": number, "replies": [self._to_note(reply) for reply in replies]})
        self.spent = self.spent.plus(total_usage(replies).total, total_cost(replies))
        self._turns[number] = Turn(number, about, prompt.key, tuple(replies), read=False)
        return self._turns[number]

    def note_reading(self, turn: int, outcomes: Sequence[str], candidates: Sequence[str]) -> None:
        self._store.note(READ, {"number": turn, "outcomes": list(outcomes), "candidates": list(candidates)})
        kept = self._turns[turn]
        self._turns[turn] = Turn(kept.number, kept.about, kept.prompt, kept.replies, read=True)

    def _prompt_tokens(self, prompt: Prompt) -> int:
        counts = self._model.capabilities.token_counts
        return self._model.count_tokens(prompt) if counts else prompt.estimated_tokens

    def _stopped(self, why: str) -> None:
        """Says so in the record, once for each reason in a row."""
        self.refused = why
        noted = self._store.notes(STOPPED)
        if not noted or noted[-1]["why"] != why:
            self._store.note(STOPPED, {"why": why})

    def _note_asked(self, about: str, prompt: Prompt, forecast: Forecast, settings: Sampling) -> int:
        number, self._asked = self._asked, self._asked + 1
        messages = [[message.role, self._store.keep(message.text)] for message in prompt.messages]
        note = {
            "number": number, "about": about, "model": self.model, "messages": messages, "n": forecast.n,
            "max_tokens": settings.max_tokens, "temperature": settings.temperature, "prompt": prompt.key,
            "forecast_tokens": forecast.usage.total, "forecast_cost": forecast.cost,
        }  # fmt: skip
        self._store.note(ASKED, note)
        return number

    def _sample(
        self, number: int, prompt: Prompt, forecast: Forecast, settings: Sampling, seconds: float
    ) -> list[Reply]:
        try:
            return self._model.sample(prompt, forecast.n, settings, seconds)
        except (ModelFailed, BadInput) as fault:
            # What is refused is not paid for.
            paid = isinstance(fault, ModelFailed) and fault.perhaps_paid
            self._store.note(FAILED, {"number": number, "why": str(fault), "perhaps_paid": paid})
            raise

    def _to_note(self, reply: Reply) -> dict[str, Any]:
        tokens = None if reply.tokens is None else [list(astuple(token)) for token in reply.tokens]
        return {
            "text": self._store.keep(reply.text), "stop": reply.stop.value, "usage": list(astuple(reply.usage)),
            "cost": reply.cost, "tokens": None if tokens is None else self._store.keep(json.dumps(tokens)),
            "thinking": self._store.keep(reply.thinking) if reply.thinking else "",
        }  # fmt: skip


def recorded_turns(store: Store) -> dict[int, Turn]:
    """Every question that was answered, by its number."""
    asked = {note["number"]: note for note in store.notes(ASKED)}
    read = {note["number"] for note in store.notes(READ)}
    turns = {}
    for note in store.notes(REPLIED):
        number = int(note["number"])
        replies = tuple(_from_note(reply, store) for reply in note["replies"])
        turns[number] = Turn(number, asked[number]["about"], asked[number]["prompt"], replies, number in read)
    return turns


def spent_so_far(store: Store) -> Spent:
    """By replies; a call without any counts as its forecast, unless the server is known to have done nothing."""
    answered = {note["number"]: note["replies"] for note in store.notes(REPLIED)}
    unpaid = {note["number"] for note in store.notes(FAILED) if not note["perhaps_paid"]}
    spent = Spent()
    for asked in store.notes(ASKED):
        number = asked["number"]
        if number in answered:
            for reply in answered[number]:
                spent = spent.plus(Usage(*reply["usage"]).total, reply["cost"])
        elif number not in unpaid:
            spent = spent.plus(asked["forecast_tokens"], asked["forecast_cost"])
    return spent


def _from_note(note: Mapping[str, Any], store: Store) -> Reply:
    tokens = None
    if note["tokens"] is not None:
        tokens = tuple(Token(*token) for token in json.loads(store.kept(note["tokens"])))
    thinking = store.kept(note["thinking"]) if note["thinking"] else ""
    text, stop, usage = store.kept(note["text"]), Stop(note["stop"]), Usage(*note["usage"])
    return Reply(text, stop, usage, note["cost"], tokens, thinking)
