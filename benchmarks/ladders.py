"""Published ladders of kernels on real cards, against the time model: orders and ratios, and where they differ.

    python benchmarks/ladders.py [--ladder NAME]... [--json] [--record]

Four ladders (SGEMM, transpose, reduction, softmax) were measured by their authors on real cards; benchmarks/ladders/
holds kernels of our own that take the same steps, and cards.toml the cards that are no virtual GPUs of kernelevo. Each
kernel runs whole on the virtual GPU, is checked against NumPy in float64, and its time is modelled for the author's
card. Nothing was fitted to these ladders. A step is seen if both sides move the same way by more than the model's
comparison band, or neither does. --record writes benchmarks/results/ladders.json and the table of docs/time-model.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kendall import kendall_tau

HERE = Path(__file__).parent
RESULT = HERE / "results" / "ladders.json"
PAGE = HERE.parent / "docs" / "time-model.md"
BEGIN, END = "<!-- ladders: written by python benchmarks/ladders.py --record -->", "<!-- end of ladders -->"
sys.path.insert(0, str(HERE / "ladders"))

from climbing import Climbed, climb  # noqa: E402
from rungs import LADDERS, Ladder  # noqa: E402

from kernelevo.devices import gpus  # noqa: E402


def main() -> int:
    options = _options()
    chosen = [ladder for ladder in LADDERS if not options.ladder or ladder.name in options.ladder]
    results = []
    for ladder in chosen:
        results.append(compare(ladder, climb(ladder)))
        if not options.json:
            print("\n".join(table(results[-1])) + "\n", flush=True)
    record = {
        "how": "modelled",
        "model": gpus.bands().version,
        "band": gpus.bands().comparison_band,
        "ladders": results,
    }
    if options.json:
        print(json.dumps(record))
    if options.record:
        if len(chosen) < len(LADDERS):
            raise SystemExit("--record takes all ladders; leave --ladder out")
        RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")
    return 0


def compare(ladder: Ladder, climbed: Sequence[Climbed]) -> dict[str, Any]:
    """Both orders side by side, each step against the one before."""
    first, rows = climbed[0], []
    for before, step in zip((None, *climbed), climbed, strict=False):
        seen = "" if before is None else sight(before, step)
        rows.append(
            {
                "kernel": step.rung.kernel, "says": step.rung.says, "published": step.rung.published,
                "published_ratio": step.rung.published / first.rung.published, "modelled": step.modelled,
                "modelled_ratio": step.modelled / first.modelled, "us": step.us, "limiter": step.limiter,
                "confidence": step.confidence, "reasons": list(step.reasons), "error": step.error, "seen": seen,
                "why": "" if seen in ("", "yes") else step.rung.why,
            }
        )  # fmt: skip
    published, modelled = [step.rung.published for step in climbed], [step.modelled for step in climbed]
    return {
        "name": ladder.name, "source": ladder.source, "measured_on": ladder.measured_on, "card": ladder.card,
        "unit": ladder.unit, "size": ladder.size, "kendall_tau": kendall_tau(published, modelled), "rungs": rows,
    }  # fmt: skip


def sight(before: Climbed, step: Climbed) -> str:
    """How the model sees the published step: `yes` (faster, slower, or within the band on both sides), `too small` (in
    the model it is within the band), `too large` (as published it is), or `no` (the other way round).
    """
    published = direction(before.rung.published, step.rung.published)
    modelled = direction(before.modelled, step.modelled)
    if published == modelled:
        return "yes"
    other_way = (step.rung.published > before.rung.published) != (step.modelled >= before.modelled)
    return "no" if other_way else "too small" if modelled == 0 else "too large"


def direction(before: float, after: float) -> int:
    """1 faster, -1 slower, 0 not distinguishable."""
    band = gpus.bands().comparison_band
    return 1 if after > before * (1 + band) else -1 if before > after * (1 + band) else 0


def table(result: dict[str, Any]) -> list[str]:
    """One ladder as Markdown."""
    lines = [
        f"**{result['name']}**: published by {result['source']}, measured on {result['measured_on']}; modelled on "
        f"`{result['card']}`, {result['size']}. Kendall tau {result['kendall_tau']:.2f}.",
        "",
        f"| step | published {result['unit']} | times the first | modelled {result['unit']} | times the first "
        "| bound by | confidence | step seen |",
        "|---|---:|---:|---:|---:|---|---|---|",
    ]
    for row in result["rungs"]:
        seen = row["seen"] if row["seen"] in ("", "yes") else f"**{row['seen']}**"
        lines.append(
            f"| {row['says']} | {row['published']:,.4g} | {row['published_ratio']:.1f} | {row['modelled']:,.4g} "
            f"| {row['modelled_ratio']:.1f} | {row['limiter']} | {row['confidence']} | {seen} |"
        )
    missed = [row for row in result["rungs"] if row["seen"] not in ("", "yes")]
    reasons = [f"* {row['says']} ({row['seen']}): {row['why'] or 'not explained yet'}." for row in missed]
    return [*lines, *(["", *reasons] if reasons else [])]


def with_table(page: str, record: dict[str, Any]) -> str:
    """The page with all ladders between its two markers; raises SystemExit if they are not there."""
    head, found, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{PAGE} lacks the markers {BEGIN} and {END}")
    steps = [row["seen"] for result in record["ladders"] for row in result["rungs"] if row["seen"]]
    ways = ", ".join(f"{steps.count(way)} {way}" for way in ("yes", "too small", "too large", "no"))
    summary = f"Of {len(steps)} steps the model sees, at a band of {record['band']:.0%}: {ways}."
    text = "\n\n".join("\n".join(table(result)) for result in record["ladders"])
    return f"{head}{BEGIN}\n\n{summary}\n\n{text}\n\n{END}{tail}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladder", action="append", choices=[ladder.name for ladder in LADDERS], help="only this one")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help="write the result and the table of the docs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
