"""What the benchmark of the batch door counts: every candidate, over the time of all of them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("batch_door_command", ROOT / "benchmarks" / "batch_door.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_rate_over_all_is_no_mean_of_rates(command: ModuleType) -> None:
    quick = command.Rate("vector_add", 30, [30.0, 15.0], 50.0, 30, 14)
    slow = command.Rate("softmax", 30, [5.0, 5.0], 350.0, 30, 14)
    # 60 candidates in 1 + 6 seconds, and in 2 + 6.
    assert command.summary([quick, slow]) == {"min": 7.5, "median": 8.04, "max": 8.57, "cpu_ms": 200.0}


def test_cpu_time_is_that_of_children_that_have_ended_too(command: ModuleType) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    run = f"subprocess.run([sys.executable, '-c', {burn!r}])"
    parent = f"import subprocess, sys, time\n{run}\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        spent = command.cpu_seconds(child.pid)
        child.kill()
    assert 0.25 <= spent < 3.0  # 0.3 were burnt, and clock ticks are coarse
    assert command.cpu_seconds(os.getpid()) > 0 and time.process_time() > 0


def test_every_problem_has_small_sizes_of_its_own(command: ModuleType) -> None:
    for name, cases in command.CASES.items():
        assert (ROOT / "kernels" / f"{name}.cu").is_file()
        assert command.request_of(name).cases == cases and len(cases) == 2


@pytest.mark.parametrize("level", ["search", "final"])
def test_what_is_recorded_says_what_was_checked_and_on_what(command: ModuleType, level: str) -> None:
    record = json.loads(command.RESULT.read_text(encoding="utf-8"))[f"{level}, ptx"]
    assert (record["level"], record["times_from"], record["cores"] >= record["workers"]) == (level, "ptx", True)
    assert record["load_before"] >= 0 and {rate["problem"] for rate in record["rates"]} == set(command.CASES)
    assert all(rate["passed"] == rate["candidates"] for rate in record["rates"])
    small = [rate["cpu_ms"] for rate in record["rates"] if rate["problem"] not in ("softmax", "layernorm")]
    told = {"search": "0.07 to 0.10 s of CPU at level search", "final": "0.15 to 0.19 s at level final"}[level]
    assert told in (ROOT / "README.md").read_text(encoding="utf-8")
    low, high = (float(each) for each in re.findall(r"0\.\d+", told))
    assert low - 0.006 <= min(small) / 1e3 and max(small) / 1e3 <= high + 0.006
