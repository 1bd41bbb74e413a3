"""`kernelevo runs replies`: what a model was asked in a run and what it answered, from the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from kernelevo import run
from kernelevo.commands import options as opt
from kernelevo.errors import BadInput
from kernelevo.wire.words import visible

Prompts = Annotated[bool, typer.Option("--prompts", help="Show what was asked, too.")]
AsScript = Annotated[
    bool, typer.Option("--script", help="Print JSON lines that --model scripted:FILE replays, and nothing else.")
]


def replies(
    context: typer.Context,
    name: opt.RunName,
    prompts: Prompts = False,
    as_script: AsScript = False,
    as_json: opt.AsJson = False,
    runs: opt.Runs = None,
) -> None:
    """Show what a language model answered in a run, and what was found in it.

    \b
    Example: kernelevo runs replies last --prompts

    With --script the replies are printed as a file that replays them: the same search again, without paying for it.
    """
    state = opt.State.of(context)
    turns = run.asked_of_model(state.settings, name)
    if not turns:
        raise BadInput(f"run {name} asked no model; `kernelevo optimize KERNEL --model NAME` makes one that does")
    if as_script:
        for line in _script(turns):
            print(line, file=state.output)
    elif as_json:
        state.print_json(turns)
    else:
        for line in _told(turns, prompts):
            print(line, file=state.output)


def _script(turns: list[dict[str, Any]]) -> Iterator[str]:
    for turn in turns:
        for reply in turn["replies"]:
            names = ("text", "stop", "thinking", "prompt_tokens", "completion_tokens", "cached_tokens")
            yield json.dumps({name: reply[name] for name in names} | ({"tokens": t} if (t := reply["tokens"]) else {}))


def _told(turns: list[dict[str, Any]], prompts: bool) -> Iterator[str]:
    """For a person; what a model wrote is hostile text and made visible."""
    for turn in turns:
        answered = f"{len(turn['replies'])} of {turn['n']} replies" if turn["answered"] else "not answered"
        yield visible(f"== question {turn['number']} to {turn['model']} about {turn['about']}: {answered}")
        for message in turn["messages"] if prompts else ():
            yield visible(f"-- {message['role']}\n{message['text']}")
        for number, reply in enumerate(turn["replies"]):
            outcome = turn["outcomes"][number] if number < len(turn["outcomes"]) else "not read"
            tokens = f"{reply['prompt_tokens']} + {reply['completion_tokens']} tokens"
            yield f"-- reply {number}: {outcome}, {reply['stop']}, {tokens}"
            yield visible(reply["text"])
