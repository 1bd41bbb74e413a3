"""The count autoencoder: what numpy makes of it is what torch does, its adapter learns, and from the training split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

import torch
from conformance.backend import BackendContract
from scipy import sparse

from kernelevo.backends.agents import merged
from kernelevo.backends.networks import Shelf, read_delta
from kernelevo.backends.pipelines import Unsound
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import OTHER_KINDS, apart_from, by_genes, sample
from kernelevo.backends.scrna.network import _network, shares_of, train_adapter, train_base
from kernelevo.backends.scrna.scoring import dense_rows, log_rescaled, score_guarded
from kernelevo.backends.scrna.session import DenoisingSession
from kernelevo.backends.scrna.thinning import split_molecules
from kernelevo.decisions import DecisionSettings
from kernelevo.errors import BadInput
from kernelevo.learning import Split, folder_key
from kernelevo.types import Candidate

DATA = sample(200, 150, seed=3)
COUNTS = DATA.counts


@pytest.fixture(scope="module")
def base() -> dict[str, np.ndarray]:
    return dict(train_base(COUNTS[:100], 1))


def test_numpy_says_what_torch_says(base: dict[str, np.ndarray]) -> None:
    network = _network(COUNTS.shape[1])
    network.load_state_dict({name: torch.from_numpy(value) for name, value in base.items()})
    counts = COUNTS[:5].toarray().astype(float)
    told = torch.softmax(network(torch.from_numpy(log_rescaled(counts).astype(np.float32))), dim=1)
    assert shares_of(base, counts) == pytest.approx(told.detach().numpy(), abs=1e-6)
    assert shares_of(base, counts).sum(axis=1) == pytest.approx(np.ones(5))


def test_the_base_predicts_molecules_of_cells_that_it_has_not_seen(base: dict[str, np.ndarray]) -> None:
    halves = split_molecules(COUNTS[100:], seed=0)
    made = np.zeros((halves.train.shape[0], COUNTS.shape[1]))
    made[:, halves.genes] = halves.train.toarray()
    assert score_guarded(halves.train, halves.test, dense_rows(shares_of(base, made)[:, halves.genes])).poisson > 0.3


def test_training_makes_the_loss_less_changes_no_base_and_is_repeatable(
    base: dict[str, np.ndarray], tmp_path: Path
) -> None:
    before = {name: value.copy() for name, value in base.items()}
    losses = train_adapter(base, None, COUNTS[:100], tmp_path / "a", 5, 0.5)
    train_adapter(base, None, COUNTS[:100], tmp_path / "b", 5, 0.5)
    assert losses[-1] < losses[0] - 0.05 and folder_key(tmp_path / "a") == folder_key(tmp_path / "b")
    assert all((base[name] == value).all() for name, value in before.items())
    delta = read_delta(tmp_path / "a")
    assert set(delta.layers) == {"encode", "narrow", "spread"} and not delta.whole
    assert all(np.linalg.matrix_rank(change) <= 32 for change in delta.layers.values())
    on = train_adapter(base, tmp_path / "a", COUNTS[:100], tmp_path / "c", 6, 0.25)
    assert on[0] < losses[0] and folder_key(tmp_path / "c") != folder_key(tmp_path / "a")


def test_what_torch_trained_is_what_numpy_merges(base: dict[str, np.ndarray], tmp_path: Path) -> None:
    from peft import PeftModel

    train_adapter(base, None, COUNTS[:100], tmp_path, 5, 0.25)
    network = _network(COUNTS.shape[1])
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in base.items()})
    counts = COUNTS[:5].toarray().astype(float)
    tuned = PeftModel.from_pretrained(network, str(tmp_path))
    told = torch.softmax(tuned(torch.from_numpy(log_rescaled(counts).astype(np.float32))), dim=1)
    assert shares_of(merged(base, read_delta(tmp_path)), counts) == pytest.approx(told.detach().numpy(), abs=1e-6)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> DenoisingBackend:
    return DenoisingBackend(sample(), shelf=Shelf(tmp_path_factory.mktemp("networks")))


class TestDenoisingBackendWithNetwork(BackendContract):
    @pytest.fixture
    def backend(self, opened: DenoisingBackend) -> DenoisingBackend:
        return opened

    @pytest.fixture
    def session(self, backend: DenoisingBackend) -> DenoisingSession:
        return backend.open(backend.tasks(Split.REWARD)[0])

    @pytest.fixture
    def settings(self, backend: DenoisingBackend) -> DecisionSettings:
        return DecisionSettings(dict.fromkeys(backend.grammar.rules, 0.0))

    def test_an_adapter_is_worth_more_than_the_base_on_every_split(
        self, backend: DenoisingBackend, tmp_path: Path
    ) -> None:
        assert backend.agent is not None
        (tmp_path / "a").mkdir()
        fitted = backend.agent.fit("", None, tmp_path / "a", 1, 1.0)
        key = backend.agent.shelf.put(tmp_path / "a")
        assert "thinnings of 192 cells" in fitted.said
        for split in (Split.GATE, Split.DEVELOPMENT):
            session = backend.open(backend.tasks(split)[0])
            verdict = session.judge(Candidate(f"weigh network = 1\nnetwork = {key}\n"), 1)
            assert session.reward(verdict) > 1.1, verdict.feedback

    def test_a_network_sees_no_cell_of_another_split(self, backend: DenoisingBackend) -> None:
        assert backend.agent is not None
        training = {row.tobytes() for row in backend.agent._counts.toarray()}
        others = [
            row.tobytes() for split in Split if split is not Split.TRAINING for task in backend.tasks(split)
            for row in backend.open(task).counts["reward"].toarray()
        ]  # fmt: skip
        assert others and training.isdisjoint(others)


def test_a_base_is_trained_on_a_source_by_the_names_of_genes(tmp_path: Path) -> None:
    source = sample(kinds=OTHER_KINDS)
    own = sample()
    assert own.genes is not None and source.genes is not None and own.key != source.key
    aligned = by_genes(source, own.genes)
    assert aligned.shape == (source.counts.shape[0], own.counts.shape[1])
    shared = [name for name in own.genes if name in source.genes]
    for name in (shared[0], shared[-1]):
        column = aligned[:, own.genes.index(name)].toarray()
        assert (column == source.counts[:, source.genes.index(name)].toarray()).all()
    missing = [number for number, name in enumerate(own.genes) if name not in source.genes]
    assert missing and aligned[:, missing].nnz == 0
    plain, taught = (DenoisingBackend(own, shelf=Shelf(tmp_path), source=each) for each in (None, source))
    assert plain.version != taught.version and "trained on: a sample" in taught.introduction[-1]
    assert plain.agent is not None and taught.agent is not None
    bases = [each.agent.networks.base()["encode.weight"] for each in (plain, taught)]
    assert bases[0].shape == bases[1].shape and (bases[0] != bases[1]).any()


def test_a_source_without_names_or_with_other_genes_is_bad_input() -> None:
    own, source = sample(), sample(kinds=OTHER_KINDS)
    with pytest.raises(BadInput, match="genes are matched by their names"):
        by_genes(replace(source, genes=None), own.genes)
    with pytest.raises(BadInput, match="names 0 of 1,199 genes"):
        by_genes(replace(source, genes=tuple(f"x{name}" for name in source.genes or ())), own.genes)


def test_a_base_is_trained_on_no_cell_that_is_judged_by(tmp_path: Path) -> None:
    own, other = sample(), sample(kinds=OTHER_KINDS)
    assert own.genes is not None
    aligned = by_genes(other, own.genes)
    both = sparse.vstack([own.counts[:300], aligned], format="csr")
    assert (apart_from(both, own.counts, "both").toarray() == aligned.toarray()).all()
    mixed = replace(own, counts=both, key=other.key, name="mixed")
    assert "; 300 cells that our data has, too, left out" in " ".join(
        DenoisingBackend(own, shelf=Shelf(tmp_path), source=mixed).introduction
    )
    with pytest.raises(BadInput, match="480 of the 480 cells of sample are cells of --data, too"):
        DenoisingBackend(own, shelf=Shelf(tmp_path), source=own)


def test_weights_that_overflow_are_the_candidate_s_fault(base: dict[str, np.ndarray]) -> None:
    huge = {name: np.sign(value) * np.float32(1e38) for name, value in base.items()}
    with pytest.raises(Unsound, match="not finite"):
        shares_of(huge, COUNTS[:5].toarray().astype(float))
