"""Backends are opened by name, of this package and of others."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from backend_places import settings_at

from kernelevo import joining_backends
from kernelevo.backends.scripted import ScriptedBackend
from kernelevo.errors import BadInput


def offered(value: str) -> list[EntryPoint]:
    return [EntryPoint("proteins", value, joining_backends.GROUP)]


def test_a_name_that_is_none_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no backend 'nonsense'; there are kernels, legal, scrna, scripted"):
        joining_backends.open_backend("nonsense", settings_at(tmp_path))


def test_the_built_in_ones_are_found(tmp_path: Path) -> None:
    assert joining_backends.open_backend("scripted", settings_at(tmp_path)).name == "scripted"
    assert joining_backends.backend_names()[:4] == ["kernels", "legal", "scrna", "scripted"]


def test_another_package_offers_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = offered("test_opening:opened_with_settings")
    monkeypatch.setattr(joining_backends, "entry_points", lambda group: entries)
    assert isinstance(joining_backends.open_backend("proteins", settings_at(tmp_path)), ScriptedBackend)
    assert "proteins" in joining_backends.backend_names()


@pytest.mark.parametrize("value", ["no_such_module:opened", "test_opening:no_such_name"])
def test_one_that_cannot_be_had_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    entries = offered(value)
    monkeypatch.setattr(joining_backends, "entry_points", lambda group: entries)
    with pytest.raises(BadInput, match="proteins of another package cannot be opened"):
        joining_backends.open_backend("proteins", settings_at(tmp_path))


@pytest.mark.parametrize(
    "value, words",
    [("raising", "RuntimeError: it \\\\x1b broke"), ("nothing", "of another package is none: it has no name")],
)
def test_a_fault_of_another_package_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    entries = offered(f"test_opening:{value}")
    monkeypatch.setattr(joining_backends, "entry_points", lambda group: entries)
    with pytest.raises(BadInput, match=words):
        joining_backends.open_backend("proteins", settings_at(tmp_path))


def raising(settings: object) -> ScriptedBackend:
    raise RuntimeError("it \x1b broke")


def nothing(settings: object) -> None:
    return None


def opened_with_settings(settings: object) -> ScriptedBackend:
    assert settings is not None
    return ScriptedBackend()


@pytest.mark.parametrize("name", ["kernels", "scripted"])
def test_data_for_a_domain_that_takes_none_is_bad_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"the backend {name} takes no data of yours"):
        joining_backends.open_backend(name, settings_at(tmp_path).with_data("counts.h5ad"))
