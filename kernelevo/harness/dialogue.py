"""How a language model is asked: dialogue.toml.

[sampling]
replies = 4                         # at most so many at a time
max_tokens = 8192                   # of one reply
temperature = 0.8                   # may be left out: the model's own
log_probabilities = false

[turns]
fruitless = 2                       # a parent is left alone after so many questions in a row that gave nothing new

[prompt]
tried = 12                          # how many earlier changes are told
findings = 4                        # how many sentences of the diagnosis, of each launch
lessons = 8                         # how many lessons of memory/, the latest

[skills]
inline = ["coalescing"]             # told at once, in this order
on_demand = []                      # told by name and description, and loaded with a tool where there are tools

[tools]
on = false                          # one reply is one program; with tools, the model works in calls
names = ["read_profile", "submit"]  # of those that there are
calls = 12                          # of one conversation
tokens = 32768                      # of one conversation, prompts and replies
format = "strict"                   # a reply is one call and nothing else; "relaxed": the call may stand in other text
checklist_every = 0                 # the skills' names and descriptions are told again after so many calls; 0: never
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.harness.tables import flag, read_toml, require_keys, whole, word, words
from kernelevo.language_model import Sampling

MOST_REPLIES = 64
TOOLS = ("read_profile", "read_diagnostics", "load_skill", "run_script", "check_candidate", "submit")
FORMATS = ("strict", "relaxed")
_TABLES = {
    "sampling": ("replies", "max_tokens", "log_probabilities", "temperature"),
    "turns": ("fruitless",),
    "prompt": ("tried", "findings", "lessons"),
    "skills": ("inline", "on_demand"),
    "tools": ("on", "names", "calls", "tokens", "format", "checklist_every"),
}


@dataclass(frozen=True)
class ToolSettings:
    on: bool
    names: tuple[str, ...]
    calls: int
    tokens: int
    relaxed: bool
    checklist_every: int


@dataclass(frozen=True)
class DialogueSettings:
    """See the module."""

    sampling: Sampling
    replies: int
    fruitless: int
    tried: int
    findings: int
    lessons: int
    inline: tuple[str, ...]
    on_demand: tuple[str, ...]
    tools: ToolSettings

    @property
    def skills(self) -> tuple[str, ...]:
        return (*self.inline, *self.on_demand)


def read_dialogue(text: str, where: str) -> DialogueSettings:
    """The settings that the text of a dialogue.toml holds; raises BadInput naming the file `where` and the key."""
    tables = require_keys(read_toml(text, where), tuple(_TABLES), where)
    for name, keys in _TABLES.items():
        require_keys(tables[name], keys, f"{where}: [{name}]", ("temperature",))
    sampling, prompt, skills = tables["sampling"], tables["prompt"], tables["skills"]
    inline = words(skills["inline"], f"{where}: [skills] inline")
    on_demand = words(skills["on_demand"], f"{where}: [skills] on_demand")
    words([*inline, *on_demand], f"{where}: [skills]")
    return DialogueSettings(
        sampling=_sampling(sampling, where),
        replies=whole(sampling["replies"], 1, MOST_REPLIES, f"{where}: [sampling] replies"),
        fruitless=whole(tables["turns"]["fruitless"], 1, 100, f"{where}: [turns] fruitless"),
        tried=whole(prompt["tried"], 0, 1000, f"{where}: [prompt] tried"),
        findings=whole(prompt["findings"], 0, 100, f"{where}: [prompt] findings"),
        lessons=whole(prompt["lessons"], 0, 100, f"{where}: [prompt] lessons"),
        inline=inline,
        on_demand=on_demand,
        tools=_tools(tables["tools"], f"{where}: [tools]"),
    )


def _tools(table: dict[str, Any], where: str) -> ToolSettings:
    names = words(table["names"], f"{where} names", TOOLS)
    if "submit" not in names:
        raise BadInput(f"{where} names must hold submit, without which nothing ever comes of a conversation")
    return ToolSettings(
        on=flag(table["on"], f"{where} on"),
        names=names,
        calls=whole(table["calls"], 1, 100, f"{where} calls"),
        tokens=whole(table["tokens"], 256, 1 << 24, f"{where} tokens"),
        relaxed=word(table["format"], FORMATS, f"{where} format") == "relaxed",
        checklist_every=whole(table["checklist_every"], 0, 100, f"{where} checklist_every"),
    )


def _sampling(table: dict[str, Any], where: str) -> Sampling:
    most = whole(table["max_tokens"], 1, 1 << 20, f"{where}: [sampling] max_tokens")
    temperature = table.get("temperature")
    if isinstance(temperature, bool) or not isinstance(temperature, (int, float, type(None))):
        raise BadInput(f"{where}: [sampling] temperature must be a number, such as 0.8")
    logarithms = flag(table["log_probabilities"], f"{where}: [sampling] log_probabilities")
    try:
        return Sampling(most, temperature, logarithms)
    except ValueError as error:
        raise BadInput(f"{where}: [sampling] {error}") from error
