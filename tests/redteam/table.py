"""Makes every attack and every control, and writes the scorecard: docs/redteam-scorecard.md for people,
tests/redteam/results.json for the tests.

    python -m tests.redteam.table [--write]

Without --write the table is printed only. An attack that cannot be made on this machine keeps its recorded result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelevo.redteam.attack import Attack
from kernelevo.redteam.attacks import corpus
from kernelevo.redteam.control import Controlled
from kernelevo.redteam.controls import CONTROLS
from kernelevo.redteam.range import Range
from kernelevo.redteam.row import ANSWERS
from kernelevo.redteam.rows import ROWS
from kernelevo.redteam.score import Scored, score_all

RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "redteam-scorecard.md"
AGAIN = "run `python -m tests.redteam.table --write`"


def main() -> int:
    options = _options()
    attacks = corpus()
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["attacks"] if RESULTS.exists() else {}
    with Range() as range_:
        scored = score_all(attacks, range_, lambda each: print(each.attack.name, each.state, each.reason, flush=True))
        failed = [each for each in (Controlled(one, one.run(range_)) for one in CONTROLS) if each.failed]
    statuses = {each.attack.name: each.status for each in scored if each.state == "holds"}
    skipped = {each.attack.name: known[each.attack.name] for each in scored if each.attack.name in _kept(each, known)}
    bad = [each.attack.name for each in scored if each.state in ("open", "unproven")]
    bad += [each.control.name for each in failed]
    document = written(attacks, statuses | skipped)
    print(document)
    if bad:
        print(f"open, unproven or failed: {', '.join(bad)}", file=sys.stderr)
        return 1
    if options.write:
        DOCUMENT.write_text(document, encoding="utf-8")
        RESULTS.write_text(json.dumps({"attacks": dict(sorted((statuses | skipped).items()))}, indent=1) + "\n")
    return 0


def written(attacks: Sequence[Attack], statuses: Mapping[str, str]) -> str:
    """The document for these results."""
    answers = {answer: sum(row.answer == answer for row in ROWS) for answer in ANSWERS}
    counted = ", ".join(f"{count} {ANSWERS[answer]}" for answer, count in answers.items())
    lines = ["| row | what | answer | why | attacks, and what they are stopped as | without |", "| --- " * 6 + "|"]
    for row in ROWS:
        own = [attack for attack in attacks if row.number in attack.rows]
        made = "<br>".join(f"{attack.name}: `{statuses.get(attack.name, 'not made')}`" for attack in own)
        without = "<br>".join(", ".join(f"`{name}`" for name in attack.defences) for attack in own)
        lines.append(f"| {row.number} | {row.title} | {ANSWERS[row.answer]} | {row.why} | {made} | {without} |")
    return HEAD.format(rows=len(ROWS), counted=counted, attacks=len(attacks)) + "\n".join(lines) + "\n"


def _kept(scored: Scored, known: Mapping[str, str]) -> Mapping[str, str]:
    return known if scored.state == "skipped" else {}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name} and {RESULTS.name}")
    return parser.parse_args()


HEAD = """# The scorecard

Written by `python -m tests.redteam.table --write`; `tests/redteam/` makes every attack again and holds what is said.
{rows} rows: {counted}. {attacks} attacks, each of which fails on the installation as it is and succeeds without the
defences that are named beside it. [redteam.md](redteam.md) explains the words.

"""

if __name__ == "__main__":
    sys.exit(main())
