"""The compiler of these tests: NVRTC, behind the wall."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.sandbox import Sandbox


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NvrtcCompiler]:
    toolkit = find_toolkit()
    wall = Sandbox(toolkit.library, toolkit.read_only)
    yield NvrtcCompiler(wall, toolkit, tmp_path_factory.mktemp("builds"))
    wall.close()
