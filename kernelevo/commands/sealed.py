"""`kernelevo sealed`: tests whose labels are opened once for each claim."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernelevo.commands import choice_options, model_options
from kernelevo.commands import options as opt
from kernelevo.errors import BadInput
from kernelevo.wire.words import visible

app = typer.Typer(help="Answer sealed tests, and open their labels once for each claim.", no_args_is_help=True)
NETWORKS = 5
"""Trained unless another number is asked for: single ones scatter, and five are ahead of the reference line."""


@app.callback()
def _tests() -> None:
    """Keeps the name of the one test there is, as more will come."""


@app.command("legal")
def legal(
    context: typer.Context,
    train: Annotated[Path, typer.Option(metavar="FILE", help="Cases whose charges are told (as --data of legal).")],
    pipeline: Annotated[Path, typer.Option(metavar="FILE", help="Who answers: the text of a pipeline.")],
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="Cases asked for: .csv, id and text.")] = None,
    lawbench: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answer LawBench's task 3-3 instead (its 3-3.json).")
    ] = None,
    labels: Annotated[Path | None, typer.Option(metavar="FILE", help="Labels of --test: .csv, id and label.")] = None,
    claim: Annotated[
        str | None, typer.Option(metavar="WORDS", help="What opening the labels is to show; each claim once.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers (default: predictions.csv, or lawbench-3-3.json).")
    ] = None,
    train_network: Annotated[
        bool, typer.Option("--train-network", help="Train the encoder's adapter and head by the told cases first.")
    ] = False,
    networks: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="With --train-network: so many, whose votes are averaged (default: 5)."),
    ] = None,
    choose: choice_options.ModelName = None,
    candidates: choice_options.Candidates = None,
    reply_tokens: choice_options.ReplyTokens = None,
    base_url: model_options.BaseUrl = None,
    key_variable: model_options.KeyVariable = None,
    price: model_options.Price = None,
    call_seconds: model_options.CallSeconds = None,
    as_json: opt.AsJson = False,
    runs: opt.Runs = None,
) -> None:
    """Answer the cases of a test by a pipeline that is told all training cases, then open the labels for a claim.

    \b
    Example: kernelevo sealed legal --train train.csv --test test.csv --pipeline best.txt
    Then, once: ... --labels labels.csv --claim 'the kept pipeline is ahead of the reference'

    Answers are on disk, and the opening is on the ledger (`kernelevo study openings`), before the labels are read. Told
    are accuracy with its interval, macro-F1, abstentions and calibration, beside a linear classifier that was told and
    asked the same, with McNemar's test. Without labels the answers are written, and exit code 2 says what is lacking.

    With --choose a language model chooses among the charges that the pipeline finds likeliest. Its replies are kept
    beside the answers (OUT.choices.jsonl), and the same command goes on from there.
    """
    from kernelevo.run_of_sealed import SealedRequest, start_sealed

    state, announce = opt.State.of(context), opt.announcer(as_json)
    choice = choice_options.read_choice(context)
    if networks is not None and not train_network:
        raise BadInput("--networks says how many are trained; give --train-network with it")
    trained = (networks or NETWORKS) if train_network else 0
    request = SealedRequest(train, pipeline, test, lawbench, labels, claim, out, trained, choice)
    told = start_sealed(request, state.settings, lambda line: announce(visible(line)))
    if as_json:
        state.print_json(told)
