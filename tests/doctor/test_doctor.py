"""The doctor's findings: each missing part is named with what to do, and a wall that cannot hold is never called
good.
"""

from __future__ import annotations

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
