"""The state of an NVIDIA card through NVML (package nvidia-ml-py), from the judge's process.

NVML is asked after every call, at a few hundred microseconds a question; what a card does not support (ECC on a desktop
card, power in some virtual machines) is None and not an error. Reasons for lower clocks that are no trouble are left
out: idle, and clocks that somebody set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelevo.errors import Infrastructure, NotInstalled
from kernelevo.measurement import CardState

INSTALL = "pip install 'kernelevo[cuda]'"
REASONS = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "clocks of a group of cards",
    0x20: "thermal slowdown by software",
    0x40: "thermal slowdown by hardware",
    0x80: "power brake",
}
"""nvmlClocksEventReason* of nvml.h by bit; the others are idle, applications' clocks and a display's."""
VOLATILE, UNCORRECTED = 0, 1
SM, MEMORY, CORE = 1, 2, 0


class NvmlWatch:
    """Implements interfaces.CardWatch, for the card with this UUID, as the driver tells it. `nvml` is the module
    pynvml, or a test's stand-in.
    """

    def __init__(self, uuid: str, nvml: Any = None) -> None:
        self._nvml = nvml if nvml is not None else _module()
        try:
            self._nvml.nvmlInit()
            self._card = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        except self._nvml.NVMLError_LibraryNotFound as error:
            raise NotInstalled(
                "the library NVML of an NVIDIA driver is not here, so that no card can be watched; install the driver"
            ) from error
        except self._nvml.NVMLError as error:
            raise Infrastructure(
                f"NVML does not find the card {uuid} ({error}), so that its state cannot be watched; "
                "see whether `nvidia-smi -L` lists it"
            ) from error
        self.source = f"NVML, driver {self._text(self._nvml.nvmlSystemGetDriverVersion)}"

    def state(self, ours: frozenset[int]) -> CardState:
        nvml, card = self._nvml, self._card
        power = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(card))
        return CardState(
            sm_mhz=self._ask(lambda: nvml.nvmlDeviceGetClockInfo(card, SM)),
            memory_mhz=self._ask(lambda: nvml.nvmlDeviceGetClockInfo(card, MEMORY)),
            celsius=self._ask(lambda: nvml.nvmlDeviceGetTemperature(card, CORE)),
            watts=None if power is None else power / 1e3,
            throttled=self._throttled(),
            others=self._others(ours),
            ecc_errors=self._ask(lambda: nvml.nvmlDeviceGetTotalEccErrors(card, UNCORRECTED, VOLATILE)),
        )

    def close(self) -> None:
        self._nvml.nvmlShutdown()

    def _throttled(self) -> tuple[str, ...] | None:
        bits = self._ask(lambda: self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._card))
        return None if bits is None else tuple(words for bit, words in REASONS.items() if bits & bit)

    def _others(self, ours: frozenset[int]) -> tuple[int, ...] | None:
        """Processes that compute on the card; those that only draw a desktop are not counted."""
        running = self._ask(lambda: self._nvml.nvmlDeviceGetComputeRunningProcesses(self._card))
        return None if running is None else tuple(sorted(each.pid for each in running if each.pid not in ours))

    def _ask(self, question: Callable[[], Any]) -> Any:
        """The answer; None where this card has none. A lost card is no answer."""
        nvml = self._nvml
        try:
            return question()
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_NoPermission, nvml.NVMLError_FunctionNotFound):
            return None
        except nvml.NVMLError as error:
            raise Infrastructure(f"NVML lost the card ({error}); see `nvidia-smi` and the kernel's log") from error

    def _text(self, question: Callable[[], Any]) -> str:
        answer = self._ask(question)
        return answer.decode() if isinstance(answer, bytes) else str(answer)


def _module() -> Any:
    """The module pynvml, loaded late: only a measured device needs it."""
    try:
        import pynvml
    except ImportError as error:
        raise NotInstalled(
            f"a card's clocks, temperature and other users are read with nvidia-ml-py, which is not here; {INSTALL}"
        ) from error
    return pynvml
