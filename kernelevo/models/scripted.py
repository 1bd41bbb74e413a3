"""Replays replies that were written down: the twin of real models in tests, and a search without a server.

    {"text": "Change: ...", "prompt_tokens": 900, "completion_tokens": 400}
    {"text": "half of a ker", "stop": "length"}

One JSON object a line, one line a reply, in order; all but `text` may be left out. What the file does not say of tokens
is estimated, as of a server that does not tell.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import (
    BYTES_PER_TOKEN,
    MOST_TOKENS,
    Adapter,
    Capabilities,
    Price,
    Prompt,
    Reply,
    Sampling,
    Stop,
    Token,
    Usage,
    sound,
)

_KEYS = frozenset(["text", "stop", "thinking", "prompt_tokens", "completion_tokens", "cached_tokens", "tokens"])


class ScriptedModel(Model):
    """Gives `replies` one after the other, from number `given` on (those before it were given in an earlier session);
    then replies that say so. With `adapters` it can load any, and remembers which.
    """

    def __init__(
        self, replies: Sequence[Reply], *, name: str = "scripted", given: int = 0, price: Price | None = None,
        adapters: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        self.capabilities = Capabilities(adapters=adapters, log_probabilities=True, token_counts=True)
        self.asked: list[Prompt] = []
        self.adapter: Adapter | None = None
        self._replies = list(replies)
        self._given = given
        self._price = price

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        self.asked.append(prompt)
        taken = self._replies[self._given : self._given + n]
        self._given += len(taken)
        if not taken:
            return [Reply("", Stop.EXHAUSTED, Usage(), None if self._price is None else 0.0)]
        return [self._completed(reply, prompt, number, settings) for number, reply in enumerate(taken)]

    def count_tokens(self, prompt: Prompt) -> int:
        return prompt.estimated_tokens

    def load_adapter(self, adapter: Adapter | None) -> None:
        if not self.capabilities.adapters:
            raise BadInput(f"{self.name} is a script and loads no adapters; leave --adapter out")
        self.adapter = adapter

    def close(self) -> None:
        """Nothing to release."""

    def _completed(self, reply: Reply, prompt: Prompt, number: int, settings: Sampling) -> Reply:
        """With usage where the script has none (the prompt is counted once a call), and a cost where there is a
        price; with log-probabilities only if they were asked for.
        """
        usage = reply.usage
        if usage == Usage():
            completion = -(-len(reply.text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
            usage = Usage(0 if number else prompt.estimated_tokens, completion, estimated=True)
        cost = None if self._price is None else self._price.of(usage)
        tokens = reply.tokens if settings.log_probabilities else None
        return Reply(sound(reply.text), reply.stop, usage, cost, tokens, sound(reply.thinking))


def read_script(path: Path) -> list[Reply]:
    """The replies of a file of JSON lines; raises BadInput naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the script {path} cannot be read ({error}); give a file of JSON lines") from error
    return [_reply(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _reply(line: str, where: str) -> Reply:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f'{where}: this is no JSON ({error}); write {{"text": "..."}}') from error
    if not isinstance(value, dict) or not isinstance(value.get("text"), str) or value.keys() - _KEYS:
        raise BadInput(f'{where}: a reply is an object with "text", and perhaps {", ".join(sorted(_KEYS - {"text"}))}')
    try:
        prompt, completion, cached = (
            int(value.get(f"{what}_tokens", 0)) for what in ("prompt", "completion", "cached")
        )
        if max(prompt, completion, cached) > MOST_TOKENS:
            raise ValueError(f"numbers of tokens are at most {MOST_TOKENS:,}")
        usage = Usage(prompt, completion, cached)
        stop = Stop(value.get("stop", Stop.COMPLETE if value["text"].strip() else Stop.EMPTY))
        tokens = None
        if "tokens" in value:
            tokens = tuple(_token(*token) for token in value["tokens"])
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"{where}: {error}; correct the line") from error
    return Reply(value["text"], stop, usage, tokens=tokens, thinking=str(value.get("thinking", "")))


def _token(text: object, log_probability: Any, number: Any = None) -> Token:
    return Token(str(text), float(log_probability), None if number is None else int(number))
