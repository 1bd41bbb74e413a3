"""Training of a base: the loss by hand, what is never learned from, and that it learns on a domain it can learn."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
from pathlib import Path

import pytest
from tiny.observations import GRAMMAR as TOY
from tiny.observations import OPTIONS, observation

pytest.importorskip("torch", reason="the extra `lora` is not installed")

import torch
from tiny.traces import GRAMMAR, write_traces

from kernelevo.decisions import STOP, Decision
from kernelevo.errors import BadInput
from kernelevo.models.tiny.base_training import TrainingSettings, train_base
from kernelevo.models.tiny.held_out import judge_on
from kernelevo.models.tiny.imitation import loss_of
from kernelevo.models.tiny.network import Size
from kernelevo.models.tiny.tokens import Encoder
from kernelevo.models.tiny.training_data import FAILED, TrainingData, is_held_out, make_state, read_traces, trace_files

TASKS = ("wide-1", "narrow-1", "chained-1", "wide-2", "wide-11", "narrow-11", "chained-11", "wide-31", "narrow-31",
         "chained-31", "narrow-41", "chained-41")  # fmt: skip
SMALL = TrainingSettings(epochs=12, batch=8, size=Size(32, 2, 2), learning_rate=5e-3, mean_decay=0.8)
ENCODER = Encoder(GRAMMAR)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    file = tmp_path_factory.mktemp("traces") / "all.jsonl.gz"
    write_traces(file, TASKS)
    return read_traces([file], ENCODER)


def state(gains: dict[Decision, float | None]) -> object:
    return make_state("toy-1", "toy", observation(*gains), gains, Encoder(TOY))


def test_the_loss_is_the_cross_entropy_over_what_was_tried() -> None:
    told = state({STOP: 0.0, OPTIONS[1]: 0.15, OPTIONS[2]: FAILED, OPTIONS[3]: None})
    logits = torch.tensor([[0.3, -0.2, 0.9, 5.0]])
    loss = loss_of(torch.log_softmax(logits, -1), [told], 0.15)  # type: ignore[list-item]
    first, second = math.exp(0) / (math.exp(0) + math.exp(1)), math.exp(1) / (math.exp(0) + math.exp(1))
    whole = math.log(math.exp(0.3) + math.exp(-0.2) + math.exp(0.9))
    assert loss.item() == pytest.approx(-first * (0.3 - whole) - second * (-0.2 - whole), abs=1e-5)


def test_missing_data_is_never_learned_from_and_failures_are_never_a_target() -> None:
    told = state({STOP: 0.0, OPTIONS[1]: None, OPTIONS[2]: FAILED})
    logits = torch.tensor([[0.0, 0.0, 0.0]], requires_grad=True)
    loss_of(logits, [told], 0.15).backward()  # type: ignore[list-item]
    stop, missing, failed = logits.grad[0].tolist()
    assert missing == 0.0 and stop < 0 < failed


def test_it_learns_what_helps_on_problems_that_it_has_not_seen(data: TrainingData) -> None:
    lines: list[str] = []
    network, report = train_base(data, ENCODER, SMALL, lines.append)
    found = judge_on(data.held_out, network, SMALL.temperature)
    assert found.policy.top1 > found.uniform.top1 + 0.3
    assert found.policy.one > 1.3 * found.uniform.one
    assert report["held_out"]["top1"] == pytest.approx(found.policy.top1, abs=1e-4)
    # What is kept is the epoch with the least loss on held-out problems.
    said = [float(line.split("held-out loss ")[1].split(",")[0]) for line in lines]
    assert found.loss == pytest.approx(min(said), abs=1e-3)
    assert report["epochs"] == 1 + said.index(min(said))


def test_held_out_problems_have_no_part_in_training(data: TrainingData) -> None:
    assert {each.task for each in data.held_out} == {task for task in TASKS if is_held_out(task)}
    assert {each.task for each in data.train}.isdisjoint(each.task for each in data.held_out)


def test_the_same_seed_gives_the_same_weights(data: TrainingData) -> None:
    quick = dataclasses.replace(SMALL, epochs=2)
    one, same, other = (
        train_base(data, ENCODER, dataclasses.replace(quick, seed=seed), lambda line: None)[0] for seed in (1, 1, 2)
    )
    first, second, third = (torch.cat([p.flatten() for p in each.parameters()]) for each in (one, same, other))
    assert torch.equal(first, second) and not torch.equal(first, third)


def test_figures_are_those_of_a_hand_made_state() -> None:
    told = state({STOP: 0.0, OPTIONS[1]: 1.0, OPTIONS[2]: -2.0, OPTIONS[3]: None})
    nothing = state({STOP: 0.0, OPTIONS[1]: -1.0})
    network = train_free()
    found = judge_on([told, nothing], network, 0.15)  # type: ignore[list-item]
    assert (found.states, found.gaining, found.best) == (2, 1, 1.0)
    assert found.uniform.one == pytest.approx(1 / 3)
    assert found.uniform.four == pytest.approx(1 - (2 / 3) ** 4)
    assert found.uniform.top1 == pytest.approx(1 / 3)
    # STOP is the last thing that is tried, whatever comes first in the list.
    assert (found.order.top1, found.order.one, found.order.four) == (1.0, 1.0, 1.0)


def train_free() -> object:
    from kernelevo.models.tiny.base import random_base

    return random_base(TOY, 0, Size(16, 1, 1)).network


@pytest.mark.parametrize(
    "line", ["{", '{"task": "a"}', '{"task":"a","family":"a","reward":0.0,"observation":"{}","options":[]}']
)
def test_a_line_that_is_no_state_is_named(tmp_path: Path, line: str) -> None:
    write_traces(tmp_path / "a.jsonl.gz", ["wide-1"], depth=1)
    good = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode()
    (tmp_path / "b.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(BadInput, match=r"b\.jsonl:2: this is no state of a trace"):
        read_traces(trace_files([tmp_path]), ENCODER)


def test_a_state_that_failed_leads_nowhere(tmp_path: Path) -> None:
    write_traces(tmp_path / "a.jsonl.gz", ["wide-1"], depth=1)
    told = json.loads(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()))
    (tmp_path / "b.jsonl").write_text(json.dumps(told | {"reward": 0.0}))
    with pytest.raises(BadInput, match="has passed, but its reward is 0"):
        read_traces([tmp_path / "b.jsonl"], ENCODER)


def test_traces_without_held_out_problems_are_refused(tmp_path: Path) -> None:
    write_traces(tmp_path / "a.jsonl.gz", ["wide-1"])
    with pytest.raises(BadInput, match="give some of both"):
        read_traces([tmp_path / "a.jsonl.gz"], ENCODER)
    with pytest.raises(BadInput, match="cannot be read"):
        read_traces([tmp_path / "none.jsonl"], ENCODER)
