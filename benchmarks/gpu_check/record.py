"""What is written beside every figure: machine, card, driver, compiler, clocks, commit."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import kernelevo
from gpu_check.bench import ROOT, Bench
from gpu_check.outcome import Outcome
from kernelevo.devices.cards.none import NoWatch
from kernelevo.devices.cards.nvml import NvmlWatch
from kernelevo.errors import Infrastructure, NotInstalled


def circumstances(bench: Bench) -> dict[str, Any]:
    """Everything that a figure depends on, as it is now. Nothing of the card is changed to learn it."""
    card = bench.card
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "kernelevo": kernelevo.__version__,
        "machine": {
            "processor": _processor(), "cores": os.cpu_count(), "system": platform.platform(),
            "python": platform.python_version(),
        },
        "device": bench.device,
        "driver": bench.driver,
        "how": "modelled: a rehearsal" if bench.rehearsal else "measured",
        "card": dataclasses.asdict(card),
        "compiler": bench.compiler,
        "state": state(bench),
    }  # fmt: skip


def state(bench: Bench) -> dict[str, Any]:
    """Clocks, temperature, power and the like; says so where nobody tells."""
    try:
        watch = NoWatch() if bench.rehearsal else NvmlWatch(bench.card.uuid)
    except (Infrastructure, NotInstalled) as error:
        return {"unknown": str(error)}
    found = {"source": watch.source, **dataclasses.asdict(watch.state(frozenset({os.getpid()})))}
    watch.close()
    return found


def write(folder: Path, bench: Bench, outcome: Outcome, seconds: float) -> Path:
    """One JSON file for the part; gives its path."""
    target = folder / slug(bench.card.name)
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{datetime.datetime.now(datetime.UTC).date().isoformat()}-{outcome.part}.json"
    record = {**circumstances(bench), "seconds": round(seconds, 1), **dataclasses.asdict(outcome)}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path


def slug(name: str) -> str:
    """ "NVIDIA H200" -> "nvidia-h200"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _commit() -> str:
    """The commit of this checkout, "+changed" where files differ from it; "unknown" outside of one."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT, check=False).returncode
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changed" if changed else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
