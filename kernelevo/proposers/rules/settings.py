"""Which rules are on, with which parameters: the contents of harness/rules.toml.

    [vector_loads]
    why = "One sentence for whoever reads or changes the file."
    on = true
    helps = ["narrow"]          # symptoms (evidence.py) of which it may cure a kernel: then it is tried first
    then = []                   # rules to apply to its result right away, beside the result itself
    width = [4, 2]              # a parameter of the rule, with the values to try in this order

The order of the tables is the order in which rules are tried.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.proposers.rules.catalogue import RULES
from kernelevo.proposers.rules.evidence import SYMPTOMS

_OWN_KEYS = frozenset(["why", "on", "helps", "then"])


@dataclass(frozen=True)
class RuleSetting:
    """One rule that is on."""

    name: str
    helps: frozenset[str]
    then: tuple[str, ...]
    parameters: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class RuleSettings:
    """The rules that are on, in the order in which they are tried."""

    rules: tuple[RuleSetting, ...]

    def named(self, name: str) -> RuleSetting | None:
        return next((rule for rule in self.rules if rule.name == name), None)


def read_rule_settings(text: str, file_name: str) -> RuleSettings:
    """The settings that the text of a TOML file holds; raises BadInput naming the file and the table."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file_name}: this is no TOML ({error}); correct it or copy the default file") from error
    return RuleSettings(
        tuple(setting for name, table in tables.items() if (setting := _setting(name, table, file_name)))
    )


def _setting(name: str, table: Any, file_name: str) -> RuleSetting | None:
    where = f"{file_name}: [{name}]"
    if name not in RULES or not isinstance(table, dict):
        raise BadInput(f"{where} is no rule; there are {', '.join(RULES)}")
    expected = RULES[name][1]
    if table.keys() != _OWN_KEYS | expected:
        wrong = ", ".join(sorted(table.keys() ^ (_OWN_KEYS | expected)))
        raise BadInput(f"{where} must have exactly the keys {', '.join(sorted(_OWN_KEYS | expected))}; look at {wrong}")
    if not isinstance(table["on"], bool) or not isinstance(table["why"], str) or not table["why"].strip():
        raise BadInput(f"{where} needs `on = true` or `on = false`, and a sentence as `why`")
    helps = _words(table["helps"], SYMPTOMS, f"{where} helps")
    then = _words(table["then"], tuple(RULES), f"{where} then")
    parameters = {key: _numbers(table[key], f"{where} {key}") for key in sorted(expected)}
    return RuleSetting(name, frozenset(helps), then, parameters) if table["on"] else None


def _words(value: Any, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or any(word not in known for word in value):
        raise BadInput(f"{where} must be a list of words out of {', '.join(known)}")
    return tuple(value)


def _numbers(value: Any, where: str) -> tuple[int, ...]:
    valid = isinstance(value, list) and all(type(number) is int and number > 0 for number in value)
    if not valid or not value:
        raise BadInput(f"{where} must be a list of positive whole numbers, such as [4]")
    return tuple(value)
