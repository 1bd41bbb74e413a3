"""A granted folder of headers is what it was when the run began."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernelevo import snapshots
from kernelevo.errors import BadInput
from kernelevo.snapshots import snapshot


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    folder = tmp_path / "headers"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.cuh").write_text("int a;")
    (folder / "deep" / "b.cuh").write_text("int b;")
    return folder


def test_a_copy_does_not_change_with_its_source(headers: Path, tmp_path: Path) -> None:
    copy = snapshot(headers, tmp_path / "store")
    (headers / "a.cuh").write_text("int other;")
    assert (copy / "a.cuh").read_text() == "int a;" and (copy / "deep" / "b.cuh").read_text() == "int b;"
    assert snapshot(headers, tmp_path / "store") != copy


def test_the_same_content_has_one_copy(headers: Path, tmp_path: Path) -> None:
    assert snapshot(headers, tmp_path / "store") == snapshot(headers, tmp_path / "store")
    assert len(os.listdir(tmp_path / "store")) == 1


def test_a_name_is_part_of_the_content(headers: Path, tmp_path: Path) -> None:
    copy = snapshot(headers, tmp_path / "store")
    (headers / "a.cuh").rename(headers / "c.cuh")
    assert snapshot(headers, tmp_path / "store") != copy


def test_a_link_out_of_the_folder_is_not_followed(headers: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (headers / "link.cuh").symlink_to(tmp_path / "secret")
    assert not (snapshot(headers, tmp_path / "store") / "link.cuh").exists()


def test_what_is_no_folder_of_headers_is_bad_input(
    headers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="no folder"):
        snapshot(tmp_path / "nothing", tmp_path / "store")
    monkeypatch.setattr(snapshots, "MAX_FILES", 1)
    with pytest.raises(BadInput, match="more than"):
        snapshot(headers, tmp_path / "store")
