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
from kernelevo.types import Candidate


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


def test_sessions_keep_components_together_and_of_each_draw_apart() -> None:
    backend = DenoisingBackend(open_dataset(None))
    first, second = (backend.open(task) for task in backend.tasks(Split.REWARD)[:2])
    blend = Candidate(backend.space.text(backend.space.pipeline({"raw": 1, "low_rank": 1})), {}, "x")
    for session, seed in ((first, 1), (first, 1), (first, 2), (second, 1)):
        assert session.reward(session.judge(blend, seed)) is not None
    assert len(backend._keeping) == 6  # two components of each of three draws
