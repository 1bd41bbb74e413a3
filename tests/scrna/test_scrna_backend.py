"""The backend scrna keeps what every backend keeps."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from conformance.backend import BackendContract

from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import open_dataset
from kernelevo.backends.scrna.session import DenoisingSession
from kernelevo.decisions import DecisionSettings
from kernelevo.learning import Split


class TestDenoisingBackend(BackendContract):
    @pytest.fixture
    def backend(self) -> DenoisingBackend:
        return DenoisingBackend(open_dataset(None))

    @pytest.fixture
    def session(self, backend: DenoisingBackend) -> DenoisingSession:
        return backend.open(backend.tasks(Split.REWARD)[0])

    @pytest.fixture
    def settings(self, backend: DenoisingBackend) -> DecisionSettings:
        return DecisionSettings(dict.fromkeys(backend.grammar.rules, 0.0))
