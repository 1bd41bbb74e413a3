"""Every backend keeps its contract (tests/conformance/backend.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from backend_places import settings_at
from conformance.backend import BackendContract

from kernelevo.backends.scripted import ScriptedBackend
from kernelevo.decisions import DecisionSettings
from kernelevo.joining_backends import open_backend
from kernelevo.learning import Split
from kernelevo.learning_interfaces import Backend, TaskSession


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


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Opened once: its walls take a second to be put up."""
    opened = open_backend("kernels", settings_at(tmp_path_factory.mktemp("kernels")))
    yield opened
    opened.close()


class TestKernels(BackendContract):
    @pytest.fixture
    def backend(self, kernels: Backend) -> Backend:
        return kernels

    @pytest.fixture
    def session(self, backend: Backend) -> TaskSession:
        return backend.open("broadcast-1000")
