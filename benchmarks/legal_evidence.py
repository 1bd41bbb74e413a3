"""What fusion, calibration, descriptions of charges, settling and further texts are worth in the domain legal.

    python benchmarks/legal_evidence.py train.csv --texts 3-3.json [--record]

Cross-validated as in legal_reference.py, on the cases that the backend does not keep for the sealed split. Each setting
stands beside the same pipeline without it, on the same cases and with the same network: the base, or an adapter that is
trained by the told cases. `--texts` (as KERNELEVO_LEGAL_TEXTS) are texts without labels, of which another base is made
and another adapter trained; without them these rows are left out. `rare` is the accuracy on charges of which at most
RARE cases are told. --record writes benchmarks/results/legal_evidence.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULT = HERE / "results" / "legal_evidence.json"
sys.path.insert(0, str(HERE.parent))

from legal_reference import WHOLE, split  # noqa: E402 it imports the package, and the checkout comes first
from threadpoolctl import threadpool_limits  # noqa: E402

from kernelevo.backends.agents import merged  # noqa: E402
from kernelevo.backends.legal.alike import alike  # noqa: E402
from kernelevo.backends.legal.backend import dealt  # noqa: E402
from kernelevo.backends.legal.data import Cases, open_cases  # noqa: E402
from kernelevo.backends.legal.evidence import NOTHING, Evidence, open_evidence  # noqa: E402
from kernelevo.backends.legal.network import Reader, encoded, make_base, train_adapter  # noqa: E402
from kernelevo.backends.legal.paired import paired  # noqa: E402
from kernelevo.backends.legal.pipeline import SPACE, classify, windowed  # noqa: E402
from kernelevo.backends.legal.scoring import report  # noqa: E402
from kernelevo.backends.networks import read_delta  # noqa: E402
from kernelevo.backends.pipelines import Pipeline  # noqa: E402
from kernelevo.errors import BadInput  # noqa: E402
from kernelevo.learning import Split  # noqa: E402

Array = np.ndarray
USUAL: Mapping[str, Any] = {**WHOLE, "ridge": 300}
RARE = 10
AS_CASES = 2
"""As how many told cases a description counts here."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "fusion by product": {"fusion": "product"}, "descriptions as cases": {"descriptions": AS_CASES},
    "settled": {"settle": "on"}, "descriptions as cases, settled": {"descriptions": AS_CASES, "settle": "on"},
    "calibrated": {"calibration": "on"},
}  # fmt: skip
PIPELINES: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "centroids, base": ("base", {"centroid": 1}),
    "centroids and least squares, base": ("base", {"centroid": 2, "fitted": 1}),
    "own head, trained": ("adapter", {"trained": 1}),
    "votes, trained": ("adapter", {"trained": 2, "fitted": 1, "centroid": 1}),
}
"""Which network, and the weights of the read-outs."""


@dataclass(frozen=True)
class Made:
    """What one network makes of the told cases, of those that are asked for and of descriptions."""

    network: Mapping[str, Array]
    known: Array
    asked: Array
    described: Array


def main() -> int:
    asked = arguments()
    threadpool_limits(limits=1)
    try:
        cases, evidence = development(open_cases(asked.cases)), open_evidence(None, asked.texts)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    found = {
        "command": "python benchmarks/legal_evidence.py train.csv --texts 3-3.json --record", "cases": cases.name,
        "sha256": cases.key, "count": len(cases.facts), "folds": asked.folds, "seed": asked.seed,
        "texts": dict(evidence.keys), "descriptions count as cases": AS_CASES, "rare": f"told {RARE} times at most",
        "pipelines": measured(cases, evidence, asked.folds, asked.seed),
    }  # fmt: skip
    print(json.dumps(found, ensure_ascii=False, indent=1))
    if asked.record:
        RESULT.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


def development(cases: Cases) -> Cases:
    """Without those of the sealed split."""
    sealed = set(dealt(cases, alike(cases.facts))[Split.SEALED])
    kept = [place for place in range(len(cases.facts)) if place not in sealed]
    labels = cases.labels[kept].astype(np.int64)
    return replace(cases, facts=tuple(cases.facts[place] for place in kept), labels=labels)


def measured(cases: Cases, evidence: Evidence, folds: int, seed: int) -> dict[str, Any]:
    """By pipeline, and in it by what is changed."""
    votes: dict[tuple[str, str], Array] = {}
    rare = np.zeros(len(cases.facts), dtype=bool)
    places = split(cases.facts, cases.labels, alike(cases.facts), folds, seed)
    for number, (known, asked) in enumerate(places, 1):
        began = time.monotonic()
        rare[asked] = np.bincount(cases.labels[known], minlength=len(cases.charges))[cases.labels[asked]] <= RARE
        for row, told in fold(cases, evidence, known, asked).items():
            votes.setdefault(row, np.zeros((len(cases.facts), len(cases.charges))))[asked] = told
        print(f"fold {number}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    found: dict[str, Any] = {name: {} for name in PIPELINES}
    for (name, change), told in votes.items():
        right, before = (each.argmax(axis=1) == cases.labels for each in (told, votes[name, "as it is"]))
        row = {
            "accuracy": round(float(right.mean()), 4),
            "rare": {"cases": int(rare.sum()), "accuracy": round(float(right[rare].mean()), 4)},
            "calibration": round(report(cases.labels, told).calibration, 4),
        }  # fmt: skip
        found[name][change] = row if change == "as it is" else {**row, "more": asdict(paired(right, before))}
    return found


def fold(cases: Cases, evidence: Evidence, known: Array, asked: Array) -> dict[tuple[str, str], Array]:
    """float[asked, charges] by pipeline and change."""
    labels, whole = cases.labels[known], SPACE.pipeline({"trained": 1}, **WHOLE)
    texts = [[windowed(cases.facts[place], whole) for place in places] for places in (known, asked)]
    facts = [cases.facts[place] for place in known]
    made = networks(NOTHING, facts, texts, labels, cases.charges)
    if evidence.texts:
        beside = networks(evidence, facts, texts, labels, cases.charges)
        made |= {f"{kind}, further texts": each for kind, each in beside.items()}
    found: dict[tuple[str, str], Array] = {}
    for name, (kind, weights) in PIPELINES.items():
        heavier = {part: 4 * weight // max(weights.values()) for part, weight in weights.items()}
        asks = {"as it is": (made[kind], SPACE.pipeline(weights, **USUAL))}
        asks["described votes, too"] = (made[kind], SPACE.pipeline({**heavier, "described": 1}, **USUAL))
        asks |= {change: (made[kind], SPACE.pipeline(weights, **USUAL, **more)) for change, more in SETTINGS.items()}
        if len(weights) == 1:
            del asks["fusion by product"]  # nothing is fused
        if evidence.texts:
            asks["base of further texts"] = (made[f"{kind}, further texts"], asks["as it is"][1])
        found |= {(name, change): told_by(each, labels, pipeline) for change, (each, pipeline) in asks.items()}
    return found


def told_by(made: Made, labels: Array, pipeline: Pipeline) -> Array:
    return classify(made.known, labels, made.asked, made.described, pipeline, made.network)


def networks(
    evidence: Evidence, facts: Sequence[str], texts: Sequence[Sequence[str]], labels: Array, charges: Sequence[str]
) -> dict[str, Made]:
    """The base that is made of these facts and of the evidence's texts, and an adapter on it."""
    reader = Reader(evidence.beside(facts))
    base = make_base(reader, 0)
    names = reader.rows(evidence.descriptions(charges))
    rows = [reader.rows(each) for each in texts]
    with TemporaryDirectory() as place:
        train_adapter(base, None, rows[0], labels, len(charges), Path(place), 0, 1.0)
        adapted = merged(base, read_delta(Path(place)))
    each_of = {"base": base, "adapter": adapted}
    return {
        kind: Made(network, *(encoded(network, each) for each in (*rows, names))) for kind, network in each_of.items()
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what each kind of evidence is worth in the domain legal.")
    parser.add_argument("cases", type=Path, help="file of cases, as --data of the domain legal takes it")
    parser.add_argument("--texts", type=Path, help="texts without labels, as KERNELEVO_LEGAL_TEXTS names them")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
