"""The memory of a session's calls: where buffers lie, what is in them before a call, and what must be there after it.

Every buffer lies in an allocation of its own with guard space on both sides, at an offset that nobody can guess. A
case has several places; a call that moves takes another one than last time, and shifts it. Whatever a call can see is
written for this call: inputs with their content, all else with the job's poison, guards with a pattern of their own. So
nothing of an earlier call is where its candidate left it, and nothing of a later call is there yet.

Then the L2 is cooled: memory of several times its size is written and read, since a line that a hint has made to stay
survives a flush that only writes (llm.c's PR 851, KernelBench-Hard's audits). Places that move do the rest: what stayed
in L2 is of other addresses. The same is done several times over where clocks have to come up: between calls the judge
computes what it expects, and an idle card goes slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.devices.fingerprints import fingerprint
from kernelevo.interfaces import Driver
from kernelevo.types import Buffer

ALIGNMENT = 256
GUARD = 4096
SHIFTS = 32
"""Offsets of a buffer in its allocation: so many steps of ALIGNMENT."""
PLACES = 3
COLD_FACTOR = 4
"""How many times its size is written and read to empty an L2."""
KEYS = 2**63


@dataclass(frozen=True)
class Spot:
    """One buffer in device memory: its allocation, and where it begins in it. Sizes and addresses in bytes."""

    base: int
    address: int
    size: int


Place = Mapping[str, Spot]
"""The buffers of one case, by name."""


class Arena:
    """`memory_bytes` bound all places together; the oldest are given up first. `turns`: how often L2 is cooled before a
    call. `moving` False is a red team's control: then every case has one place, and nothing shifts.
    """

    def __init__(
        self, driver: Driver, rng: np.random.Generator, l2_bytes: int, memory_bytes: int, moving: bool = True,
        turns: int = 1,
    ) -> None:  # fmt: skip
        self._driver = driver
        self._rng = rng
        self._places: dict[str, list[Place]] = {}
        self._last: dict[str, int] = {}
        self._memory_bytes = memory_bytes
        self._held = 0
        self._moving = moving
        self._turns = turns
        self._guard = int(rng.integers(1, 1 << 32))
        self._cold = COLD_FACTOR * l2_bytes
        self._cold_at = driver.allocate(self._cold) if self._cold else 0

    def place(self, case: str, buffers: Sequence[Buffer], move: bool) -> Place:
        """Where the buffers of the next call of this case lie: elsewhere than in its last call, or just there."""
        places = self._places.setdefault(case, [])
        if not places:
            return self._new(case, buffers)
        if not (move and self._moving):
            return places[self._last[case]]
        if len(places) < PLACES and self._fits(buffers):
            return self._new(case, buffers)
        others = [index for index in range(len(places)) if index != self._last[case]] or [0]
        chosen = int(self._rng.choice(others))
        places[chosen] = {buffer.name: self._shifted(places[chosen][buffer.name].base, buffer) for buffer in buffers}
        self._last[case] = chosen
        return places[chosen]

    def prepare(self, place: Place, buffers: Sequence[Buffer], poison: int | None) -> None:
        """Writes everything that a call can see (see the module); without a `poison` what was there stays."""
        for buffer in buffers:
            spot = place[buffer.name]
            for start in (spot.address - GUARD, spot.address + spot.size):
                self._driver.fill(start, GUARD, self._guard)
            if buffer.data is not None:
                self._driver.write(spot.address, buffer.data)
            elif poison is not None:
                self._driver.fill(spot.address, spot.size, poison)
        self.cool()

    def cool(self) -> None:
        """Leaves nothing of before in L2, and lets clocks come up."""
        for _ in range(self._turns if self._cold else 0):
            self._driver.fill(self._cold_at, self._cold, int(self._rng.integers(1, 1 << 32)))
            self._driver.fingerprint(self._cold_at, self._cold, int(self._rng.integers(KEYS)))

    def outside(self, place: Place) -> tuple[str, ...]:
        """The buffers whose guards are not as they were."""
        return tuple(name for name, spot in place.items() if not self._guarded(spot))

    def holds(self, spot: Spot) -> bool:
        """Whether this allocation has not been given up."""
        return any(spot.base == each.base for places in self._places.values() for p in places for each in p.values())

    def _guarded(self, spot: Spot) -> bool:
        key = int(self._rng.integers(KEYS))
        expected = fingerprint(self._guard.to_bytes(4, "little") * (GUARD // 4), key)
        starts = (spot.address - GUARD, spot.address + spot.size)
        return all(self._driver.fingerprint(start, GUARD, key) == expected for start in starts)

    def _new(self, case: str, buffers: Sequence[Buffer]) -> Place:
        self._give_up_others(case, buffers)
        place = {buffer.name: self._shifted(self._driver.allocate(_room(buffer)), buffer) for buffer in buffers}
        self._held += _rooms(buffers)
        self._places[case].append(place)
        self._last[case] = len(self._places[case]) - 1
        return place

    def _shifted(self, base: int, buffer: Buffer) -> Spot:
        shift = int(self._rng.integers(SHIFTS)) if self._moving else 0
        return Spot(base, base + GUARD + shift * ALIGNMENT + buffer.skew, buffer.bytes)

    def _fits(self, buffers: Sequence[Buffer]) -> bool:
        return self._held + _rooms(buffers) <= self._memory_bytes

    def _give_up_others(self, case: str, buffers: Sequence[Buffer]) -> None:
        """Frees places of other cases until there is room for this one, those first that were used first."""
        for other in [each for each in self._places if each != case]:
            if self._fits(buffers):
                return
            for place in self._places.pop(other):
                for spot in place.values():
                    self._driver.free(spot.base)
                    self._held -= _room_of(spot.size)
            del self._last[other]


def _room(buffer: Buffer) -> int:
    return _room_of(buffer.bytes)


def _room_of(size: int) -> int:
    # Skews are at most an alignment.
    return size + 2 * GUARD + (SHIFTS + 1) * ALIGNMENT


def _rooms(buffers: Sequence[Buffer]) -> int:
    return sum(map(_room, buffers))
