"""How a policy over decisions is asked: decisions.toml (kernelevo/decisions.py says what the numbers do).

unlisted = "on"                 # what holds of a backend's rules that are not named below: "on" (bias 0) or "off"
temperature = 1.0
samples = 4
depth = 6
exploration = 1.0
retries = 1

[rules]                         # BACKEND.RULE; the bias is added to the logits of the rule's decisions
kernels.vector_loads = { on = true, bias = 0.0 }

[shares]                        # BACKEND.FAMILY: how a generation's evaluations are split; what is not named weighs 1
kernels.transpose = 1.0

The file is written by `DecisionFile.text` and holds no other words, so that a change to a number is a change to a line.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelevo.decisions import STOP_RULE, DecisionSettings, Grammar
from kernelevo.errors import BadInput
from kernelevo.harness.tables import flag, number, numbers, read_toml, require_keys, whole, word

MOST_BIAS = 8.0
"""e^8 is 3000 to 1: a rule that is wanted less than that is off."""
TEMPERATURES, SHARES, EXPLORATIONS = (0.05, 5.0), (0.1, 10.0), (0.0, 10.0)
MOST_SAMPLES, MOST_DEPTH, MOST_RETRIES = 64, 32, 16
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOP = ("unlisted", "temperature", "samples", "depth", "exploration", "retries", "rules", "shares")
_HEAD = (
    "# How a policy over decisions is asked (docs/loop.md). A bias is added to the logits of a rule's decisions;\n"
    "# a share weighs a family of tasks when a generation's evaluations are split. Every key is explained in\n"
    "# kernelevo/harness/decision_file.py.\n"
)


@dataclass(frozen=True)
class RuleChoice:
    """Whether a rule is on, and what is added to the logits of its decisions."""

    on: bool = True
    bias: float = 0.0


@dataclass(frozen=True)
class DecisionFile:
    """The contents of a decisions.toml; `rules` and `shares` are by backend, then by name."""

    unlisted: bool = True
    temperature: float = 1.0
    samples: int = 4
    depth: int = 6
    exploration: float = 1.0
    retries: int = 1
    rules: Mapping[str, Mapping[str, RuleChoice]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def choice(self, backend: str, rule: str) -> RuleChoice:
        return self.rules.get(backend, {}).get(rule, RuleChoice(self.unlisted))

    def settings(self, grammar: Grammar) -> DecisionSettings:
        """What a policy over this grammar goes by. Raises BadInput for a rule that the backend does not have, and where
        none but stopping is on.
        """
        named = self.rules.get(grammar.backend, {})
        if wrong := next((rule for rule in named if rule not in grammar.rules), None):
            there = ", ".join(grammar.rules)
            raise BadInput(f"decisions.toml: {grammar.backend}.{wrong} is no rule of this backend; there are {there}")
        choices = {rule: self.choice(grammar.backend, rule) for rule in grammar.rules}
        on = {rule: choice.bias for rule, choice in choices.items() if choice.on or rule == STOP_RULE}
        if not on.keys() - {STOP_RULE}:
            raise BadInput(f"decisions.toml leaves no rule of {grammar.backend} on; put at least one on")
        return DecisionSettings(
            on, self.temperature, self.samples, self.depth, self.exploration, self.retries,
            dict(self.shares.get(grammar.backend, {})),
        )  # fmt: skip

    def with_rule(self, backend: str, rule: str, choice: RuleChoice) -> DecisionFile:
        return dataclasses.replace(self, rules={**self.rules, backend: {**self.rules.get(backend, {}), rule: choice}})

    def with_share(self, backend: str, family: str, share: float) -> DecisionFile:
        return dataclasses.replace(
            self, shares={**self.shares, backend: {**self.shares.get(backend, {}), family: share}}
        )

    def text(self) -> str:
        """The file: the same for the same contents, and `read_decision_file` reads these from it."""
        lines = [
            _HEAD, f'unlisted = "{"on" if self.unlisted else "off"}"', f"temperature = {_written(self.temperature)}",
            f"samples = {self.samples}", f"depth = {self.depth}", f"exploration = {_written(self.exploration)}",
            f"retries = {self.retries}", "", "[rules]", *_lines(self.rules, _choice_written), "", "[shares]",
            *_lines(self.shares, _written),
        ]  # fmt: skip
        return "\n".join(lines) + "\n"


def read_decision_file(text: str, where: str) -> DecisionFile:
    """The settings that the text of a decisions.toml holds; raises BadInput naming the file `where` and the key."""
    table = require_keys(read_toml(text, where), _TOP, where)
    return DecisionFile(
        unlisted=word(table["unlisted"], ("on", "off"), f"{where}: unlisted") == "on",
        temperature=number(table["temperature"], *TEMPERATURES, f"{where}: temperature"),
        samples=whole(table["samples"], 1, MOST_SAMPLES, f"{where}: samples"),
        depth=whole(table["depth"], 1, MOST_DEPTH, f"{where}: depth"),
        exploration=number(table["exploration"], *EXPLORATIONS, f"{where}: exploration"),
        retries=whole(table["retries"], 0, MOST_RETRIES, f"{where}: retries"),
        rules={
            backend: _choices(own, f"{where}: [rules] {backend}") for backend, own in _nested(table, "rules", where)
        },
        shares={
            backend: numbers(own, *SHARES, f"{where}: [shares] {backend}")
            for backend, own in _nested(table, "shares", where)
        },
    )


def _nested(table: Mapping[str, Any], name: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Backends with their tables; raises BadInput for names that could not be written again."""
    backends = table[name]
    if not isinstance(backends, dict) or not all(isinstance(own, dict) for own in backends.values()):
        raise BadInput(f"{where}: [{name}] must hold lines such as kernels.NAME = ...")
    keys = [*backends, *(key for own in backends.values() for key in own)]
    if wrong := next((key for key in keys if NAME.fullmatch(key) is None), None):
        raise BadInput(f"{where}: [{name}] {wrong!r} is no name of letters, digits, - and _")
    return list(backends.items())


def _choices(table: dict[str, Any], where: str) -> Mapping[str, RuleChoice]:
    read = {}
    for rule, given in table.items():
        own = require_keys(given, ("on", "bias"), f"{where}.{rule}")
        bias = number(own["bias"], -MOST_BIAS, MOST_BIAS, f"{where}.{rule} bias")
        read[rule] = RuleChoice(flag(own["on"], f"{where}.{rule} on"), bias)
    return read


def _lines(tables: Mapping[str, Mapping[str, Any]], write: Callable[[Any], str]) -> list[str]:
    return [f"{backend}.{name} = {write(value)}" for backend, own in tables.items() for name, value in own.items()]


def _choice_written(choice: RuleChoice) -> str:
    return f"{{ on = {str(choice.on).lower()}, bias = {_written(choice.bias)} }}"


def _written(value: float) -> str:
    """With four decimals at most: what is finer is noise."""
    return repr(round(value, 4) + 0.0)
