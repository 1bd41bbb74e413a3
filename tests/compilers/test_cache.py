"""The build cache: what went in comes out, whatever is damaged is built again, and the compiler is asked once."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest
from compilers.test_scripted import FAILURE, IMAGE
from conformance.compiler import BUDGET, GOOD

from kernelevo.compilers.cache import BuildCache
from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.request import build_key
from kernelevo.compilers.toolkit import Toolkit
from kernelevo.errors import BadInput, Infrastructure, SandboxBroken
from kernelevo.interfaces import WallAnswer
from kernelevo.sandbox_scripted import ScriptedWall
from kernelevo.types import BuildFailure, Image
from kernelevo.wire.heads import HeadWriter

KEY = "ab" * 32
BUILT = dataclasses.replace(IMAGE, key=KEY, cubin=bytes(range(256)), diagnostics=FAILURE.diagnostics)
TOOLKIT = Toolkit(Path("libnvrtc.so"), (), "13.5", "headers")


@pytest.mark.parametrize("build", [BUILT, FAILURE], ids=["image", "failure"])
def test_what_went_in_comes_out(tmp_path: Path, build: Image | BuildFailure) -> None:
    BuildCache(tmp_path / "new").put(KEY, build)
    assert BuildCache(tmp_path / "new").get(KEY) == build
    assert BuildCache(tmp_path / "new").get("cd" * 32) is None


def test_no_half_written_file_is_left_in_sight(tmp_path: Path) -> None:
    BuildCache(tmp_path).put(KEY, BUILT)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{KEY}.build"]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "moved"])
def test_a_damaged_entry_is_not_believed(tmp_path: Path, damage: str) -> None:
    cache = BuildCache(tmp_path)
    cache.put(KEY, BUILT)
    (file,) = tmp_path.rglob("*.build")
    content = file.read_bytes()
    if damage == "moved":
        other = "ab" + "cd" * 31
        os.rename(file, file.with_name(f"{other}.build"))
        assert cache.get(other) is None
        return
    file.write_bytes({"cut": content[:-9], "changed": content.replace(b"sm_80", b"sm_90"), "empty": b""}[damage])
    assert cache.get(KEY) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = BuildCache(tmp_path / "file")
    with pytest.raises(BadInput, match=r"file cannot be used .*; name a folder .* KERNELEVO_CACHE"):
        cache.put(KEY, BUILT)
    with pytest.raises(BadInput, match="KERNELEVO_CACHE"):
        cache.get(KEY)


def test_a_full_disk_is_no_fault_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kernelevo.compilers.cache.os.replace", full)
    with pytest.raises(Infrastructure, match="free some space"):
        BuildCache(tmp_path).put(KEY, BUILT)


def refusal(message: str) -> WallAnswer:
    head = HeadWriter()
    head.u32(6)
    head.text("NVRTC_ERROR_COMPILATION")
    head.text(f"scale.cu(2): error: {message}\n")
    head.texts(())
    return WallAnswer("done", "", head.bytes(), (b"", b""))


def test_the_compiler_is_asked_once_for_the_same_build(tmp_path: Path) -> None:
    wall = ScriptedWall([refusal('identifier "y" is undefined')])
    first = NvrtcCompiler(wall, TOOLKIT, tmp_path).build(GOOD, BUDGET)
    second = NvrtcCompiler(wall, TOOLKIT, tmp_path).build(GOOD, BUDGET)
    assert isinstance(first, BuildFailure)
    assert first == second
    assert len(wall.asked) == 1


@pytest.mark.parametrize("answer", [refusal("out of memory"), WallAnswer("killed", "too slow", b"", ())])
def test_what_a_larger_budget_could_change_is_not_kept(tmp_path: Path, answer: WallAnswer) -> None:
    wall = ScriptedWall([answer, answer])
    for _ in range(2):
        assert isinstance(NvrtcCompiler(wall, TOOLKIT, tmp_path).build(GOOD, BUDGET), BuildFailure)
    assert len(wall.asked) == 2


def test_an_answer_that_lies_about_its_parts_is_not_believed() -> None:
    head = HeadWriter()
    head.u32(0)
    head.text("NVRTC_SUCCESS")
    head.text("")
    head.texts(("scale",))
    for blobs in [(), (b"",), (b".entry scale()", b"not a cubin")]:
        with pytest.raises(SandboxBroken):
            NvrtcCompiler(ScriptedWall([WallAnswer("done", "", head.bytes(), blobs)]), TOOLKIT).build(GOOD, BUDGET)


@pytest.mark.parametrize(
    "change",
    [
        {"text": GOOD.text + " "}, {"arch": "sm_90"}, {"defines": {"A": 1}}, {"options": ("-G",)}, {"names": ()},
        {"file_name": "other.cu"},
    ],
)  # fmt: skip
def test_everything_that_changes_the_outcome_changes_the_key(change: dict[str, object]) -> None:
    assert build_key(GOOD, "nvrtc 1") == build_key(GOOD, "nvrtc 1") != build_key(GOOD, "nvrtc 2")
    changed = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    assert build_key(changed, "nvrtc 1") != build_key(GOOD, "nvrtc 1")
