"""The doctor's findings: each missing part is named with what to do, and a wall that cannot hold is never called
good.
"""

from __future__ import annotations

import importlib.metadata

import pytest

from kernelevo import doctor


def state(layers: dict[str, object], name: str) -> str:
    return next(finding.state for finding in doctor.wall_findings(layers) if finding.name == name)


@pytest.mark.parametrize(
    ("abi", "namespaces", "landlock_state", "namespace_state"),
    [
        (7, True, "ok", "ok"),
        (7, False, "ok", "optional"),
        (0, True, "optional", "ok"),
        (0, False, "missing", "missing"),
    ],
)
def test_one_layer_that_isolates_files_is_enough(
    abi: int, namespaces: bool, landlock_state: str, namespace_state: str
) -> None:
    layers = {"landlock_abi": abi, "namespaces": namespaces, "seccomp": True}
    assert state(layers, "wall: Landlock") == landlock_state
    assert state(layers, "wall: namespaces") == namespace_state


def test_no_seccomp_is_a_missing_part() -> None:
    assert state({"landlock_abi": 7, "namespaces": True, "seccomp": False}, "wall: seccomp") == "missing"


def test_a_wall_without_its_launcher_is_missing_and_not_guessed() -> None:
    assert [finding.state for finding in doctor.wall_findings(None)] == ["missing"]


def test_a_part_that_is_not_there_comes_with_advice(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("KERNELEVO_NATIVE", str(tmp_path))
    findings = doctor.examine({"landlock_abi": 0, "namespaces": False, "seccomp": True})
    missing = [finding for finding in findings if finding.state == "missing"]
    assert {"kernelevo-jail", "kernelevo-worker", "wall: Landlock"} <= {finding.name for finding in missing}
    assert all(finding.advice for finding in missing)


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [("3.9.4", "ok", "3.9.4"), ("3.6.0", "optional", "3.9.x"), (None, "optional", "pip install")],
)
def test_triton_is_ok_optional_or_the_wrong_one(
    monkeypatch: pytest.MonkeyPatch, version: str | None, state: str, said: str
) -> None:
    def installed(name: str) -> str:
        if name == "triton" and version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version if name == "triton" and version else "1.0"

    monkeypatch.setattr(importlib.metadata, "version", installed)
    found = next(each for each in doctor.examine(None) if each.name == "compiler: triton")
    assert found.state == state
    assert said in f"{found.detail} {found.advice}"


@pytest.mark.parametrize(
    ("installed", "states"),
    [
        ({}, ("optional", "optional", "optional")),
        ({"cupy-cuda13x": "14.2.0", "nvidia-ml-py": "13.6"}, ("ok", "optional", "ok")),
        ({"pycuda": "2026.1"}, ("optional", "ok", "optional")),
    ],
)
def test_drivers_of_cards_are_named_with_the_extra_that_brings_them(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], states: tuple[str, ...]
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    findings = doctor._drivers()
    assert tuple(finding.state for finding in findings) == states
    for finding in findings:
        assert ("pip install" in finding.advice) == (finding.state == "optional")
    assert "unmeasured" in findings[1].detail or findings[1].state == "optional"


def test_cards_are_read_where_nvidias_driver_tells_of_them(tmp_path) -> None:
    for bus, text in (("0000:41:00.0", "Model: \t\t NVIDIA H200\nIRQ: 1\n"), ("0000:3b:00.0", "IRQ: 2\n")):
        (tmp_path / bus).mkdir()
        (tmp_path / bus / "information").write_text(text)
    assert doctor.cards(tmp_path) == ["unknown", "NVIDIA H200"]
    assert doctor.cards(tmp_path / "absent") == []


@pytest.mark.parametrize("version", [None, "3.1"])
def test_the_client_of_language_models_is_ok_or_optional(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    def found(name: str) -> str:
        if name == "openai" and version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version if name == "openai" and version else "1.0"

    monkeypatch.setattr(importlib.metadata, "version", found)
    client = next(each for each in doctor.examine(None) if each.name == "language models")
    assert client.state == ("ok" if version else "optional")
    assert ("kernelevo[llm]" in client.advice) == (version is None)
