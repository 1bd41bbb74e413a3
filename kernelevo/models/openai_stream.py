"""The chunks of a streamed chat completion, gathered into replies. What a server sends is checked, never believed.

A stream that ends early gives what had come: it was paid for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelevo.errors import ModelFailed
from kernelevo.language_model import BYTES_PER_TOKEN, MOST_TOKENS, Price, Prompt, Reply, Stop, Token, Usage, sound

MOST_CHARACTERS = 1 << 22
"""Of one reply; a longer one is cut off here, whatever the server's limit was."""
_ENDED = {"stop": Stop.COMPLETE, "length": Stop.LENGTH, "content_filter": Stop.FILTERED}


@dataclass
class _Choice:
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    size: int = 0
    token_size: int = 0
    ended: str | None = None
    refused: bool = False

    def add(self, delta: Mapping[str, Any]) -> None:
        for name, parts in (("content", self.text), ("reasoning_content", self.thinking), ("refusal", self.thinking)):
            piece = delta.get(name)
            if isinstance(piece, str) and piece:
                piece = piece[: MOST_CHARACTERS + 1 - self.size]
                parts.append(piece)
                self.size += len(piece)
                self.refused |= name == "refusal"

    def add_token(self, text: str, logarithm: float) -> None:
        self.tokens.append(Token(text, logarithm))
        self.token_size += len(text)

    @property
    def stop(self) -> Stop:
        if self.refused:
            return Stop.FILTERED
        stop = Stop.CUT_OFF if self.ended is None else _ENDED.get(self.ended, Stop.COMPLETE)
        return Stop.EMPTY if stop is Stop.COMPLETE and not "".join(self.text).strip() else stop

    def reply(self, usage: Usage, price: Price | None) -> Reply:
        cost = None if price is None else price.of(usage)
        text, thinking = sound("".join(self.text)), sound("".join(self.thinking))
        text = "" if self.stop is Stop.EMPTY else text
        return Reply(text, self.stop, usage, cost, tuple(self.tokens) or None, thinking)


class Gathered:
    """What has come of `n` replies."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def add(self, chunk: Mapping[str, Any]) -> None:
        """One chunk; raises ModelFailed if it is none."""
        if isinstance(used := chunk.get("usage"), dict):
            self._usage = read_usage(used) or self._usage
        for choice in _listed(chunk.get("choices")):
            index = choice.get("index") if isinstance(choice, dict) else None
            if not isinstance(index, int) or not 0 <= index < self._n:
                raise ModelFailed("the model's server answered nonsense: a choice that nobody asked for", True)
            self._add_choice(self._choices.setdefault(index, _Choice()), choice)

    @property
    def full(self) -> bool:
        """Whether some reply is longer than any may be."""
        return any(max(choice.size, choice.token_size) > MOST_CHARACTERS for choice in self._choices.values())

    @property
    def empty(self) -> bool:
        """Whether nothing has come that belongs to an answer."""
        return not self._choices and self._usage is None

    @property
    def any_text(self) -> bool:
        return any(choice.size for choice in self._choices.values())

    def replies(self, prompt: Prompt, price: Price | None) -> list[Reply]:
        """At least one; the first has the usage of the call."""
        choices = [self._choices[index] for index in sorted(self._choices)] or [_Choice()]
        usage = self._usage
        if usage is None or usage.prompt == 0 or (self.any_text and usage.completion == 0):
            usage = self._estimate(prompt, choices)  # no question and no text is free of tokens
        return [choice.reply(Usage() if number else usage, price) for number, choice in enumerate(choices)]

    def _add_choice(self, into: _Choice, choice: Mapping[str, Any]) -> None:
        if isinstance(delta := choice.get("delta"), dict):
            into.add(delta)
        if isinstance(ended := choice.get("finish_reason"), str):
            into.ended = ended
        logprobs = choice.get("logprobs")
        for token in _listed(logprobs.get("content") if isinstance(logprobs, dict) else None):
            if isinstance(token, dict) and (number := _logarithm(token.get("logprob"))) is not None:
                into.add_token(sound(str(token.get("token", ""))), number)

    def _estimate(self, prompt: Prompt, choices: list[_Choice]) -> Usage:
        size = sum(len(sound("".join(part)).encode()) for one in choices for part in (one.text, one.thinking))
        return Usage(prompt.estimated_tokens, -(-size // BYTES_PER_TOKEN), estimated=True)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _logarithm(value: Any) -> float | None:
    """Of a probability: not above zero (a little, as rounding makes it), and no infinity of JSON's."""
    if not isinstance(value, (int, float)) or not -MOST_TOKENS < value < 1:
        return None
    return float(value) if math.isfinite(value) else None


def read_usage(used: Mapping[str, Any]) -> Usage | None:
    """The server's own figures; None where they are none."""
    details = used.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    figures = (used.get("prompt_tokens"), used.get("completion_tokens"), cached or 0)
    if any(type(figure) is not int or not 0 <= figure <= MOST_TOKENS for figure in figures):
        return None
    prompt, completion, cached = figures
    return Usage(int(prompt or 0), int(completion or 0), int(cached or 0))
