"""The rule by which generated problems are listed (scripts/choose-problems), and the lists that it made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from backend_places import settings_at

from kernelevo.backends.kernels.backend import UNTRAINED, KernelBackend, generated_tasks
from kernelevo.joining_backends import open_kernels
from kernelevo.learning import Split

SCRIPT = Path(__file__).parents[2] / "scripts" / "choose-problems"
LISTED = (Split.REWARD, Split.GATE, Split.DEVELOPMENT)


@pytest.fixture(scope="module")
def choosing() -> ModuleType:
    loader = SourceFileLoader("choose_problems", str(SCRIPT))
    spec = spec_from_loader("choose_problems", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelBackend]:
    opened = open_kernels(settings_at(tmp_path_factory.mktemp("choosing")))
    assert isinstance(opened, KernelBackend)
    yield opened
    opened.close()


def test_a_listed_problem_is_taken(choosing: ModuleType, backend: KernelBackend) -> None:
    fault, words = choosing.looked_at(backend, "layers-1004")
    assert fault == "" and words.startswith("foldr_applied, ")


def test_a_result_that_hangs_on_no_input_is_passed_over(choosing: ModuleType, backend: KernelBackend) -> None:
    fault, _ = choosing.looked_at(backend, "pipeline-1003")
    assert fault == "its result is much the same whatever the inputs"


def test_where_too_little_is_found_it_says_so(
    choosing: ModuleType, backend: KernelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "EVALUATIONS", 3)
    monkeypatch.setattr(choosing, "ENOUGH", 99.0)
    monkeypatch.setattr(choosing, "DRAWS", 1)
    fault, _ = choosing.looked_at(backend, "layers-1004")
    assert fault == "3 evaluations find less than 99.0 times its speed"
    monkeypatch.setattr(choosing, "DECISIONS", 99)
    fault, _ = choosing.looked_at(backend, "layers-1004")
    assert fault.endswith("of 99 legal decisions")


def test_a_list_is_one_of_each_family_of_one_launch_and_six_of_each_of_several() -> None:
    for split in LISTED:
        families = Counter(name.rpartition("-")[0] for name in generated_tasks(split))
        assert families.total() == 23 and len(set(generated_tasks(split))) == 23
        assert {family: count for family, count in families.items() if count > 1} == dict.fromkeys(UNTRAINED, 6)


def test_layers_that_are_not_listed_are_those_that_are_told_of() -> None:
    listed = {int(name.rpartition("-")[2]) for split in LISTED for name in generated_tasks(split) if "layers" in name}
    assert len(listed) == 18
    assert {first + number for first in (1000, 2000, 3000) for number in range(6)} - listed == {2005}
