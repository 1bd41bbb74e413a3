"""`kernelevo adapter info|merge`: a LoRA adapter that a run made, looked at, and merged into its model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernelevo.commands import options as opt
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.wire.words import visible

app = typer.Typer(help="Look at LoRA adapters, and merge them.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="ADAPTER", help="The adapter's folder, in peft's format.")]


@app.command("info")
def info(context: typer.Context, adapter: Folder, as_json: opt.AsJson = False) -> None:
    """Show what an adapter is: its model, rank, size and hash, and how much it changes.

    \b
    Example: kernelevo adapter info runs/ID/changes/g2-weights
    """
    _require_torch()
    from kernelevo.models.adapter_info import read_info

    told = read_info(adapter)
    if as_json:
        opt.State.of(context).print_json(told.json())
        return
    base = told.base or "a domain's own network"
    print(visible(f"{adapter}: LoRA of rank {told.rank} (scale {told.scale:g}) for {base}"))
    print(f"  {told.parameters:,} parameters on {told.modules} modules; norm of the change {told.change:.4g}")
    print(f"  hash {told.key}")


@app.command("merge")
def merge(
    context: typer.Context,
    adapter: Folder,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model it belongs to: hf:FOLDER.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the merged model goes; a new folder.")],
    as_json: opt.AsJson = False,
) -> None:
    """Write the model with the adapter's changes in its own weights, as a folder that stands alone.

    \b
    Example: kernelevo adapter merge runs/ID/changes/g2-weights --model hf:models/mine --out models/merged
    """
    kind, _, folder = model.partition(":")
    if kind != "hf" or not folder:
        raise BadInput(f"--model {model!r} cannot be merged with; write hf:FOLDER, the adapter's own model")
    if out.exists():
        raise BadInput(f"{out} is there already; name a new folder for the merged model")
    from kernelevo.models.hf_network import HfNetwork

    HfNetwork(Path(folder).resolve(), "cpu").save_merged(adapter, out)
    if as_json:
        opt.State.of(context).print_json({"model": str(out), "adapter": str(adapter)})
        return
    print(visible(f"wrote {out}: {Path(folder).name} with the changes of {adapter}; use it as --model hf:{out}"))


def _require_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None or find_spec("safetensors") is None:
        raise NotInstalled('adapters need the extra `lora`; run `pip install "kernelevo[lora]"`')
