"""A base's folder: what is written is what is read, and what was changed or belongs elsewhere is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny.observations import GRAMMAR, observation

pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("safetensors", reason="the extra `lora` is not installed")

import kernelevo.models.tiny as tiny
from kernelevo.backends.kernels.grammar import grammar_of
from kernelevo.decisions import Grammar, decision_prompt
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.joining_backends import single_rules
from kernelevo.models.tiny.base import RECIPE, SHIPPED, WEIGHTS, Base, random_base, read_base, write_base
from kernelevo.models.tiny.model import TinyModel

TRAINING = {"trained_on": {"states": 1, "problems": 1}, "held_out": {"problems": 1, "top1": 0.5}}


def kernels_grammar() -> Grammar:
    return grammar_of(tuple(rule.name for rule in single_rules()[0].rules))


@pytest.fixture
def written(tmp_path: Path) -> Base:
    return write_base(tmp_path, GRAMMAR, random_base(GRAMMAR, seed=1).network, TRAINING)


def test_a_base_comes_back_as_it_was_written(written: Base, tmp_path: Path) -> None:
    again, exact = read_base(tmp_path, GRAMMAR), random_base(GRAMMAR, seed=1)
    assert again.key == written.key == exact.key != random_base(GRAMMAR, seed=2).key
    prompt = decision_prompt(observation())
    kept, own = (TinyModel(base).probabilities(prompt) for base in (again, exact))
    assert kept == own


def test_another_grammar_or_other_weights_are_refused(written: Base, tmp_path: Path) -> None:
    other = Grammar("toy", 2, GRAMMAR.rules, GRAMMAR.facts, GRAMMAR.words)
    with pytest.raises(BadInput, match=r"another grammar or version of toy; make it again with scripts/train-tiny"):
        read_base(tmp_path, other)
    weights = bytearray((tmp_path / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(weights)
    with pytest.raises(BadInput, match="its hash differs"):
        read_base(tmp_path, GRAMMAR)


@pytest.mark.parametrize("change", [{"size": {"width": 64, "layers": 5, "heads": 4}}, {"size": 3}, {"encoding": 0}])
def test_a_recipe_that_does_not_fit_is_refused(written: Base, tmp_path: Path, change: dict[str, object]) -> None:
    recipe = json.loads((tmp_path / RECIPE).read_text())
    (tmp_path / RECIPE).write_text(json.dumps(recipe | change))
    with pytest.raises(BadInput, match=r"scripts/train-tiny"):
        read_base(tmp_path, GRAMMAR)


def test_a_folder_without_a_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no base that can be read"):
        read_base(tmp_path, GRAMMAR)


def test_where_no_base_ships_the_weights_are_random_always_the_same_and_said_to_be() -> None:
    one, other = tiny.open_tiny(GRAMMAR, seed=1), tiny.open_tiny(GRAMMAR, seed=2)
    assert one.base.key == other.base.key and one.base.sentence.startswith("random weights, trained on nothing")


def test_the_same_seed_gives_the_same_random_base() -> None:
    assert random_base(GRAMMAR, 4).key == random_base(GRAMMAR, 4).key != random_base(GRAMMAR, 5).key


def test_the_base_for_kernels_ships_and_is_what_its_recipe_says() -> None:
    grammar = kernels_grammar()
    model = tiny.open_tiny(grammar, seed=1)
    recipe = json.loads((SHIPPED / "kernels" / RECIPE).read_text())
    assert (SHIPPED / "kernels" / WEIGHTS).stat().st_size < 5e6
    assert recipe["grammar_key"] == grammar.key and model.base.key == recipe["weights_sha256"]
    assert recipe["parameters"] == sum(one.numel() for one in model.base.network.parameters())
    held_out = recipe["training"]["held_out"]
    assert held_out["top1"] > held_out["uniform"]["top1"] and held_out["one"] > held_out["uniform"]["one"]
    assert f"{recipe['training']['trained_on']['states']:,} states" in model.base.sentence


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "peft" else object())
    with pytest.raises(NotInstalled, match=r"--model tiny needs peft; .*pip install \"kernelevo\[lora\]\""):
        tiny.open_tiny(GRAMMAR)
