"""The audit's second tissue beside a network: by the genes that both name, of cells that no network is trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from scipy import sparse

from kernelevo.backends.networks import Shelf
from kernelevo.backends.scrna import network as networks
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import OTHER_KINDS, SECOND_KINDS, Dataset, sample, second_dataset
from kernelevo.backends.scrna.session import DenoisingSession
from kernelevo.backends.scrna.tissues import Trained, matched, second_tissue, trained_on
from kernelevo.errors import BadInput
from kernelevo.joining_backends import open_backend
from kernelevo.joining_loop import LoopRequest, loop_record, require_as_begun
from kernelevo.learning import Split
from kernelevo.settings import Settings
from kernelevo.types import Candidate

OWN, SECOND, SOURCE = sample(), sample(kinds=SECOND_KINDS), sample(kinds=OTHER_KINDS)
ALONE = Candidate("weigh network = 1\n")


def found(second: Dataset, trained: Trained | None = None, own: Dataset = OWN) -> Dataset:
    made, left_out = second_tissue(second, own, trained, networked=True)
    assert made is not None and not left_out, left_out
    return made


def left_out(second: Dataset, own: Dataset = OWN) -> str:
    made, (words,) = second_tissue(second, own, None, networked=True)
    assert made is None and words.startswith("second tissue of the audit: left out; ")
    return words


def test_genes_stand_where_the_network_knows_them_and_what_is_lacking_is_zero() -> None:
    assert OWN.genes is not None and SECOND.genes is not None
    order = np.random.default_rng(0).permutation(len(SECOND.genes))[:900]
    told = replace(SECOND, counts=SECOND.counts[:, order], genes=tuple(SECOND.genes[place] for place in order))
    made = found(told)
    assert made.counts.shape == (SECOND.counts.shape[0], len(OWN.genes)) and made.genes == OWN.genes
    shared = set(told.genes or ()) & set(OWN.genes)
    for place, name in enumerate(OWN.genes):
        wanted = SECOND.counts[:, SECOND.genes.index(name)].toarray().ravel() if name in shared else 0
        assert (made.counts[:, place].toarray().ravel() == wanted).all()
    assert 800 < len(shared) < 901 and f"by {len(shared)} of our 1,199 genes" in made.said
    assert "matched by their names" in made.said and "upper case" not in made.said


def test_names_that_differ_in_case_are_taken_where_exact_ones_are_too_few_and_that_is_said() -> None:
    assert SECOND.genes is not None
    mouse = replace(SECOND, genes=tuple(name.capitalize() for name in SECOND.genes))
    made = found(mouse)
    assert "matched by their names in upper case, as of one gene in two species" in made.said
    assert (made.counts != found(SECOND).counts).nnz == 0


def test_a_name_that_two_genes_have_but_for_case_is_left_out() -> None:
    theirs, ours = ("Cd3e", "CD3E", "Lyz", "Actb", "Nkg7"), ("LYZ", "CD3E", "ACTB", "actb", "NKG7")
    exact, cased = matched(theirs, ours), matched(theirs, ours, by_case=False)
    assert (exact.theirs, exact.ours) == ([1], [1])
    assert (cased.theirs, cased.ours) == ([2, 4], [0, 4])


def test_where_too_little_is_shared_the_part_is_left_out_in_one_sentence() -> None:
    assert SECOND.genes is not None
    others = tuple(f"x{name}" for name in SECOND.genes[400:])
    strange = replace(SECOND, genes=(*SECOND.genes[:400], *others))
    words = left_out(strange)
    assert "names 400 of our 1,199 genes, with " in words and "500 with 50 % are wanted" in words
    heavy = SECOND.counts.tolil()
    heavy[:, -1] = 10_000
    rest = 100 * SECOND.counts[:, :-1].sum() / (10_000 * 480 + SECOND.counts[:, :-1].sum())
    wide = replace(SECOND, counts=sparse.csr_matrix(heavy), genes=(*SECOND.genes[:-1], "another"))
    assert rest < 10 and f"1,196 of our 1,199 genes, with {rest:.1f} % of its molecules" in left_out(wide)
    nameless = replace(SECOND, name="bladder", genes=None)
    assert left_out(nameless).endswith("the genes of bladder have no names to be matched by")
    assert "genes of ours have no names" in left_out(SECOND, replace(OWN, name="ours", genes=None))


def test_without_a_network_it_is_taken_as_it_is() -> None:
    nameless = replace(SECOND, genes=None)
    assert second_tissue(nameless, OWN, None, networked=False) == (nameless, ())
    assert second_tissue(None, OWN, None, networked=True) == (None, ())


def test_cells_that_the_network_is_trained_on_are_no_second_tissue() -> None:
    trained = trained_on(SOURCE, OWN)
    for other, name in ((OWN, "--data"), (SOURCE, "KERNELEVO_SCRNA_SOURCE")):
        with pytest.raises(BadInput, match=f"KERNELEVO_SCRNA_SECOND: sample is what {name} names, too"):
            second_tissue(other, OWN, trained, networked=True)
        disguised = replace(other, key=SECOND.key, counts=other.counts[::-1])
        with pytest.raises(BadInput, match=f"SCRNA_SECOND: 480 of the 480 cells of sample are cells of {name}"):
            second_tissue(disguised, OWN, trained, networked=True)
    aligned = found(SECOND)
    ours, theirs = (each[:40] for each in (OWN.counts, trained.counts))
    mixed = replace(SECOND, counts=sparse.vstack([ours, theirs, aligned.counts], format="csr"), genes=OWN.genes)
    made = found(mixed, trained)
    assert (made.counts != aligned.counts).nnz == 0 and "80 cells that the network may know left out" in made.said
    with pytest.raises(BadInput, match="is what --data names"):
        second_tissue(OWN, OWN, None, networked=False)


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DenoisingBackend:
    """Its network knows the means of our genes, and nothing else."""
    mean = np.asarray(OWN.counts.sum(axis=0), dtype=np.float64).ravel() + 0.5
    known = {"spread.bias": np.log(mean).astype(np.float32), "spread.weight": np.zeros((len(mean), 1), np.float32)}
    for name, shape in (("encode", (1, len(mean))), ("narrow", (1, 1))):
        known |= {f"{name}.weight": np.zeros(shape, np.float32), f"{name}.bias": np.zeros(1, np.float32)}
    monkeypatch.setattr("kernelevo.backends.scrna.backend.train_base", lambda counts, seed: known)
    return DenoisingBackend(OWN, second=SECOND, shelf=Shelf(tmp_path), source=SOURCE)


def first(backend: DenoisingBackend) -> DenoisingSession:
    return backend.open(backend.tasks(Split.REWARD)[0])


def test_a_pipeline_with_a_network_is_judged_on_the_second_tissue_too(
    backend: DenoisingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []

    def watched(network: dict[str, np.ndarray], counts: np.ndarray) -> np.ndarray:
        shown.append(counts)
        return networks.shares_of(network, counts)

    monkeypatch.setattr("kernelevo.backends.scrna.backend.shares_of", watched)
    session = first(backend)
    figures = session.figures(session.audit(ALONE, 3))
    assert -1 <= figures["second_tissue"] < figures["held_out"], "means of the first tissue are those of the first"
    own, second = shown
    assert own.shape[1] == second.shape[1] == OWN.counts.shape[1]
    cells = backend._second.block(Split.REWARD, 0).toarray() if backend._second else np.zeros((0, 0))
    assert second.shape == cells.shape and (second <= cells).all() and 0.85 < second.sum() / cells.sum() < 0.95


def test_what_suits_our_cells_alone_is_worth_less_by_the_audit(backend: DenoisingBackend) -> None:
    """Both tissues count alike: the loss is as far from that of our cells alone as the second tissue says."""
    plain = DenoisingBackend(OWN, shelf=backend.agent.shelf if backend.agent else None, source=SOURCE)
    with_second, without = first(backend), first(plain)
    one, other = with_second.audit(ALONE, 3), without.audit(ALONE, 3)
    figures = with_second.figures(one)
    assert "second_tissue" not in without.figures(other) and plain.version != backend.version
    assert one.score is not None and other.score is not None
    more = (figures["held_out"] - figures["second_tissue"]) / 2
    assert more > 0.01 and one.score.value - other.score.value == pytest.approx(more, abs=1e-3)
    assert with_second.judge(ALONE, 3).score == without.judge(ALONE, 3).score, "the reward is the same"


def test_the_sample_has_one_by_default_whether_there_is_a_network_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (second := second_dataset(None, None)) is not None and second.key not in (OWN.key, SOURCE.key)
    settings = Settings(tmp_path / "runs", tmp_path / "cache", None, None, True)
    for networked in (True, False):
        monkeypatch.setattr("kernelevo.joining_backends.brings_agent", lambda name, there=networked: there)
        opened = open_backend("scrna", settings)
        (said,) = [line for line in opened.introduction if line.startswith("second tissue of the audit: ")]
        assert ("of our 1,199 genes" in said) is networked and "left out;" not in said
        session = opened.open(opened.tasks(Split.GATE)[0])
        assert session.figures(session.audit(Candidate("weigh low_rank = 1\n"), 1))["second_tissue"] > 0.1


def test_files_beside_the_data_are_named(tmp_path: Path) -> None:
    second, source = replace(SECOND, file="bladder.h5ad"), replace(SOURCE, file="others.h5ad")
    made = DenoisingBackend(OWN, second=second, shelf=Shelf(tmp_path), source=source)
    assert made.files == {"KERNELEVO_SCRNA_SECOND": "bladder.h5ad", "KERNELEVO_SCRNA_SOURCE": "others.h5ad"}
    assert DenoisingBackend(OWN).files == {}


def test_a_record_names_the_files_and_who_goes_on_with_others_is_told_them(tmp_path: Path) -> None:
    begun = DenoisingBackend(OWN, second=replace(SECOND, file="bladder.h5ad"), shelf=Shelf(tmp_path))
    record = loop_record("run", "run scrna", LoopRequest("scrna"), begun)
    assert record.settings["files"] == {"KERNELEVO_SCRNA_SECOND": "bladder.h5ad"}
    require_as_begun(record, begun)
    with pytest.raises(BadInput, match=r"began with KERNELEVO_SCRNA_SECOND=bladder\.h5ad\): name the same again"):
        require_as_begun(record, DenoisingBackend(OWN, shelf=Shelf(tmp_path)))
    assert "files" not in loop_record("run", "run scrna", LoopRequest("scrna"), DenoisingBackend(OWN)).settings
