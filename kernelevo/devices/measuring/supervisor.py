"""Who may use a card, and whose fault it is when a process that drives it does not come back.

One process of ours measures on a card at a time: a lock file says so, and the kernel of the system lets go of it when
its owner dies, however that happens. After a hang, an error that loses the context, or a process that is gone, nothing
of it is trusted: it is killed, and a fresh process runs a kernel whose result is known. If that is right, the card is
well and the candidate did it. If not, it is tried once more after a pause, for cards recover from some resets by
themselves; but then nobody can say what happened, so it is ours (Infrastructure), and never held against a candidate.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kernelevo.devices.measuring.packing import driver_step
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import Driver
from kernelevo.measurement import CallFailure
from kernelevo.types import Budget, BufferArgument, Image, Launch, ScalarArgument

PROBE = "kernelevo_probe"
PROBE_SOURCE = f"""
extern "C" __global__ void {PROBE}(unsigned *x, unsigned n) {{
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = x[i] * 2654435761u + i;
}}
"""
PROBE_WORDS = 1 << 16
PROBE_BUDGET = Budget(seconds=20.0, memory_bytes=1 << 30, warp_instructions=10**7)
PAUSE_SECONDS = 2.0
WAIT_SECONDS = 600.0
_TICK = 0.05

OpenDriver = Callable[[Budget], Driver]
"""Starts a fresh process with a driver; its operations take no longer than the budget allows."""


class Supervisor:
    """Of one card. `probe` makes the image of PROBE_SOURCE for it; `lock` is a file that is made if it is not there,
    None for a card that everybody has for himself.
    """

    def __init__(
        self,
        open_driver: OpenDriver,
        probe: Callable[[], Image],
        lock: Path | None,
        sleep: Callable[[float], None] = time.sleep,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._open_driver = open_driver
        self._probe_image = probe
        self._lock = lock
        self._sleep = sleep
        self._wait_seconds = wait_seconds
        self._held = False

    def open(self, image: Image, budget: Budget) -> Driver:
        """A fresh process with this image in it."""
        driver = self._open_driver(budget)
        try:
            driver.load(image)
        except Infrastructure:
            driver.close()
            raise
        return driver

    @contextmanager
    def card(self) -> Iterator[None]:
        """Holds the card; raises Infrastructure if another process has had it for too long. Whoever holds it may hold
        it again.
        """
        if self._held or self._lock is None:
            yield
            return
        handle = _opened(self._lock)
        try:
            self._take(handle)
            self._held = True
            yield
        finally:
            self._held = False
            os.close(handle)

    def require_well(self, happened: str) -> None:
        """Returns if the card is well, so that what happened is the candidate's doing; else raises Infrastructure."""
        complaint = self._complaint()
        if not complaint:
            return
        self._sleep(PAUSE_SECONDS)
        again = self._complaint()
        now = f"still not well ({again})" if again else "well again, so that nobody can say whose fault it was"
        raise Infrastructure(
            f"{happened}; a kernel that is known to be right then failed on the card ({complaint}), and it is {now}; "
            "see `nvidia-smi` and the system's log, and try again"
        )

    def _take(self, handle: int) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if waited >= self._wait_seconds:
                    raise Infrastructure(
                        f"another process of kernelevo has held the card for {waited:.0f} s ({self._lock}); "
                        "wait for it, or stop it"
                    ) from None
                self._sleep(_TICK)
                waited += _TICK

    def _complaint(self) -> str:
        """What is wrong with the card: "" if a known kernel gives the known result in a fresh process."""
        try:
            driver = self.open(self._probe_image(), PROBE_BUDGET)
        except Infrastructure as error:
            return str(error)
        try:
            return self._run_probe(driver)
        except Infrastructure as error:
            return str(error)
        finally:
            driver.close()

    def _run_probe(self, driver: Driver) -> str:
        content = np.random.default_rng().integers(0, 1 << 32, PROBE_WORDS, dtype=np.uint32)
        address = driver.allocate(content.nbytes)
        driver.write(address, content.tobytes())
        arguments = (BufferArgument("x"), ScalarArgument(PROBE_WORDS))
        launch = Launch(PROBE, (PROBE_WORDS // 256, 1, 1), (256, 1, 1), 0, arguments)
        step = driver_step(launch, self._probe_image(), {"x": address}, {"x": content.nbytes})
        done = driver.call((step,))
        if isinstance(done, CallFailure):
            return f"{done.fault.kind}: {done.fault.message}"
        expected = content * np.uint32(2654435761) + np.arange(PROBE_WORDS, dtype=np.uint32)
        return "" if driver.read(address, content.nbytes) == expected.tobytes() else "its result was wrong"


def _opened(lock: Path) -> int:
    """A handle of the file; raises Infrastructure where it cannot be."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Infrastructure(
            f"the file that keeps a card for one process cannot be opened ({lock}: {error.strerror or error}); "
            "make its folder one that can be written"
        ) from error
