"""The nouns of policies that decide instead of writing: a backend declares a grammar of decisions, shows an observation
with the decisions that are legal now, and is answered one of these. All are frozen; observations pass as text, so that
every model can be asked for a decision.

    vector_loads(copy) = 4      a rule, the site it is applied to, and a value; site and value may be missing
    stop                        nothing (further) is worth trying from here
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelevo.language_model import Message, Prompt

STOP_RULE = "stop"
MOST_OPTIONS = 512
"""Legal decisions of one observation: more than this is no choice that a model can make."""
_DECISION = re.compile(r"([a-z][a-z0-9_]{0,63})(?:\(([^()\n]{1,200})\))?(?: = (-?\d{1,18}))?")


@dataclass(frozen=True)
class Decision:
    """One move: `rule` of the grammar, where it is applied, and with which value."""

    rule: str
    site: str = ""
    value: int | None = None

    def __post_init__(self) -> None:
        if _DECISION.fullmatch(str(self)) is None:
            raise ValueError(f"{str(self)!r} is no decision, such as vector_loads(copy) = 4")

    def __str__(self) -> str:
        site = f"({self.site})" if self.site else ""
        return f"{self.rule}{site}" + ("" if self.value is None else f" = {self.value}")


STOP = Decision(STOP_RULE)


def read_decision(text: str) -> Decision | None:
    """The decision that a reply is; None if it is none."""
    match = _DECISION.fullmatch(text.strip())
    if match is None:
        return None
    return Decision(match[1], match[2] or "", None if match[3] is None else int(match[3]))


@dataclass(frozen=True)
class Grammar:
    """What a backend's decisions and observations are made of. `rules` are the rules that there are, STOP_RULE among
    them; `facts` the names of numbers in an observation, `words` the words that it may hold. A model that was trained
    with one grammar is not asked by another: `key` tells them apart.
    """

    backend: str
    version: int
    rules: tuple[str, ...]
    facts: tuple[str, ...]
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if STOP_RULE not in self.rules:
            raise ValueError(f"a grammar has the rule {STOP_RULE!r}")

    @property
    def key(self) -> str:
        plain = [self.backend, self.version, self.rules, self.facts, self.words]
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


@dataclass(frozen=True)
class Option:
    """A decision that is legal now, what the harness adds to its logit, and a word of the grammar that holds of this
    option alone ("": none).
    """

    decision: Decision
    bias: float = 0.0
    word: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.bias):
            raise ValueError(f"the bias of {self.decision} is {self.bias}, which is no finite number")


@dataclass(frozen=True)
class Observation:
    """The state that a decision is made in. `facts` are finite numbers by their names in the grammar (a name that is
    missing is not known here), `words` hold of it, `moves` led to it from the start, and `options` are legal, STOP
    among them.
    """

    grammar: str
    facts: Mapping[str, float]
    words: tuple[str, ...]
    moves: tuple[Decision, ...]
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        decisions = [option.decision for option in self.options]
        if STOP not in decisions or len(set(decisions)) < len(decisions) or len(decisions) > MOST_OPTIONS:
            raise ValueError(f"options are different decisions, at most {MOST_OPTIONS}, and one of them is {STOP}")
        if not all(map(math.isfinite, self.facts.values())):
            raise ValueError("facts are finite numbers")

    def text(self) -> str:
        """The observation as one JSON object, the same for the same observation; `read_observation` reads it."""
        plain = {
            "grammar": self.grammar, "facts": dict(sorted(self.facts.items())), "words": sorted(self.words),
            "moves": [str(move) for move in self.moves],
            "options": [
                [str(option.decision), option.bias, *([option.word] if option.word else [])] for option in self.options
            ],
        }  # fmt: skip
        return json.dumps(plain, separators=(",", ":"))

    @property
    def state_key(self) -> str:
        """The same for the same state of a task, whichever decisions the harness leaves legal and however it biases
        them.
        """
        plain = [self.grammar, sorted(self.facts.items()), [str(move) for move in self.moves]]
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def read_observation(text: str) -> Observation:
    """Raises ValueError for what is no observation."""
    plain = json.loads(text)
    if not isinstance(plain, dict) or plain.keys() != {"grammar", "facts", "words", "moves", "options"}:
        raise ValueError("an observation is an object with grammar, facts, words, moves and options")
    options = tuple(map(_option, plain["options"]))
    facts = {str(name): float(number) for name, number in plain["facts"].items()}
    moves = tuple(map(_decision, plain["moves"]))
    return Observation(str(plain["grammar"]), facts, tuple(map(str, plain["words"])), moves, options)


def _option(plain: Any) -> Option:
    if not isinstance(plain, list) or len(plain) not in (2, 3):
        raise ValueError("an option is a list of a decision, a bias and perhaps a word")
    return Option(_decision(plain[0]), float(plain[1]), *map(str, plain[2:]))


def decision_prompt(observation: Observation) -> Prompt:
    """The question for a decision, as every model of decisions is asked it: the grammar, then the observation."""
    return Prompt((Message("system", f"grammar {observation.grammar}"), Message("user", observation.text())))


def observation_of(prompt: Prompt) -> Observation:
    """What a prompt of `decision_prompt` shows; raises ValueError for any other."""
    observation = read_observation(prompt.messages[-1].text)
    if decision_prompt(observation).messages[:-1] != prompt.messages[:-1]:
        raise ValueError("a prompt for a decision has two messages: the grammar, and one observation of it")
    return observation


def _decision(text: Any) -> Decision:
    decision = read_decision(text) if isinstance(text, str) else None
    if decision is None:
        raise ValueError(f"{text!r} is no decision")
    return decision


@dataclass(frozen=True)
class DecisionSettings:
    """The part of a harness that policies over decisions go by; the harness lever may change it.

    `rules` gives each rule that is on its bias (what is added to the logits of its decisions); a rule that is absent is
    off. `temperature` divides the logits. From one parent `samples` replies are asked for at a time, and no more than
    `depth` moves lead from the start. `exploration` is the constant c of PUCT. `shares` weighs how a generation's
    evaluations (whose number is the budget's, not the harness's) are split among the families of tasks; a family that
    is absent weighs 1. `retries` is how often a parent is asked again after replies that gave nothing new.
    """

    rules: Mapping[str, float]
    temperature: float = 1.0
    samples: int = 4
    depth: int = 6
    exploration: float = 1.0
    retries: int = 1
    shares: Mapping[str, float] = field(default_factory=dict)
