"""Every backend keeps its contract (tests/conformance/backend.py)."""

from __future__ import annotations

import pytest

from kernelevo.backends.scripted import ScriptedBackend
from kernelevo.decisions import DecisionSettings
from kernelevo.learning import Split
from kernelevo.learning_interfaces import Backend, TaskSession
from tests.conformance.backend import BackendContract


@pytest.fixture
def settings(backend: Backend) -> DecisionSettings:
    return DecisionSettings(rules=dict.fromkeys(backend.grammar.rules, 0.0))


class TestScripted(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return ScriptedBackend(noise=0.05)

    @pytest.fixture
    def session(self, backend: Backend) -> TaskSession:
        return backend.open(backend.tasks(Split.REWARD)[0])
