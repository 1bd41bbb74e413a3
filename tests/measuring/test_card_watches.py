"""Who tells a card's state: NVML against a stand-in for its Python module, nobody, and a script."""

from __future__ import annotations

import builtins
import sys
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from conformance.card_watch import CardWatchContract

from kernelevo.devices.cards.none import UNKNOWN, NoWatch
from kernelevo.devices.cards.nvml import NvmlWatch
from kernelevo.devices.cards.scripted import QUIET, ScriptedWatch
from kernelevo.errors import Infrastructure, NotInstalled
from kernelevo.interfaces import CardWatch

UUID = "GPU-01234567-89ab-cdef-0123-456789abcdef"


class NVMLError(Exception):
    pass


class NotSupported(NVMLError):
    pass


@dataclass
class FakeNvml:
    """The part of pynvml that is used, with the signatures of nvidia-ml-py 12 and 13. `broken` names functions that
    raise, and what.
    """

    reasons: int = 0
    pids: list[int] = field(default_factory=lambda: [4711])
    broken: dict[str, type[NVMLError]] = field(default_factory=dict)
    open: int = 0
    NVMLError = NVMLError
    NVMLError_NotSupported = NotSupported
    NVMLError_NoPermission = type("NoPermission", (NVMLError,), {})
    NVMLError_FunctionNotFound = type("FunctionNotFound", (NVMLError,), {})
    NVMLError_LibraryNotFound = type("LibraryNotFound", (NVMLError,), {})

    def _answer(self, name: str, value: Any) -> Any:
        if name in self.broken:
            raise self.broken[name](f"{name} failed")
        return value

    def nvmlInit(self) -> None:
        self._answer("init", None)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid != UUID:
            raise NVMLError("Not Found")
        return "card 0"

    def nvmlSystemGetDriverVersion(self) -> str:
        return self._answer("driver", "580.65.06")

    def nvmlDeviceGetClockInfo(self, card: str, which: int) -> int:
        return self._answer("clock", {1: 1980, 2: 2619}[which])

    def nvmlDeviceGetTemperature(self, card: str, sensor: int) -> int:
        assert sensor == 0
        return self._answer("temperature", 41)

    def nvmlDeviceGetPowerUsage(self, card: str) -> int:
        return self._answer("power", 123_456)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card: str) -> int:
        return self._answer("reasons", self.reasons)

    def nvmlDeviceGetComputeRunningProcesses(self, card: str) -> list[SimpleNamespace]:
        return self._answer("processes", [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in self.pids])

    def nvmlDeviceGetTotalEccErrors(self, card: str, kind: int, counter: int) -> int:
        assert (kind, counter) == (1, 0), "uncorrected errors since the driver was loaded"
        return self._answer("ecc", 0)


class TestNvml(CardWatchContract):
    @pytest.fixture
    def watch(self) -> CardWatch:
        return NvmlWatch(UUID, FakeNvml())

    @pytest.fixture
    def busy(self) -> int | None:
        return 4711


class TestNobody(CardWatchContract):
    @pytest.fixture
    def watch(self) -> CardWatch:
        return NoWatch()


class TestScripted(CardWatchContract):
    @pytest.fixture
    def watch(self) -> CardWatch:
        return ScriptedWatch([replace(QUIET, others=(4711,))])

    @pytest.fixture
    def busy(self) -> int | None:
        return 4711


def test_every_figure_is_in_its_unit() -> None:
    state = NvmlWatch(UUID, FakeNvml()).state(frozenset({4711}))
    assert state == replace(QUIET, celsius=41, watts=123.456)


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0x0, ()),
        (0x1 | 0x2 | 0x100, ()),  # idle, applications' clocks, a display's: no trouble
        (0x4, ("power cap",)),
        (0x8 | 0x40, ("hardware slowdown", "thermal slowdown by hardware")),
        (0x20, ("thermal slowdown by software",)),
    ],
)
def test_reasons_for_lower_clocks_are_told_in_words(bits: int, words: tuple[str, ...]) -> None:
    state = NvmlWatch(UUID, FakeNvml(reasons=bits, pids=[])).state(frozenset())
    assert state.throttled == words and bool(state.trouble()) == bool(words)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("clock", ("sm_mhz", "memory_mhz")), ("temperature", ("celsius",)), ("power", ("watts",)),
        ("reasons", ("throttled",)), ("processes", ("others",)), ("ecc", ("ecc_errors",)),
    ],
)  # fmt: skip
def test_what_a_card_does_not_support_is_none_and_nothing_else_is(name: str, fields: tuple[str, ...]) -> None:
    state = NvmlWatch(UUID, FakeNvml(broken={name: NotSupported})).state(frozenset())
    assert {field for field, value in vars(state).items() if value is None} == set(fields)


def test_a_lost_card_is_our_fault_and_said_so() -> None:
    watch = NvmlWatch(UUID, FakeNvml(broken={"temperature": NVMLError}))
    with pytest.raises(Infrastructure, match="NVML lost the card"):
        watch.state(frozenset())


def test_another_card_is_not_found() -> None:
    with pytest.raises(Infrastructure, match="does not find the card GPU-other"):
        NvmlWatch("GPU-other", FakeNvml())


def test_a_machine_without_a_driver_is_one_sentence() -> None:
    with pytest.raises(NotInstalled, match="install the driver"):
        NvmlWatch(UUID, FakeNvml(broken={"init": FakeNvml.NVMLError_LibraryNotFound}))


def test_it_is_closed_once() -> None:
    nvml = FakeNvml()
    NvmlWatch(UUID, nvml).close()
    assert nvml.open == 0


def test_a_missing_package_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pynvml":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotInstalled, match=r"pip install 'kernelevo\[cuda\]'"):
        NvmlWatch(UUID)


def test_nobody_knows_nothing_and_infers_nothing() -> None:
    assert NoWatch().state(frozenset()) == UNKNOWN and not UNKNOWN.trouble()


def test_a_script_without_a_state_is_a_mistake() -> None:
    with pytest.raises(Infrastructure, match="no state to tell"):
        ScriptedWatch([])
