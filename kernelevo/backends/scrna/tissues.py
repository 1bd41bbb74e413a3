"""The second tissue of the audit, by the genes that a network knows.

A network has one place for each gene of the data. Beside one, another tissue is judged by the genes that both name: by
the same names, or, where these are too few, by names that differ in case alone, as those of human and mouse genes do
(CD3E, Cd3e). Where too little is shared the part is left out, and that is said. No cell of it is one that the network
was trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kernelevo.backends.scrna.data import SECOND, SOURCE, Dataset, apart_from, by_genes, placed
from kernelevo.backends.scrna.thinning import Counts, without_empty_cells
from kernelevo.counting import counted
from kernelevo.errors import BadInput

LEAST_GENES, LEAST_OF_OURS = 500, 0.5
"""Genes that have to be shared: so many, or this share of ours, where that is less."""
LEAST_MOLECULES = 0.5
"""Of the second tissue's, those of genes that are shared."""
SAID = "second tissue of the audit"


@dataclass(frozen=True)
class Trained:
    """Cells by our genes that a network's base is trained on, and the dataset that they are of."""

    dataset: Dataset
    counts: Counts


@dataclass(frozen=True)
class Shared:
    """Places of shared genes in the second tissue, and in ours; `how` says by what they were matched."""

    theirs: Sequence[int]
    ours: Sequence[int]
    how: str


def trained_on(source: Dataset, own: Dataset) -> Trained:
    """The source's cells without those that our data has, too. Raises BadInput as `by_genes` and `apart_from`."""
    return Trained(source, apart_from(by_genes(source, own.genes), own.counts, source.name))


def second_tissue(
    second: Dataset | None, own: Dataset, trained: Trained | None, networked: bool
) -> tuple[Dataset | None, tuple[str, ...]]:
    """What the audit judges by beside our data, in the genes of our data where there is a network; None where there is
    nothing, and a sentence that says why where something was given. Raises BadInput for cells that are ours or, with a
    network, those that it is trained on.
    """
    if second is None:
        return None, ()
    _require_another(second, own, "--data")
    if not networked:
        return second, ()
    if trained is not None:
        _require_another(second, trained.dataset, SOURCE)
    if own.genes is None or second.genes is None:
        nameless = second if second.genes is None else own
        return None, (_left_out(second, f"the genes of {nameless.name} have no names to be matched by"),)
    wanted = min(LEAST_GENES, round(LEAST_OF_OURS * len(own.genes)))
    tried = [matched(second.genes, own.genes), matched(second.genes, own.genes, by_case=False)]
    shared = next((each for each in tried if _enough(second, each, wanted)), None)
    if shared is None:
        found = _share_words(second, own, tried[-1])
        return None, (_left_out(second, f"{second.name} names {found}, where {wanted:,} with 50 % are wanted"),)
    return _by_our_genes(second, own, trained, shared), ()


def _by_our_genes(second: Dataset, own: Dataset, trained: Trained | None, shared: Shared) -> Dataset:
    """0 of the genes that it does not name; without cells that the network is trained on."""
    aligned = without_empty_cells(placed(second.counts, shared.theirs, shared.ours, own.counts.shape[1]))
    kept = apart_from(aligned, own.counts, second.name, SECOND)
    if trained is not None:
        kept = apart_from(kept, trained.counts, second.name, SECOND, SOURCE)
    same = aligned.shape[0] - kept.shape[0]
    left = f"; {counted(same, 'cell')} that the network may know left out" if same else ""
    said = f"{second.said}; by {_share_words(second, own, shared)}, matched by {shared.how}{left}"
    return replace(second, counts=kept, genes=own.genes, said=said)


def _require_another(second: Dataset, other: Dataset, name: str) -> None:
    """`name` says how the other one is given."""
    if second.key == other.key:
        raise BadInput(f"{SECOND}: {second.name} is what {name} names, too; give cells of another tissue")


def matched(theirs: Sequence[str], ours: Sequence[str], by_case: bool = True) -> Shared:
    """Genes that both name. Without `by_case` a name that several genes of one side have is left out."""
    if by_case:
        how, one, other = "their names", _places(theirs), _places(ours)
    else:
        how = "their names in upper case, as of one gene in two species"
        one, other = (_places([name.upper() for name in names]) for names in (theirs, ours))
    names = [name for name in other if name in one]
    return Shared([one[name] for name in names], [other[name] for name in names], how)


def _places(names: Sequence[str]) -> Mapping[str, int]:
    often = Counter(names)
    return {name: place for place, name in enumerate(names) if often[name] == 1}


def _enough(second: Dataset, shared: Shared, wanted: int) -> bool:
    return len(shared.ours) >= wanted and _molecules(second, shared) >= LEAST_MOLECULES


def _molecules(second: Dataset, shared: Shared) -> float:
    """The share of the second tissue's molecules that genes have which are shared."""
    return float(second.counts[:, list(shared.theirs)].sum()) / float(second.counts.sum())


def _share_words(second: Dataset, own: Dataset, shared: Shared) -> str:
    molecules = 100 * _molecules(second, shared)
    return f"{len(shared.ours):,} of our {len(own.genes or ()):,} genes, with {molecules:.1f} % of its molecules"


def _left_out(second: Dataset, why: str) -> str:
    return f"{SAID}: left out; the network knows the genes of our data alone, and {why}"
