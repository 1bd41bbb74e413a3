"""The range: what attacks are made on, opened lazily and once.

    with Range("virtual:h100") as range_:
        verdict = range_.judge(problems.ADD, text)                            # as this installation judges
        control = range_.judge(problems.ADD, text, ALL.without("poison"))     # without one defence

The walls, compiler and device are those that `kernelevo check` uses. Where a defence is off that the virtual device has
by its nature, a careless device takes its place. `scratch` is a folder that goes away with the range.
"""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import Toolkit, find_toolkit
from kernelevo.defences import ALL, Defences
from kernelevo.devices.cuda import VIRTUAL
from kernelevo.devices.virtual import open_virtual
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.interfaces import Compiler, Device, Wall
from kernelevo.joining_cards import PREFIX, open_card
from kernelevo.kernel.languages import CUDA, Language
from kernelevo.kernel.problem import Problem
from kernelevo.redteam.careless_device import CarelessDevice
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_programs import JailedPrograms
from kernelevo.settings import DEFAULT_DEVICE
from kernelevo.types import Budget, Candidate, Verdict

BUDGET = Budget(seconds=30.0, memory_bytes=1 << 30, warp_instructions=2_000_000)
"""Of one judgement: many times what the small problems need, and an endless loop ends soon."""

Mode = Literal["search", "final", "sanitize"]


class Range:
    """See the module. Raises what opening a wall, a compiler or a device raises, when it is first needed."""

    def __init__(self, device: str = DEFAULT_DEVICE) -> None:
        self.device_name = device
        self._folder = tempfile.TemporaryDirectory(prefix="kernelevo-redteam-")
        self._open: list[Wall | Device | JailedPrograms] = []

    @property
    def scratch(self) -> Path:
        """A disposable folder."""
        return Path(self._folder.name)

    @cached_property
    def toolkit(self) -> Toolkit:
        return find_toolkit()

    @cached_property
    def wall(self) -> Sandbox:
        wall = Sandbox(self.toolkit.library, self.toolkit.read_only)
        self._open.append(wall)
        return wall

    @cached_property
    def compiler(self) -> NvrtcCompiler:
        """With a build cache of its own, so that attack and control are compiled once."""
        return NvrtcCompiler(self.wall, self.toolkit, self.scratch / "builds")

    @cached_property
    def programs(self) -> JailedPrograms:
        """What runs programs in Python that a model wrote, as `kernelevo run scrna` does."""
        programs = JailedPrograms()
        self._open.append(programs)
        return programs

    @property
    def virtual_name(self) -> str:
        """The virtual device, which stands beside a card where that is the range's own."""
        return DEFAULT_DEVICE if self.device_name.startswith(PREFIX) else self.device_name

    @cached_property
    def device(self) -> Device:
        """What executes and sees everything: the virtual GPU, beside a card, too."""
        return open_virtual(self.virtual_name, self.wall)

    @cached_property
    def measuring_device(self) -> Device:
        """What times single calls: on the virtual GPU, unless the range's own device does so on a card."""
        name = self.device_name if self.device_name.startswith(PREFIX) else VIRTUAL
        device = open_card(name, "cupy", self.compiler, self.scratch, unsafe=False)
        self._open.append(device)
        return device

    def open(self) -> None:
        """Opens the devices now; raises BadInput or NotInstalled for one that is not there."""
        _ = self.device
        if self.device_name.startswith(PREFIX):
            _ = self.measuring_device

    @property
    def where(self) -> str:
        """What attacks are made on: a card times single calls, and the virtual GPU beside it executes all else."""
        if self.virtual_name == self.device_name:
            return self.device_name
        return f"single calls on {self.device_name}, all else on {self.virtual_name}"

    def judge(
        self,
        problem: Problem,
        text: str,
        defences: Defences = ALL,
        *,
        mode: Mode = "final",
        budget: Budget = BUDGET,
        measured: bool = False,
        device: Device | None = None,
        compiler: Compiler | None = None,
        language: Language = CUDA,
    ) -> Verdict:
        """The verdict on a kernel's text, by the very evaluator that `kernelevo check` (mode "final") and a search
        (mode "search") use; `measured` on a device that times single calls. `device` and `compiler` may be hostile ones
        in place of the range's own.
        """
        chosen = device or (self.measuring_device if measured else self._device(defences))
        try:
            evaluator = KernelEvaluator(
                problem, compiler or self.compiler, chosen, mode=mode, defences=defences, language=language,
                oracle_compiler=self.compiler,
            )  # fmt: skip
            return evaluator.evaluate(Candidate(text), budget)
        finally:
            if isinstance(chosen, CarelessDevice):
                chosen.close()

    def _device(self, defences: Defences) -> Device:
        if defences.fresh_memory and defences.bounds and defences.endings:
            return self.device
        return CarelessDevice(self.device, defences)

    def close(self) -> None:
        for each in reversed(self._open):
            each.close()
        self._open.clear()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
