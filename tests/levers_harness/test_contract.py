"""The harness lever keeps what every lever keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.lever import Given, LeverContract, ListedRecord

from kernelevo.levers.harness.lever import HarnessLever
from kernelevo.levers.harness.pace import Pace
from kernelevo.levers.harness.statistical import StatisticalDrafter
from levers_harness.made import SHIPPED, played, present

GAINS = {"unroll": (0.3, 0.3), "restrict": (0.3, 0.3), "vector_loads": (0.9, 0.8)}


class TestStatistical(LeverContract):
    @pytest.fixture
    def lever(self) -> HarnessLever:
        return HarnessLever([StatisticalDrafter("kernels", Pace())], Pace())

    @pytest.fixture
    def given(self) -> Given:
        return Given(ListedRecord([played(GAINS)]), present(), Path(SHIPPED))
