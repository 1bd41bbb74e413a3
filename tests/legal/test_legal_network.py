"""The encoder of cases: what numpy makes of an adapter is what torch trained, and it learns charges of told cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")
pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

import torch
from threadpoolctl import threadpool_info, threadpool_limits

from kernelevo.backends.agents import merged
from kernelevo.backends.legal.asking import SEED, _networks, _read, pipeline_tells
from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.network import HEAD, Reader, _network, encoded, head_votes, make_base, train_adapter
from kernelevo.backends.legal.pipeline import SPACE, windowed
from kernelevo.backends.networks import Shelf, read_delta
from kernelevo.backends.pipelines import Unsound
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter
from kernelevo.learning import Split, folder_key
from kernelevo.types import Candidate, Status

CASES = sample(6, 40)
TOLD = np.arange(len(CASES.facts)) % 2 == 0
READER = Reader([fact for fact, told in zip(CASES.facts, TOLD, strict=True) if told])
ROWS = READER.rows(CASES.facts)
BASE = make_base(READER, 0)
LABELS = CASES.labels.astype(np.int64)


def accuracy(network: dict[str, np.ndarray]) -> float:
    said = head_votes(network, encoded(network, ROWS[~TOLD]), 6)
    return float((said.argmax(axis=1) == LABELS[~TOLD]).mean())


def test_an_adapter_tells_cases_that_it_was_not_told(tmp_path: Path) -> None:
    losses = train_adapter(BASE, None, ROWS[TOLD], LABELS[TOLD], 6, tmp_path / "a", 3, 1.0)
    train_adapter(BASE, None, ROWS[TOLD], LABELS[TOLD], 6, tmp_path / "b", 3, 1.0)
    assert losses[-1] < losses[0] and folder_key(tmp_path / "a") == folder_key(tmp_path / "b")
    delta = read_delta(tmp_path / "a")
    assert set(delta.layers) == {"project", "mix"} and set(delta.whole) == {HEAD}
    others = np.random.default_rng(3).permutation(LABELS[TOLD])  # the control: charges of other cases
    train_adapter(BASE, None, ROWS[TOLD], others, 6, tmp_path / "c", 3, 1.0)
    misled = dict(merged(BASE, read_delta(tmp_path / "c")))
    assert accuracy(dict(merged(BASE, delta))) > 0.5 > 2 / 6 > accuracy(misled)


def test_numpy_says_what_torch_says(tmp_path: Path) -> None:
    from peft import PeftModel

    train_adapter(BASE, None, ROWS[TOLD], LABELS[TOLD], 6, tmp_path, 3, 0.5)
    network = merged(BASE, read_delta(tmp_path))
    tuned = PeftModel.from_pretrained(_network(BASE, np.eye(6, BASE["mix.weight"].shape[0])), str(tmp_path))
    logits = tuned(torch.from_numpy(ROWS[:7].toarray()))
    said = head_votes(network, encoded(network, ROWS[:7]), 6)
    assert said == pytest.approx(torch.softmax(logits, dim=1).detach().numpy(), abs=1e-5)


def test_the_agent_learns_from_the_training_split_as_the_harness_reads_it(tmp_path: Path) -> None:
    backend = ChargeBackend(CASES_OF_MANY, Shelf(tmp_path / "shelf"), trains=True)
    assert backend.agent is not None
    wide = "weigh trained = 1\nbegin = 3000\nend = 0\nnumbers = kept\n"
    fitted = []
    for name, text in (("start", ""), ("wide", wide)):
        (tmp_path / name).mkdir()
        fitted.append(backend.agent.fit(text, None, tmp_path / name, 1, 1.0))
        assert f"on {len(backend._split[Split.TRAINING])} cases" in fitted[-1].said
    assert fitted[0].details["losses"] != fitted[1].details["losses"]
    key = backend.agent.shelf.put(tmp_path / "wide")
    session = backend.open(backend.tasks(Split.DEVELOPMENT)[0])
    assert session.reward(session.judge(Candidate(f"{wide}network = {key}\n"), 1)) > 1.5


CASES_OF_MANY = sample(12, 40)


def test_a_head_of_other_charges_and_weights_that_overflow_are_the_candidate_s_fault() -> None:
    places = encoded(BASE, ROWS[:7])
    with pytest.raises(Unsound, match=r"head has the shape \(5, "):
        head_votes({**BASE, HEAD: np.ones((5, places.shape[1]), dtype=np.float32)}, places, 6)
    with pytest.raises(Unsound, match="not finite"):
        encoded({**BASE, "mix.weight": np.full_like(BASE["mix.weight"], 3e38)}, ROWS[:7])


def test_an_adapter_says_which_base_it_was_trained_on(tmp_path: Path) -> None:
    """TF-IDF of other cases has other columns, and as many."""
    shelf = Shelf(tmp_path / "shelf")
    mine, other = (ChargeBackend(each, shelf, trains=True) for each in (CASES_OF_MANY, sample(12, 41)))
    assert mine.agent is not None and other.agent is not None
    (tmp_path / "a").mkdir()
    mine.agent.fit("", None, tmp_path / "a", 1, 0.1)
    text = f"weigh nearest = 1\nnetwork = {shelf.put(tmp_path / 'a')}\n"
    told = [each.open(each.tasks(Split.REWARD)[0]).judge(Candidate(text), 1) for each in (mine, other)]
    assert [each.status for each in told] == [Status.PASSED, Status.WRONG] and "another base" in told[1].feedback
    with pytest.raises(BadInput, match="another base"):
        other.agent.model(0, {}).load_adapter(Adapter("a", 1, str(tmp_path / "a")))


def test_sums_hang_on_no_number_of_threads() -> None:
    """A limit that one worker takes back while another is at work would be no limit."""
    with threadpool_limits(limits=2):
        ChargeBackend(CASES_OF_MANY)
        assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} == {1}


def test_the_votes_of_several_networks_are_averaged() -> None:
    pipeline = SPACE.pipeline({"trained": 1}, begin=3000)
    known = replace(CASES, facts=CASES.facts[::2], labels=LABELS[::2])
    none, one, three = (pipeline_tells(pipeline, count)(known, CASES.facts[1::2]) for count in (0, 1, 3))
    rows, base = Reader(known.facts), make_base(Reader(known.facts), SEED)
    told, asked = (rows.rows([windowed(fact, pipeline) for fact in each]) for each in (known.facts, CASES.facts[1::2]))
    described = rows.rows(CASES.charges)
    single = [_read(each, told, asked, described, known, pipeline).votes for each in _networks(base, told, known, 3)]
    assert three == pytest.approx(np.mean(single, axis=0)) and one == pytest.approx(single[0])
    assert np.abs(single[1] - single[0]).max() > 0.01 and np.abs(none - one).max() > 0.01
