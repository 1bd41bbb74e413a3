"""The backend legal: groups of one set of cases are tasks.

Cases are dealt to the splits charge by charge; those that are alike (alike.py) stay together. The charges of the
training split's cases are told to every task: its own cases are asked for. Tasks that policies are compared on have a
twin of other cases of the same split, on which what was found best is judged anew.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from kernelevo.backends.agents import Networks, PipelineAgent, note_base
from kernelevo.backends.legal.alike import alike, apart
from kernelevo.backends.legal.data import Cases
from kernelevo.backends.legal.evidence import NOTHING, Evidence
from kernelevo.backends.legal.network import Reader, make_base, train_adapter
from kernelevo.backends.legal.pipeline import SPACE, windowed
from kernelevo.backends.legal.reference import NAME
from kernelevo.backends.legal.session import FACTS, FORM, ChargeSession, Encoder, Told
from kernelevo.backends.networks import Shelf
from kernelevo.backends.pipelines import PipelineBackend
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.interfaces import ProgramRunner
from kernelevo.learning import Split
from kernelevo.learning_interfaces import Fitted

SHARES: Mapping[Split, float] = {
    Split.TRAINING: 0.4, Split.REWARD: 0.15, Split.GATE: 0.15, Split.DEVELOPMENT: 0.15, Split.SEALED: 0.15,
}  # fmt: skip
"""Of each charge's cases."""
GROUPS = tuple(f"cases-{number}" for number in range(3))
TWIN = "-anew"
TWINNED = (Split.DEVELOPMENT, Split.SEALED)
LEAST_CASES = 8
"""Of a task."""
EVALUATOR = "7"
"""Changes whenever the same classifier may score otherwise."""
NETWORK_VERSION = 1
"""Changes whenever the base of the same data may be another."""
BASE_SEED = 20261130


class ChargeBackend(PipelineBackend):
    """`device` is the set of cases; `trains` says whether the network's adapter can be trained here, and `evidence` is
    what is known beside the cases.
    """

    name = "legal"
    facts, form = FACTS, FORM

    def __init__(
        self, cases: Cases, shelf: Shelf | None = None, trains: bool = False, programs: ProgramRunner | None = None,
        evidence: Evidence = NOTHING,
    ) -> None:  # fmt: skip
        # Sums hang on the number of threads; limits that each worker sets and takes back for itself are all workers'.
        threadpool_limits(limits=1)
        ran_by = "" if programs is None else programs.version
        parts = (f"{EVALUATOR}.{NETWORK_VERSION}", cases.key, evidence.key, ran_by)
        version = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
        super().__init__(f"legal:{cases.name}", version, SPACE, GROUPS)
        self.data, self.files = f"{cases.key} {evidence.key}".strip(), dict(evidence.files)
        self._cases, self._programs, self._evidence = cases, programs, evidence
        self._alike = _alike(cases.facts)
        self._split = dealt(cases, self._alike)
        for task in self._tasks:
            self._require_enough(task)
        reader = functools.cache(lambda: Reader(evidence.beside(self._told().facts)))
        key = f"legal-{NETWORK_VERSION}-{cases.key[:16]}{evidence.base_key}"
        networks = Networks(shelf, key, lambda: make_base(reader(), BASE_SEED))
        self._encoder = Encoder(reader, networks, evidence.descriptions(cases.charges))
        charges = len(cases.charges)
        told = self._told()
        self.agent = ChargeAgent(shelf, told, charges, networks, reader) if trains and shelf is not None else None

    @property
    def introduction(self) -> tuple[str, ...]:
        """What is known of the cases, and the reference line on the first of the tasks that are learned from."""
        found = self.open(self.tasks(Split.REWARD)[0]).reference()
        return (*self._cases.notes, *self._evidence.of_charges(self._cases.charges), _line_words(found.accuracy))

    def twin(self, task: str) -> str:
        """Other cases of the same split, which no search has seen."""
        return f"{task}{TWIN}" if self._tasks[task][0] in TWINNED else task

    def open(self, task: str) -> ChargeSession:
        known = task.removesuffix(TWIN)
        if known not in self._tasks:
            raise BadInput(f"the backend {self.name} has no task {task!r}; it has {', '.join(self._tasks)}")
        return self.session(task, *self._tasks[known])

    def session(self, task: str, split: Split, group: str) -> ChargeSession:
        places = self._asked(task)
        known = apart(self._split[Split.TRAINING], places, self._alike)
        told = dataclasses.replace(self._of(known), name=f"told to {task}") if split is Split.TRAINING else self._told()
        asked = self._of(places)
        return ChargeSession(
            task, group, self.device, self.grammar, told, asked, self._cases.charges, self._cases.key,
            self._encoder, self._programs,
        )  # fmt: skip

    def close(self) -> None:
        if self._programs is not None:
            self._programs.close()

    def _told(self) -> Told:
        return self._of(self._split[Split.TRAINING])

    def _of(self, places: list[int]) -> Told:
        return Told(tuple(self._cases.facts[place] for place in places), self._cases.labels[places].astype(np.int64))

    def _asked(self, task: str) -> list[int]:
        """Every case of a split is in one task, or in one twin of one; those that are alike in the same."""
        split, group = self._tasks[task.removesuffix(TWIN)]
        parts = 2 if split in TWINNED else 1
        first = parts * GROUPS.index(group) + task.endswith(TWIN)
        alike = np.unique(self._alike[self._split[split]])
        order = np.random.default_rng(int(self._cases.key[:16], 16)).permutation(alike)
        taken = set(order[first :: parts * len(GROUPS)].tolist())
        return [place for place in self._split[split] if int(self._alike[place]) in taken]

    def _require_enough(self, task: str) -> None:
        """Raises BadInput where a task would have too few cases to tell anything."""
        if (few := min(len(self._asked(name)) for name in (task, self.twin(task)))) < LEAST_CASES:
            raise BadInput(
                f"{self._cases.name}: the task {task} would have {counted(few, 'case')} when cases that are alike stay "
                f"together; at least {LEAST_CASES} are needed, so give more different cases"
            )


class ChargeAgent(PipelineAgent):
    """Its network is trained on the cases of the training split: the base without their charges, adapters with them."""

    def __init__(
        self, shelf: Shelf, told: Told, charges: int, networks: Networks, reader: functools._lru_cache_wrapper[Reader]
    ) -> None:
        super().__init__(SPACE, shelf, networks)
        self._told, self._charges, self._reader = told, charges, reader

    def fit(self, text: str, adapter: Path | None, into: Path, seed: int, strength: float) -> Fitted:
        pipeline = self.space.read(text) if text.strip() else self.space.pipeline()
        rows = self._reader().rows([windowed(fact, pipeline) for fact in self._told.facts])
        base, labels = self.networks.base(), self._told.labels
        losses = train_adapter(base, adapter, rows, labels, self._charges, into, seed, strength)
        note_base(into, self.networks.key)
        said = (
            f"the encoder's adapter and head, on {counted(len(labels), 'case')} as the harness reads them: the cross "
            f"entropy went from {losses[0]:.3f} to {losses[-1]:.3f}"
        )
        return Fitted(said, {"losses": losses, "cases": len(labels), "strength": strength})


def _line_words(mean: float) -> str:
    told = f"accuracy {mean:.4f} on the first task learned from"
    return f"reference ({NAME}), told and asked the same as a pipeline without an adapter: {told}"


@functools.lru_cache(maxsize=2)
def _alike(facts: tuple[str, ...]) -> np.ndarray:
    """Found once for all threads, each of which has a backend of its own."""
    return alike(facts)


def dealt(cases: Cases, groups: np.ndarray) -> dict[Split, list[int]]:
    """The places of the cases of each split; the same for the same cases. Of each charge, the cases of a group (int of
    each case, those of one group being alike) go together to the split that lacks most.
    """
    source = np.random.default_rng(int(cases.key[:16], 16))
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    found: dict[Split, list[int]] = {split: [] for split in SHARES}
    counts = {split: np.zeros(len(cases.charges)) for split in SHARES}
    for number in source.permutation(len(members)):
        places = members[number]
        charge = cases.labels[places[0]]
        split = min(SHARES, key=lambda each: (counts[each][charge] + len(places)) / SHARES[each])
        found[split] += places.tolist()
        np.add.at(counts[split], cases.labels[places], 1)
    return {split: sorted(places) for split, places in found.items()}
