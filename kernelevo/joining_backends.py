"""Backends of the loop, opened by name: the built-in ones, and those of other packages.

Another package offers a backend as an entry point of the group `kernelevo.backends`: its name, and a callable that
takes kernelevo.settings.Settings and returns a kernelevo.learning_interfaces.Backend.

Everything is imported when it is needed.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kernelevo import __version__
from kernelevo.errors import BadInput, KernelevoError, NotInstalled
from kernelevo.initialise import samples_folder
from kernelevo.settings import Level, Request, Settings
from kernelevo.wire.words import visible

if TYPE_CHECKING:
    from kernelevo.backends.kernels.tools import KernelTask
    from kernelevo.interfaces import Device, Evaluator, ProgramRunner, Proposer
    from kernelevo.kernel.problem import Problem
    from kernelevo.learning_interfaces import Backend
    from kernelevo.proposers.rules import RuleSettings
    from kernelevo.types import Verdict

GROUP = "kernelevo.backends"
REWARDED, AUDITED = "virtual:h100", "virtual:a100"
"""The device whose times are rewarded, and the one that the audit verifier judges on."""
_OF_A_BACKEND = ("name", "version", "grammar", "tasks", "open", "close")
WITH_AGENT = ("legal", "scrna")
"""Built-in domains that bring an agent, where the extra `lora` is installed."""
_JUDGING = ("evaluators", "devices", "compilers", "kernel", "wire", "diagnosis", "sandbox.py")
"""What of the package decides verdicts."""


class Asked(Protocol):
    """What of a request says which backend is opened, and how."""

    @property
    def task(self) -> str: ...

    @property
    def data(self) -> str | None: ...

    @property
    def metric(self) -> str | None: ...


def open_asked(asked: Asked, settings: Settings) -> Backend:
    """The backend of a request: its data and its metric, where it names them, else what the settings say."""
    return open_backend(asked.task, settings.with_data(asked.data).with_metric(asked.metric))


def open_backend(name: str, settings: Settings) -> Backend:
    """The backend of this name; raises BadInput naming those there are, or where another package's cannot be had."""
    if name in _BUILT_IN:
        return _BUILT_IN[name](settings)
    offered = {each.name: each for each in entry_points(group=GROUP)}
    if name not in offered:
        raise BadInput(f"there is no backend {name!r}; there are {', '.join(backend_names())}")
    distribution = offered[name].dist
    package = "another package" if distribution is None else distribution.name
    try:
        opened: Backend = offered[name].load()(settings)
    except KernelevoError:
        raise
    except Exception as error:  # of another package: whatever it raises is no fault of ours
        said = " ".join(f"{type(error).__name__}: {visible(str(error))}".split())
        raise BadInput(f"the backend {name} of {package} cannot be opened ({said}); repair or uninstall it") from error
    if missing := [word for word in _OF_A_BACKEND if not hasattr(opened, word)]:
        raise BadInput(f"the backend {name} of {package} is none: it has no {missing[0]}; repair or uninstall it")
    _require_metric(name, settings, getattr(opened, "metrics", ()))
    return opened


def backend_names() -> list[str]:
    """The built-in ones first."""
    return [*_BUILT_IN, *sorted({each.name for each in entry_points(group=GROUP)} - set(_BUILT_IN))]


def open_kernels(settings: Settings) -> Backend:
    """Kernels in CUDA on virtual devices; verdicts are kept in the cache folder."""
    _require_no_data("kernels", settings)
    _require_metric("kernels", settings)
    from kernelevo.backends.kernels.backend import KernelBackend
    from kernelevo.stores.verdicts import VerdictFolder

    tools = KernelTools(settings)
    return KernelBackend(tools, _shipped(), VerdictFolder(settings.cache / "verdicts"))


def _require_no_data(name: str, settings: Settings) -> None:
    if settings.data is not None:
        raise BadInput(f"the backend {name} takes no data of yours; leave out --data (or KERNELEVO_DATA)")


def _require_metric(name: str, settings: Settings, metrics: Sequence[str] = ()) -> None:
    """Raises BadInput for a metric that is none of these."""
    if settings.metric is not None and settings.metric not in metrics:
        there = f"it has {', '.join(metrics)}" if metrics else "it has one way of judging; leave out --metric"
        raise BadInput(f"the backend {name} has no metric {settings.metric!r}: {there}")


def open_scripted(settings: Settings) -> Backend:
    """The domain without programs that tests use; it is quick, and shows how a run goes."""
    _require_no_data("scripted", settings)
    _require_metric("scripted", settings)
    from kernelevo.backends.scripted import ScriptedBackend

    return ScriptedBackend(noise=0.02)


def open_scrna(settings: Settings) -> Backend:
    """Denoising of single-cell counts: of the user's file, or of the sample that is made here."""
    try:
        from kernelevo.backends.networks import Shelf
        from kernelevo.backends.scrna.backend import DenoisingBackend
        from kernelevo.backends.scrna.data import open_dataset, second_dataset, source_dataset
        from kernelevo.backends.scrna.metrics import GUARDED, METRICS
    except ImportError as error:
        raise NotInstalled(f"the backend scrna needs {error.name}: pip install 'kernelevo[scrna]'") from error

    _require_metric("scrna", settings, METRICS)
    shelf = Shelf(settings.cache / "networks") if brings_agent("scrna") else None
    second = second_dataset(settings.data, settings.second)
    source = None if shelf is None else source_dataset(settings.data, settings.source)
    own = open_dataset(settings.data)
    return DenoisingBackend(own, settings.metric or GUARDED, second, shelf, _programs(), source)


def open_legal(settings: Settings) -> Backend:
    """Criminal cases by charge: of the user's file, or of the sample that is made here."""
    _require_metric("legal", settings)
    try:
        from kernelevo.backends.legal.backend import ChargeBackend
        from kernelevo.backends.legal.data import open_cases
        from kernelevo.backends.legal.evidence import open_evidence
        from kernelevo.backends.networks import Shelf
    except ImportError as error:
        raise NotInstalled(f"the backend legal needs {error.name}: pip install 'kernelevo[legal]'") from error

    shelf = Shelf(settings.cache / "networks")
    evidence = open_evidence(settings.statutes, settings.texts)
    return ChargeBackend(open_cases(settings.data), shelf, brings_agent("legal"), _programs(), evidence)


def _programs() -> ProgramRunner:
    """Runs programs behind the wall, which is not built before there is one."""
    from kernelevo.sandbox_programs import JailedPrograms

    return JailedPrograms()


def brings_agent(name: str) -> bool:
    """Whether this built-in domain has an agent with a network of its own here: it is trained with the extra `lora`."""
    return name in WITH_AGENT and all(find_spec(package) for package in ("torch", "peft", "safetensors"))


_BUILT_IN: Mapping[str, Callable[[Settings], Backend]] = {
    "kernels": open_kernels, "legal": open_legal, "scrna": open_scrna, "scripted": open_scripted,
}  # fmt: skip


class KernelTools:
    """One worker's tools: walls, compiler and the two devices, opened once for all tasks. Times are modelled from the
    PTX: reading machine code takes three times as long as all the rest of a light judgement.
    """

    def __init__(self, settings: Settings) -> None:
        from kernelevo.joining import open_compilers, open_device
        from kernelevo.kernel.languages import CUDA

        request = Request(kernel=Path("kernel.cu"), device=REWARDED, times_from="ptx")
        self._settings = settings
        self._walls, self._compiler, self._cuda = open_compilers(request, CUDA, settings, ())
        self.device = REWARDED
        self._device, _, _ = open_device(request, self._walls, self._cuda, settings)
        self._properties = self._device.properties
        self._rules, rules_text = single_rules()
        self.rules: Sequence[str] = tuple(rule.name for rule in self._rules.rules)
        self.version = _version(self._compiler.version, str(self._device.calibration), rules_text)

    def verifier(self, task: KernelTask, seed: int | None) -> Evaluator:
        return self._evaluator(task.problem, self._device, "search", seed)

    def auditor(self, task: KernelTask, seed: int | None) -> Evaluator:
        return self._evaluator(task.audited, self._audited, "final", seed)

    def proposers(self, task: KernelTask) -> Sequence[Proposer]:
        from kernelevo.proposers.rules import RulesProposer
        from kernelevo.proposers.tune import TuneProposer

        return [RulesProposer(task.problem, self._properties, self._rules), TuneProposer()]

    def symptoms(self, verdict: Verdict, task: KernelTask) -> frozenset[str]:
        from kernelevo.proposers.rules.evidence import symptoms

        return symptoms(verdict, task.problem)

    def least_us(self, task: KernelTask) -> Mapping[str, float]:
        from kernelevo.floors import floors

        return {name: floor.us for name, floor in floors(task.problem, self._properties).items()}

    def words(self, task: KernelTask) -> str:
        from kernelevo.kernel.languages import CUDA
        from kernelevo.proposers.policy.task_words import task_words

        return task_words(task.problem, CUDA, f"{REWARDED} (modelled)", self._properties, task.reference)

    def close(self) -> None:
        self._device.close()
        if "_audited" in self.__dict__:
            self._audited.close()
        for wall in self._walls:
            wall.close()

    @functools.cached_property
    def _audited(self) -> Device:
        from kernelevo.joining import open_device

        request = Request(kernel=Path("kernel.cu"), device=AUDITED, times_from="ptx")
        device, _, _ = open_device(request, self._walls, self._cuda, self._settings)
        return device

    def _evaluator(self, problem: Problem, device: Device, mode: Level, seed: int | None) -> Evaluator:
        from kernelevo.evaluators import kernels

        generator = kernels.secret_generator if seed is None else kernels.seeded_generator(seed)
        return kernels.KernelEvaluator(
            problem, self._compiler, device, mode=mode, generator=generator, oracle_compiler=self._cuda
        )


def single_rules() -> tuple[RuleSettings, str]:
    """The installed rules, each applied by itself (what follows on it is a decision of its own), and their text."""
    from kernelevo.proposers.rules import RuleSettings, read_rule_settings

    file = samples_folder() / "harness" / "rules.toml"
    text = file.read_text(encoding="utf-8")
    settings = read_rule_settings(text, str(file))
    return RuleSettings(tuple(replace(rule, then=()) for rule in settings.rules)), text


def _version(*parts: str) -> str:
    """A hash of all that a verdict follows from beside candidate, task and seed: code, native files, compiler, card."""
    from kernelevo import native

    digest = hashlib.sha256("\0".join([__version__, REWARDED, AUDITED, *parts]).encode())
    package = Path(__file__).parent
    places = [package / name for name in (*_JUDGING, "backends/kernels/generated")]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*.py")))]
    for file in [*files, native.path("kernelevo-worker")]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _shipped() -> dict[str, Callable[[], KernelTask]]:
    """The shipped kernels in CUDA by name; each is loaded when it is opened."""
    folder = samples_folder() / "kernels"
    return {file.stem: functools.partial(_shipped_task, file) for file in sorted(folder.glob("*.cu"))}


def _shipped_task(file: Path) -> KernelTask:
    from kernelevo.backends.kernels.tools import KernelTask
    from kernelevo.proposers.policy import reference_source
    from kernelevo.tasks import open_task

    task = open_task(Request(kernel=file))
    reference = reference_source(task.problem_content, task.problem.reference)
    return KernelTask(file.stem, file.stem, task.text, task.problem, task.problem, reference)
