"""Opens a device that times single calls: `cuda:N`, a card, or `cuda:virtual`, the same code on the virtual GPU.

Both drive their card from a process of its own, behind the wall, which is started afresh for each candidate.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from kernelevo.errors import BadInput, Infrastructure
from kernelevo.interfaces import CardWatch, Compiler, Driver
from kernelevo.measurement import Card
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image

if TYPE_CHECKING:
    from kernelevo.devices.cuda import CudaDevice, Nature

PREFIX = "cuda:"
WARMING_TURNS = 50
"""Each writes and reads four times the L2, some 0.1 ms on an H200: several milliseconds of work before each call."""


def open_card(name: str, driver: str, compiler: Compiler, cache: Path, unsafe: bool) -> CudaDevice:
    """The device called `name`; raises BadInput for a name that is none, NotInstalled where a package, the driver or
    the card is missing, Infrastructure where the card does not answer.
    """
    from kernelevo.devices.cuda import VIRTUAL, CudaDevice
    from kernelevo.devices.measuring.session import Conditions
    from kernelevo.devices.measuring.supervisor import PROBE_BUDGET, Supervisor

    if name != VIRTUAL and not name.removeprefix(PREFIX).isdecimal():
        raise BadInput(f"there is no device {name!r}; give {PREFIX}0 for the first card, or {VIRTUAL}")
    open_driver = functools.partial(_open_driver, _driver_name(name, driver), unsafe)
    first = open_driver(PROBE_BUDGET)
    card = first.card()
    first.close()
    nature, watch = _nature(name, card), _watch(name, card)
    probe = functools.cache(lambda: _probe(compiler, card.arch))
    lock = None if name == VIRTUAL else cache / "cards" / f"{card.uuid}.lock"
    supervisor = Supervisor(open_driver, probe, lock)
    cooled = card.properties["l2_bytes"] if nature.how == "measured" else 0
    return CudaDevice(nature, Conditions(card, supervisor, watch, cooled, WARMING_TURNS, ours=_ids))


def _driver_name(name: str, driver: str) -> str:
    from kernelevo.devices.cuda import VIRTUAL, VIRTUAL_ROW

    return f"virtual:{VIRTUAL_ROW}" if name == VIRTUAL else f"{driver}:{name.removeprefix(PREFIX)}"


def _open_driver(driver: str, unsafe: bool, budget: Budget) -> Driver:
    from kernelevo.devices.drivers.opening import open_driver
    from kernelevo.devices.drivers.remote import DEADLINES
    from kernelevo.sandbox_session import start_session

    deadlines = dataclasses.replace(DEADLINES, call=min(DEADLINES.call, budget.seconds))
    return open_driver(
        driver, functools.partial(start_session, unsafe=unsafe), memory_bytes=budget.memory_bytes,
        warp_instructions=budget.warp_instructions, deadlines=deadlines,
    )  # fmt: skip


def _ids(driver: Driver) -> frozenset[int]:
    """The processes of a driver that was opened here."""
    from kernelevo.devices.drivers.remote import RemoteDriver

    return driver.ids() if isinstance(driver, RemoteDriver) else frozenset()


def _nature(name: str, card: Card) -> Nature:
    from kernelevo.devices.ceilings import measured_ceilings, modelled_ceilings
    from kernelevo.devices.cuda import VIRTUAL, VIRTUAL_ROW, Nature

    if name == VIRTUAL:
        return Nature(name, "modelled", modelled_ceilings(VIRTUAL_ROW))
    return Nature(name, "measured", measured_ceilings(card))


def _watch(name: str, card: Card) -> CardWatch:
    from kernelevo.devices.cards.none import NoWatch
    from kernelevo.devices.cards.nvml import NvmlWatch
    from kernelevo.devices.cuda import VIRTUAL

    return NoWatch() if name == VIRTUAL else NvmlWatch(card.uuid)


def _probe(compiler: Compiler, arch: str) -> Image:
    from kernelevo.devices.measuring.supervisor import PROBE, PROBE_BUDGET, PROBE_SOURCE

    built = compiler.build(BuildRequest(PROBE_SOURCE, "probe.cu", (PROBE,), compiler.target(arch)), PROBE_BUDGET)
    if isinstance(built, BuildFailure):
        raise Infrastructure(f"the kernel that probes a card does not compile: {built.diagnostics}; report this")
    return built
