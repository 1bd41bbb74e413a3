"""Part 4, `cheats`: the red team's corpus on the device, through the command that users type."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from gpu_check.bench import ROOT, Bench
from gpu_check.outcome import Outcome

PART = "cheats"
SECONDS = 175
WANTED = "every attack stopped, every honest control passed"
REHEARSED = "H33,H61"


def run(bench: Bench) -> Outcome:
    words = [sys.executable, "-m", "kernelevo", "redteam", "--device", bench.device, "--json"]
    words += ["--only", REHEARSED] if bench.rehearsal else []
    try:
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
                              text=True, timeout=SECONDS, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(PART, False, f"did not end within {SECONDS} s", WANTED)
    said = done.stderr.strip().splitlines()
    try:
        card = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = said[-1] if said else "nothing"
        return Outcome(PART, False, f"ended with {done.returncode}: {last}"[:200], WANTED, {"stderr": said[-20:]})
    opened = [row["row"] for row in card["rows"] if row["open"]]
    failed = [control["name"] for control in card["controls"] if control["failed"]]
    shown = (
        f"{len(card['attacks'])} attacks on {len(card['rows'])} rows, open: {', '.join(opened) or 'none'}; "
        f"{len(card['controls'])} controls, failed: {', '.join(failed) or 'none'}"
    )
    return Outcome(PART, done.returncode == 0, shown, WANTED, {"scorecard": card})
