"""Options of a search in which a language model proposes, and what they are turned into."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kernelevo.errors import BadInput
from kernelevo.settings import EMBEDDED, MODEL_SECONDS, ModelRequest

ModelName = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="A model proposes: openai:NAME, vllm:NAME, hf:FOLDER, scripted:FILE, tiny."
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="The model's server: http://localhost:8000/v1 (default: OpenAI)."),
]
KeyVariable = Annotated[
    str | None,
    typer.Option("--key-variable", metavar="NAME", help="Variable that holds the key (default: OPENAI_API_KEY)."),
]
Price = Annotated[
    tuple[float, float] | None,
    typer.Option("--price", metavar="IN OUT", help="Money per million tokens, of prompt and completion."),
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", metavar="N", help="At most so many tokens in the run (default: 200000).")
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", metavar="X", help="At most so much money in the run; needs --price.")
]
CallSeconds = Annotated[
    float | None, typer.Option("--call-seconds", metavar="S", help="At most so long for one call (default: 120).")
]
AdapterFolder = Annotated[
    str | None,
    typer.Option("--adapter", metavar="FOLDER", help="LoRA adapter, as a vLLM server sees it, or for tiny."),
]
OnlyModel = Annotated[bool, typer.Option("--only-model", help="Nothing but the model proposes: no rules, no tuning.")]
_NAMES = {
    "base_url": "--base-url", "key_variable": "--key-variable", "price": "--price", "max_tokens": "--max-tokens",
    "max_cost": "--max-cost", "call_seconds": "--call-seconds", "adapter": "--adapter",
}  # fmt: skip


def read_model(context: typer.Context) -> ModelRequest | None:
    """Which model this command line asks for, if any; raises BadInput for options that need one."""
    params = context.params
    given: dict[str, Any] = {name: params[name] for name in _NAMES if params.get(name) is not None}
    if params.get("model") is None:
        if given or params.get("only_model"):
            option = next((_NAMES[name] for name in given), "--only-model")
            raise BadInput(f"{option} says how a model is asked; name one with --model, too")
        return None
    return ModelRequest(params["model"], alone=bool(params.get("only_model")), **given)


def search_seconds(context: typer.Context, seconds: float) -> float:
    """What was given; else the command's own default, or the longer one of a model behind a server."""
    source = context.get_parameter_source("seconds")
    chosen = source is not None and source.name != "DEFAULT"
    return seconds if chosen or context.params.get("model") in (None, EMBEDDED) else MODEL_SECONDS
