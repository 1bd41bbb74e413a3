"""The reference line of the domain legal (LinearSVC on character 1-2-grams) on a set of cases, cross-validated.

    python benchmarks/legal_reference.py train.csv [--folds 5] [--curve 1,3,5,10,20] [--record]
    python benchmarks/legal_reference.py train.csv --candidates 10 [--asked-folds 2] [--choose MODEL --base-url URL]

Folds are stratified by charge, and cases that are alike (kernelevo/backends/legal/alike.py) are in one fold. Beside
the reference stand pipelines of the embedded agent that read whole texts: its start, single read-outs of the network's
base, its own head when an adapter was trained, five of them, and votes of these, with their paired differences from
the reference.
`--curve` tells the reference at most so many cases of each charge. The interval of an accuracy is Wilson's over all
cases, each asked once. The cases are a file of the user's: sia-agent's train.csv has 5,332 of 191 charges. --record
writes benchmarks/results/legal_reference.json. The second form measures how often the right charge is among so many of
a pipeline's, and what a language model makes of them (legal_choice.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold

HERE = Path(__file__).parent
RESULT = HERE / "results" / "legal_reference.json"
sys.path.insert(0, str(HERE.parent))

import legal_choice  # noqa: E402 it imports the package, and the checkout comes first

from kernelevo.backends.legal.alike import alike  # noqa: E402
from kernelevo.backends.legal.asking import pipeline_tells  # noqa: E402
from kernelevo.backends.legal.data import Cases, read_cases  # noqa: E402
from kernelevo.backends.legal.paired import paired  # noqa: E402
from kernelevo.backends.legal.pipeline import SPACE  # noqa: E402
from kernelevo.backends.legal.reference import NAME, reference_told  # noqa: E402
from kernelevo.backends.pipelines import Pipeline  # noqa: E402
from kernelevo.errors import BadInput  # noqa: E402
from kernelevo.statistics import share_interval  # noqa: E402

Array = np.ndarray
Tell = Callable[[Sequence[str], Array, Sequence[str], int], Array]
WHOLE = {"begin": 3000, "end": 400}
PIPELINES: Mapping[str, tuple[Pipeline, int]] = {
    "start of the pipelines": (SPACE.pipeline(), 0),
    "centroids, base": (SPACE.pipeline({"centroid": 1}, **WHOLE), 0),
    "least squares, base": (SPACE.pipeline({"fitted": 1}, ridge=300, **WHOLE), 0),
    "own head, trained": (SPACE.pipeline({"trained": 1}, **WHOLE), 1),
    "own head, five trained": (SPACE.pipeline({"trained": 1}, **WHOLE), 5),
    "votes, trained": (SPACE.pipeline({"trained": 2, "fitted": 1, "centroid": 1}, ridge=300, **WHOLE), 1),
}
"""With how many networks are trained by the told cases first; their votes are averaged."""


def main() -> int:
    asked = arguments()
    try:
        return measure(asked)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def measure(asked: argparse.Namespace) -> int:
    cases, choice = read_cases(asked.cases), legal_choice.request(asked)
    groups = alike(cases.facts)
    folds = list(split(cases.facts, cases.labels, groups, asked.folds, asked.seed))
    if choice is not None or asked.candidates is not None:
        found = legal_choice.measured(cases, folds, PIPELINES[asked.who], choice, asked)
        print(json.dumps(found, ensure_ascii=False, indent=1))
        if asked.record:
            legal_choice.record(found)
        return 0
    ways: dict[str, Tell] = {NAME: lambda known, labels, others, charges: reference_told(known, labels, others)}
    ways |= {name: agent_tells(cases, *chosen) for name, chosen in PIPELINES.items()}
    ways |= {f"{NAME}, at most {most} of each charge": curve_tells(most) for most in asked.curve}
    told = {name: cross_validated(tell, cases.facts, cases.labels, folds, name) for name, tell in ways.items()}
    rows = {name: scores(cases.labels, each, folds) for name, each in told.items()}
    for name in PIPELINES:
        rows[name]["less the reference"] = asdict(paired(told[name] == cases.labels, told[NAME] == cases.labels))
    found = {
        "command": "python benchmarks/legal_reference.py train.csv --record", "cases": cases.name,
        "sha256": cases.key, "count": len(cases.facts), "charges": len(cases.charges), "folds": asked.folds,
        "seed": asked.seed, "groups of alike cases": int((np.bincount(groups) > 1).sum()),
        "cases in them": int(np.bincount(groups)[np.bincount(groups) > 1].sum()), "rows": rows,
    }  # fmt: skip
    print(json.dumps(found, ensure_ascii=False, indent=1))
    if asked.record:
        RESULT.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


def split(facts: Sequence[str], labels: Array, groups: Array, folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Places that are told and asked, fold by fold."""
    with warnings.catch_warnings():
        # A charge with fewer cases than folds is asked where it was never told: that is meant, and counts as wrong.
        warnings.filterwarnings("ignore", message="The least populated class")
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(facts, labels, groups)


def agent_tells(cases: Cases, pipeline: Pipeline, networks: int) -> Tell:
    asked = pipeline_tells(pipeline, networks)

    def tell(known: Sequence[str], labels: Array, others: Sequence[str], charges: int) -> Array:
        told = replace(cases, facts=tuple(known), labels=labels)
        return np.asarray(asked(told, others).argmax(axis=1))

    return tell


def curve_tells(most: int) -> Tell:
    def tell(known: Sequence[str], labels: Array, others: Sequence[str], charges: int) -> Array:
        kept = np.concatenate([np.flatnonzero(labels == charge)[:most] for charge in range(charges)])
        return reference_told([known[place] for place in kept], labels[kept], others)

    return tell


def cross_validated(
    tell: Tell, facts: Sequence[str], labels: Array, folds: Sequence[tuple[Array, Array]], name: str
) -> Array:
    """int[cases]: what was said of each when it was asked for."""
    told = np.full(len(labels), -1)
    for number, (known, others) in enumerate(folds, 1):
        began = time.monotonic()
        texts = [[facts[place] for place in places] for places in (known, others)]
        told[others] = tell(texts[0], labels[known], texts[1], int(labels.max()) + 1)
        right = (told[others] == labels[others]).mean()
        print(f"{name}: fold {number}, {right:.4f}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return told


def scores(wanted: Array, told: Array, folds: Sequence[tuple[Array, Array]]) -> dict[str, Any]:
    low, high = share_interval(int((wanted == told).sum()), len(wanted))
    return {
        "accuracy": round(float(accuracy_score(wanted, told)), 4), "interval": [round(low, 4), round(high, 4)],
        "by fold": [round(float((wanted[others] == told[others]).mean()), 4) for _, others in folds],
        "macro-F1": round(float(f1_score(wanted, told, average="macro", zero_division=0.0)), 4),
        "mean accuracy of charges": round(float(balanced_accuracy_score(wanted, told)), 4),
    }  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cross-validate the reference line of the domain legal.")
    parser.add_argument("cases", type=Path, help="file of cases, as --data of the domain legal takes it")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", type=lambda text: [int(each) for each in text.split(",")], default=[1, 3, 5, 10, 20])
    record = f"write {RESULT.name}, or {legal_choice.RESULT.name}"
    parser.add_argument("--record", action="store_true", help=record)
    legal_choice.add_options(parser, list(PIPELINES))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
