"""Options of a language model that chooses among charges, and what they are turned into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kernelevo.joining_choices import ChoiceRequest

ModelName = Annotated[
    str | None,
    typer.Option("--choose", metavar="MODEL", help="It chooses: openai:NAME, vllm:NAME, hf:FOLDER or scripted:FILE."),
]
Candidates = Annotated[
    int | None, typer.Option("--candidates", metavar="N", help="Charges it chooses among (default: 10).")
]
ReplyTokens = Annotated[
    int | None, typer.Option("--reply-tokens", metavar="N", help="At most so many of one reply (default: 64).")
]


def read_choice(context: typer.Context) -> ChoiceRequest | None:
    """Who chooses by this command line, if any; raises BadInput for options that need one."""
    from kernelevo.joining_choices import request_of

    params = context.params
    names = ("choose", "base_url", "key_variable", "price", "call_seconds", "candidates", "reply_tokens")
    return request_of(*(params[name] for name in names))
