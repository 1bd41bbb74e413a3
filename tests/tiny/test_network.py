"""The network's probabilities: of all options, whatever stands beside them in a batch, and causal."""

from __future__ import annotations

import random

import pytest
from tiny.observations import GRAMMAR, OPTIONS, observation, random_observation

pytest.importorskip("torch", reason="the extra `lora` is not installed")

import torch

from kernelevo.models.tiny.base import random_base
from kernelevo.models.tiny.network import TinyNetwork, collate
from kernelevo.models.tiny.tokens import Encoder

ENCODER = Encoder(GRAMMAR)


@pytest.fixture(scope="module")
def network() -> TinyNetwork:
    return random_base(GRAMMAR, seed=3).network


def log_probabilities(network: TinyNetwork, *encoded: object) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(collate(encoded))[0]  # type: ignore[arg-type]
    return found


def test_it_has_about_a_million_parameters(network: TinyNetwork) -> None:
    assert 0.8e6 < sum(one.numel() for one in network.parameters()) < 1.5e6


@pytest.mark.parametrize("seed", range(10))
def test_probabilities_of_all_options_add_up_to_one(network: TinyNetwork, seed: int) -> None:
    found = log_probabilities(network, ENCODER.encode(random_observation(random.Random(seed))))
    assert found.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    assert found.min().item() > -50


def test_a_batch_changes_nothing(network: TinyNetwork) -> None:
    encoded = [ENCODER.encode(random_observation(random.Random(seed))) for seed in range(8)]
    together = log_probabilities(network, *encoded)
    for row, one in enumerate(encoded):
        alone = log_probabilities(network, one)[0]
        assert torch.allclose(together[row, : len(one.options)], alone, atol=1e-5)
        assert together[row].exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_choices_beside_each_other_see_nothing_of_each_other(network: TinyNetwork) -> None:
    """What is decided below one rule is the same whether or not another rule has a choice below it, too."""
    encoded = ENCODER.encode(observation(*OPTIONS))
    batch = collate([encoded])
    cut = collate([encoded])
    last = encoded.tokens - 1 + len(encoded.choices) - 1
    cut.positions[0, last] = 0
    with torch.no_grad():
        whole, other = network(batch)[0][0], network(cut)[0][0]
    below = [number for number, path in enumerate(encoded.paths) if path[-1][0] == len(encoded.choices) - 1]
    beside = [number for number in range(len(OPTIONS)) if number not in below]
    assert torch.equal(whole[beside], other[beside])
    assert not torch.equal(whole[below], other[below])


def test_facts_words_and_moves_matter(network: TinyNetwork) -> None:
    plain = log_probabilities(network, ENCODER.encode(observation()))
    for other in (
        observation(occupancy=0.9, log2_cols=10.0), observation(occupancy=0.5), observation(words=()),
        observation(moves=(OPTIONS[1],)), observation(moves=(OPTIONS[1], OPTIONS[2])),
    ):  # fmt: skip
        assert not torch.allclose(log_probabilities(network, ENCODER.encode(other)), plain, atol=1e-7)


def test_the_order_of_moves_matters(network: TinyNetwork) -> None:
    one, other = (
        log_probabilities(network, ENCODER.encode(observation(moves=moves)))
        for moves in ((OPTIONS[1], OPTIONS[3]), (OPTIONS[3], OPTIONS[1]))
    )
    assert not torch.allclose(one, other, atol=1e-7)
