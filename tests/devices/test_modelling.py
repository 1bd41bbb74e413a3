"""What spills cost: once a thread, or as often as the machine code executes them."""

from __future__ import annotations

import pytest

from kernelevo.devices.modelling import Held
from kernelevo.devices.occupancy import Occupancy

COUNTS = {"warps": 10, "local_sectors": 7, "blocks": 2}


def held(spill_bytes: int) -> Held:
    return Held(Occupancy(1, 8, 0.125, "warps"), 4096, spill_bytes)


@pytest.mark.parametrize(
    ("spill_bytes", "accesses", "sectors"),
    [
        (0, 0.0, 0),
        (0, 99.0, 0),  # nothing is spilled: those are arrays, which the exact counts have
        (12, 0.0, 10 * 12),  # a spilled byte of each lane is a sector
        (12, 20.0, 10 * 12),  # 80 sectors: fewer than once a thread
        (12, 1000.0, 4000),  # a word of each of 32 lanes is four sectors
    ],
)
def test_spills_are_charged_as_often_as_is_known(spill_bytes: int, accesses: float, sectors: int) -> None:
    found = held(spill_bytes).with_spills(COUNTS, accesses)
    assert found == {**COUNTS, "local_sectors": 7 + sectors}
    assert COUNTS["local_sectors"] == 7, "the exact counts stay as they are"
