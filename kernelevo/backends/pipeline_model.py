"""The agent that a domain of pipelines brings along: it writes pipelines by its harness, with its own network in them.

What it is asked holds the harness's pipelines and the parent's text. From the start of a task it writes these in their
order, then the first with a few settings drawn anew; from anything else that, with a few settings drawn anew.
Draws hang on the stream's seed and on the parent, not on the task, the harness or the adapter: tasks of one phase try
the same at first, so that what a setting is worth can be compared among them, and so do two policies at a gate.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kernelevo.backends.networks import Shelf
from kernelevo.backends.pipelines import NoPipeline, Pipeline, Space, Unsound
from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Stop, Usage
from kernelevo.learning import apart

NAME = "own"
MORE = 0.4
"""The probability of one more setting to be drawn anew, after each."""
TRIES = 16
"""Draws until something differs from the parent."""


class PipelineModel(Model):
    """`asked` counts by `Prompt.key` the questions that were answered in earlier sessions; `shelf` keeps the adapters
    that it writes with, and `require` raises Unsound for the key of one that does not fit.
    """

    def __init__(
        self, space: Space, shelf: Shelf, seed: int = 0, asked: Mapping[str, int] | None = None,
        require: Callable[[str], object] = lambda key: None,
    ) -> None:  # fmt: skip
        self.name = NAME
        self.capabilities = Capabilities(adapters=True, token_counts=True)
        self._space, self._shelf, self._seed, self._require = space, shelf, seed, require
        self._asked = Counter(asked or {})
        self._network = ""

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        harness, parent = self._read(prompt)
        listed = [replace(each, network=self._network) for each in (harness if parent is None else [])]
        own = listed[0] if parent is None else replace(parent, network=self._network)
        before = self._asked[prompt.key]
        self._asked[prompt.key] += 1
        said = self._space.text(parent or self._space.pipeline())
        texts = [self._written(own, listed, said, before, n, number) for number in range(n)]
        return [
            Reply(text, Stop.COMPLETE, Usage(0 if number else self.count_tokens(prompt), len(text.split())), 0.0)
            for number, text in enumerate(texts)
        ]

    def count_tokens(self, prompt: Prompt) -> int:
        """Words, which is what it reads."""
        return sum(len(message.text.split()) for message in prompt.messages)

    def restart(self, seed: int, asked: Mapping[str, int]) -> None:
        self._seed, self._asked = seed, Counter(asked)

    def load_adapter(self, adapter: Adapter | None) -> None:
        key = "" if adapter is None else self._shelf.put(Path(adapter.path))
        try:
            self._require(key)
        except Unsound as fault:
            raise BadInput(f"the adapter in {adapter.path if adapter else ''} does not fit: {fault}") from fault
        self._network = key

    def close(self) -> None:
        """Nothing to release."""

    def _read(self, prompt: Prompt) -> tuple[list[Pipeline], Pipeline | None]:
        """The harness's pipelines, of which there is one at least, and the parent's unless that is the start."""
        harness, parent = (message.text for message in prompt.messages)
        start = self._space.pipeline()
        try:
            own = [self._space.read(each) for each in apart(harness)] or [start]
            given = self._space.read(parent)
        except NoPipeline as fault:
            raise BadInput(f"the pipeline of the harness, or of a parent, is none: {fault}") from fault
        return own, None if self._space.text(given) == self._space.text(start) else given

    def _written(
        self, own: Pipeline, listed: Sequence[Pipeline], parent: str, before: int, n: int, number: int
    ) -> str:
        """What the harness lists at first, also where that is the start, so that it is known what this policy writes;
        else what differs from the parent by a few settings.
        """
        if before * n + number < len(listed):
            return self._space.text(listed[before * n + number])
        text = self._space.text(own)
        about = self._space.text(replace(self._space.read(parent), network=""))
        for attempt in range(TRIES):
            source = random.Random(f"{self._seed} {about} {before} {number} {attempt}")
            made = self._space.text(self._varied(own, source))
            if made not in (parent, text):
                return made
        return text

    def _varied(self, pipeline: Pipeline, source: random.Random) -> Pipeline:
        while True:
            legal = list(self._space.legal(pipeline))
            which, value, more = source.random(), source.random(), source.random()
            rules = sorted({decision.rule for decision, _ in legal})
            rule = rules[int(which * len(rules))]
            values = [made for decision, made in legal if decision.rule == rule]
            pipeline = values[int(value * len(values))]
            if more >= MORE:
                return pipeline
