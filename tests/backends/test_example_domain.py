"""The example in docs/domains.md: its own text, through what every backend passes and through a run of the loop."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from conformance.backend import BackendContract

from kernelevo import joining_backends
from kernelevo.backends.pipelines import PipelineBackend, PipelineSession
from kernelevo.decisions import DecisionSettings
from kernelevo.joining_loop import LoopRequest
from kernelevo.learning import Split
from kernelevo.loop.budget import LoopLimits
from kernelevo.run_of_loop import start_loop
from kernelevo.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "domains.md").read_text(encoding="utf-8")


def example() -> ModuleType:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    module = ModuleType("example_domain")
    exec(compile(code, "docs/domains.md", "exec"), module.__dict__)
    return module


BACKEND: PipelineBackend = example().open_waves(None)


class TestExample(BackendContract):
    @pytest.fixture
    def backend(self) -> PipelineBackend:
        return BACKEND

    @pytest.fixture
    def session(self) -> PipelineSession:
        return BACKEND.open(BACKEND.tasks(Split.REWARD)[0])

    @pytest.fixture
    def settings(self) -> DecisionSettings:
        return DecisionSettings(dict.fromkeys(BACKEND.space.rules, 0.0))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a package offered it."""
    monkeypatch.setitem(sys.modules, "example_domain", example())
    (value,) = re.findall(r'^waves = "(.*)"$', TEXT, re.MULTILINE)
    assert value.endswith(":open_waves")
    entry = EntryPoint("waves", "example_domain:open_waves", joining_backends.GROUP)
    monkeypatch.setattr(joining_backends, "entry_points", lambda group: [entry])
    yield


def test_the_loop_runs_on_it_and_finds_something(installed: None, tmp_path: Path) -> None:
    settings = Settings.from_environment({"KERNELEVO_RUNS": str(tmp_path / "runs"), "HOME": str(tmp_path)})
    limits = LoopLimits(evaluations=200)
    request = LoopRequest("waves", "prior", levers=("harness",), generations=1, limits=limits)
    said: list[str] = []
    told = start_loop(request, settings, said.append, "asked by a test").plain()
    (generation,) = told["generations"]
    assert generation["mean_log2_best"] > 0.5 and generation["audit"]["failing"] == 0.0
    assert "times less loss" in " ".join(said) and told["gain"] == "times less loss"
