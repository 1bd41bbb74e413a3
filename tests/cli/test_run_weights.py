"""The weights lever in the loop, as a person types it: a table is trained on what it did."""

from __future__ import annotations

import json

import pytest
from cli.conftest import Shell

pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

from kernelevo.learning import folder_key
from kernelevo.loop.record import CHANGE, ROUND
from kernelevo.stores.sqlite import SqliteStore

WORDS = ("run", "scripted", "--model", "tabular", "--generations", "2", "--workers", "1", "--seed", "1", "--json")


def test_an_adapter_is_trained_from_the_record_and_judged_by_the_gate(shell: Shell) -> None:
    code, out, err = shell(*WORDS, "--levers", "weights", "--budget", "evaluations=600")
    assert code == 0, err
    told = json.loads(out)
    folder = shell.folder / "runs" / told["run"]
    with SqliteStore.read(folder) as store:
        changes = [note["change"] for note in store.notes(CHANGE) if note["change"]]
        acted = {step["policy"]["adapter"] for note in store.notes(ROUND) for step in note["steps"]}
    assert changes and all(change["lever"] == "weights" for change in changes)
    for change in changes:
        assert folder_key(folder / change["folder"]) == change["after"] != change["before"]
        assert change["after"] in acted, "the gate let the changed policy act"
        assert change["details"]["objective"] and change["details"]["losses"]
    gates = [each["gate"] for each in told["generations"] if each["gate"]]
    assert gates and all(gate["pairs"] >= 6 for gate in gates)
    kept = told["policy"]["version"]["adapter"]
    assert (kept != "") == any(gate["result"] == "accept" for gate in gates)


def test_the_same_seed_trains_the_same_adapter(shell: Shell) -> None:
    words = (*WORDS, "--levers", "weights", "--budget", "evaluations=500")
    one, two = (json.loads(shell(*words, "--runs", name)[1]) for name in ("a", "b"))
    hashes = [[each["after"] for each in made["generations"][0]["changes"]] for made in (one, two)]
    assert hashes[0] == hashes[1] and hashes[0] != [None]
