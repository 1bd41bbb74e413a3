"""What every CardWatch keeps. Subclass `CardWatchContract` and give it a fixture `watch`, and `busy` where the watch
can see others: a process id that it sees on the card.
"""

from __future__ import annotations

import os

import pytest

from kernelevo.interfaces import CardWatch
from kernelevo.measurement import CardState


class CardWatchContract:
    @pytest.fixture
    def busy(self) -> int | None:
        return None

    def test_it_says_who_tells(self, watch: CardWatch) -> None:
        assert watch.source and "\n" not in watch.source

    def test_a_state_has_every_field_in_its_unit_or_none(self, watch: CardWatch) -> None:
        state = watch.state(frozenset())
        assert isinstance(state, CardState)
        for clock in (state.sm_mhz, state.memory_mhz):
            assert clock is None or 0 <= clock < 10_000
        assert state.celsius is None or -50 < state.celsius < 150
        assert state.watts is None or 0 <= state.watts < 2_000
        assert state.throttled is None or all(isinstance(reason, str) and reason for reason in state.throttled)
        assert state.ecc_errors is None or state.ecc_errors >= 0

    def test_our_own_processes_are_no_others(self, watch: CardWatch, busy: int | None) -> None:
        everyone = watch.state(frozenset()).others
        if everyone is None:
            assert busy is None
            return
        assert busy is None or busy in everyone
        assert watch.state(frozenset(everyone)).others == ()
        assert os.getpid() not in (watch.state(frozenset({os.getpid()})).others or ())

    def test_it_can_be_asked_again(self, watch: CardWatch) -> None:
        assert type(watch.state(frozenset())) is type(watch.state(frozenset()))
