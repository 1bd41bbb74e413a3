"""`kernelevo run` with models that are asked over a socket or loaded from a folder: the loop with the real clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import Shell

from kernelevo.models.prior import PriorModel
from kernelevo.models.recorded import REPLIED
from kernelevo.models.serving import Served, Trouble, serving
from kernelevo.stores.sqlite import SqliteStore

pytest.importorskip("openai", reason="the extra `llm` is not installed")

WORDS = ("run", "scripted", "--workers", "1", "--generations", "1", "--json")
PRICE = ("--price", "1", "2")


@pytest.fixture
def served() -> Iterator[Served]:
    """A policy that goes by the biases it is shown, behind a server."""
    with serving(PriorModel("prior")) as found:
        yield found


def asked(served: Served) -> int:
    return sum(path.endswith("/completions") for path, _ in served.requests)


@pytest.mark.parametrize("kind", ["openai", "vllm"])
def test_a_served_model_acts_and_the_harness_lever_changes_what_it_is_shown(
    shell: Shell, served: Served, kind: str
) -> None:
    words = ("--model", f"{kind}:prior", "--base-url", served.address, *PRICE, "--budget", "evaluations=250,money=5")
    code, out, err = shell(*WORDS, "--levers", "harness", *words)
    assert code == 0, err
    told = json.loads(out)
    (generation,) = told["generations"]
    assert generation["metrics"]["replies"] > 20 and generation["coverage"] == 1.0
    assert generation["gate"] is not None and generation["gate"]["pairs"] >= 6
    with SqliteStore.read(shell.folder / "runs" / told["run"]) as store:
        assert asked(served) == len(store.notes(REPLIED)) > 20
    (used,) = told["models"]
    assert used["calls"] == asked(served) and used["cost"] > 0 and not used["estimated"]
    tokens = f"tokens: {used['prompt_tokens'] + used['completion_tokens']:,}"
    assert f"model prior (acts): {used['calls']:,} calls; {tokens}" in shell("runs", "show", told["run"])[1]
    assert served.address not in out and "prior" in told["model"]


def test_what_breaks_on_the_way_is_asked_again_and_the_run_comes_to_its_end(shell: Shell, served: Served) -> None:
    served.troubles = [Trouble("status", 429, headers=(("Retry-After", "0"),)), Trouble("status", 503)]
    words = ("--model", "openai:prior", "--base-url", served.address, "--budget", "evaluations=120")
    code, out, err = shell(*WORDS, "--levers", "none", *words)
    assert code == 0, err
    told = json.loads(out)
    assert not served.troubles and told["generations"][0]["coverage"] == 1.0
    assert told["models"][0]["cost"] is None and "cost: unknown" in shell("runs", "show", told["run"])[1]


def test_money_ends_a_run_before_it_is_spent(shell: Shell, served: Served) -> None:
    words = ("--model", "openai:prior", "--base-url", served.address, *PRICE)
    code, out, err = shell(*WORDS, "--levers", "none", *words, "--budget", "evaluations=2000,money=0.0005")
    assert code == 0, err
    told = json.loads(out)
    assert "0.0005" in told["ended"] and 0 < told["models"][0]["cost"] <= 0.0005


def test_money_needs_a_price(shell: Shell, served: Served) -> None:
    words = ("--model", "openai:prior", "--base-url", served.address, "--budget", "evaluations=200,money=1")
    code, _, err = shell(*WORDS, *words)
    assert code == 2 and "--price" in err and not asked(served)


def test_a_local_model_with_random_weights_learns_nothing_and_the_run_says_so(shell: Shell, tmp_path: Path) -> None:
    for module in ("torch", "transformers", "peft", "safetensors"):
        pytest.importorskip(module, reason="the extra `lora` is not installed")
    from models.tiny_llama import write_tiny_llama

    folder = write_tiny_llama(tmp_path / "tiny-llama", context=32768)
    code, out, err = shell(*WORDS, "--model", f"hf:{folder}", "--budget", "evaluations=120")
    assert code == 0, err
    told = json.loads(out)
    assert told["accepted"] == 0 and told["generations"][0]["metrics"]["replies"] > 0
