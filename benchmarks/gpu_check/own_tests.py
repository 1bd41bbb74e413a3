"""Part 1, `tests`: the tests marked `gpu`, in pytest's own process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from gpu_check.bench import ROOT, Bench
from gpu_check.outcome import Outcome

PART = "tests"
SECONDS = 95
WANTED = "all pass, at least one"
_COUNTS = re.compile(r"(\d+) (passed|failed|skipped|error)")


def _marked(file: Path) -> bool:
    """Whether it has tests for a card: collecting all others would take longer than running these."""
    return "pytest.mark.gpu" in file.read_text(encoding="utf-8")


def run(bench: Bench) -> Outcome:
    """In a rehearsal there is no card for them, so that all are skipped: then that is what is wanted."""
    files = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests").rglob("test_*.py")) if _marked(file)]
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *files]
    try:
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
                              text=True, timeout=SECONDS, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(PART, False, f"did not end within {SECONDS} s", WANTED)
    lines = done.stdout.strip().splitlines()
    counts = {kind: int(number) for number, kind in _COUNTS.findall(lines[-1] if lines else "")}
    passed = counts.get("passed", 0)
    ok = not counts.get("failed") and not counts.get("error") and (bench.rehearsal or passed > 0)
    shown = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or f"pytest ended with {done.returncode}"
    return Outcome(PART, ok and bool(counts), shown, WANTED, {**counts, "tail": lines[-30:]})
