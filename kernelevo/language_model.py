"""The nouns of language models: what one is asked, what it answers, what that took. All are frozen.

Tokens are the model's own; money is in the unit of the price that the user gave (usually dollars). What is not known is
None, and is shown as unknown, never as zero.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Role = Literal["system", "user", "assistant"]
BYTES_PER_TOKEN = 2
"""Fewer bytes than a token of English or of code has on average, so that an estimate is rather too high."""
MOST_TOKENS = 10**12
"""A figure above it is no number of tokens of a call."""
TOKENS_PER_MESSAGE = 8
"""What a chat template puts around a message, generously."""


@dataclass(frozen=True)
class Message:
    role: Role
    text: str


@dataclass(frozen=True)
class Prompt:
    """What a model is asked: messages in order, of which the last is the user's."""

    messages: tuple[Message, ...]

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].role != "user":
            raise ValueError("a prompt ends with a message of the user")

    @property
    def key(self) -> str:
        """The same for the same messages, and for no others."""
        plain = [[message.role, message.text] for message in self.messages]
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()

    @property
    def estimated_tokens(self) -> int:
        """About as many tokens as it has, rather too many; of a model that does not count them."""
        size = sum(len(message.text.encode("utf-8", "replace")) for message in self.messages)
        return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(self.messages)


@dataclass(frozen=True)
class Sampling:
    """How a reply is drawn: at most `max_tokens` of it; `temperature` None is the model's own default."""

    max_tokens: int
    temperature: float | None = None
    log_probabilities: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"a reply has at least one token, not {self.max_tokens}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"a temperature is from 0 to 2, not {self.temperature}")


class Stop(StrEnum):
    """Why a reply ended."""

    COMPLETE = "complete"
    LENGTH = "length"
    CUT_OFF = "cut_off"
    FILTERED = "filtered"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    EXHAUSTED = "exhausted"

    @property
    def sentence(self) -> str:
        return _STOP_SENTENCES[self]


_STOP_SENTENCES = {
    Stop.COMPLETE: "The model ended it.",
    Stop.LENGTH: "It reached the limit of tokens of a reply and is not whole.",
    Stop.CUT_OFF: "The connection ended, or its time was over, before the model ended it.",
    Stop.FILTERED: "The server withheld it, or the model refused to answer.",
    Stop.EMPTY: "It has no text.",
    Stop.TOO_LONG: "The prompt does not fit the model's context, and nothing was sampled.",
    Stop.EXHAUSTED: "The model has nothing more to say: a script came to its end.",
}


@dataclass(frozen=True)
class Usage:
    """Tokens that a call took; `cached` are those of the prompt that the server had at hand. `estimated` says that the
    server gave no figures and these are ours, rather too high.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        if min(self.prompt, self.completion, self.cached) < 0:
            raise ValueError(f"numbers of tokens are not negative, but these are {self}")

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt, self.completion + other.completion, self.cached + other.cached,
            self.estimated or other.estimated,
        )  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One token of a reply, and the natural logarithm of the probability with which it was drawn. `number` is its place
    in the model's own vocabulary, where that is known: several tokens may look the same as text.
    """

    text: str
    log_probability: float
    number: int | None = None


@dataclass(frozen=True)
class Reply:
    """One answer. The usages and costs of a call's replies add up to those of the call. `tokens` is None where the
    model gives no log-probabilities, `cost` where no price is known; `thinking` is what a server gives apart from the
    answer itself.
    """

    text: str
    stop: Stop
    usage: Usage
    cost: float | None = None
    tokens: tuple[Token, ...] | None = None
    thinking: str = ""


@dataclass(frozen=True)
class Price:
    """Money per million tokens, of the prompt and of the completion."""

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        if not (0 <= self.prompt < float("inf") and 0 <= self.completion < float("inf")):
            raise ValueError(f"prices are not negative and not endless, but these are {self}")

    def of(self, usage: Usage) -> float:
        """What the tokens cost, cached ones at the full price: rather too much."""
        return (usage.prompt * self.prompt + usage.completion * self.completion) / 1e6


@dataclass(frozen=True)
class Capabilities:
    """What a model can do beyond sampling text; asking for what it cannot raises BadInput."""

    adapters: bool = False
    log_probabilities: bool = False
    token_counts: bool = False


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: its name and version, and the folder it lies in, as the model's server sees it."""

    name: str
    version: int
    path: str

    @property
    def versioned_name(self) -> str:
        """What the server calls it; another version has another name, so that nothing stale is ever asked."""
        return f"{self.name}-v{self.version}"


@dataclass(frozen=True)
class Turn:
    """One question about an attempt, with all its answers, as the run's record holds it. `about` is the id of the
    attempt's candidate; `read` says that what the replies hold is in the record, too.
    """

    number: int
    about: str
    prompt: str
    replies: tuple[Reply, ...]
    read: bool


@dataclass(frozen=True)
class ModelUse:
    """`replies` came in `calls`; `unanswered` calls were cut off or failed. `usage` and `cost` are of the replies (the
    cost None where no price is known, or nothing was answered), `counted` is what the budget counts: unanswered calls
    by their forecast, too. `outcomes` says what the replies held, `candidates` how many different ones were made of
    them, of which `passed` did. `stopped` says why no more was asked, or is empty.
    """

    model: str
    calls: int
    unanswered: int
    replies: int
    usage: Usage
    cost: float | None
    counted: int
    outcomes: Mapping[str, int]
    candidates: int
    passed: int
    stopped: str

    @property
    def without_program(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome != "program")


def total_usage(replies: Iterable[Reply]) -> Usage:
    return sum((reply.usage for reply in replies), Usage())


def total_cost(replies: Sequence[Reply]) -> float | None:
    """The sum; None if the cost of any reply is not known. No replies cost nothing."""
    costs = [reply.cost for reply in replies]
    return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


def sound(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
