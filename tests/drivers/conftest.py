"""Images for the tests of drivers, built behind the wall as candidates are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from conformance import driver as contract
from conformance.compiler import GOOD

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.errors import NotInstalled
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, Image


@pytest.fixture(scope="session")
def nvrtc() -> Iterator[NvrtcCompiler]:
    try:
        toolkit = find_toolkit()
        sandbox = Sandbox(toolkit.library, toolkit.read_only)
    except NotInstalled as missing:
        pytest.skip(f"the native part or the compiler is missing: {missing}")
    yield NvrtcCompiler(sandbox, toolkit)
    sandbox.close()


def build(nvrtc: NvrtcCompiler, text: str, names: tuple[str, ...], arch: str = "sm_90") -> Image:
    request = dataclasses.replace(GOOD, text=text, names=names, arch=arch)
    built = nvrtc.build(request, Budget(60.0, 4 << 30, 1))
    assert isinstance(built, Image), built
    return built


@pytest.fixture(scope="session")
def image(nvrtc: NvrtcCompiler) -> Image:
    """The contract's kernels for sm_90."""
    return build(nvrtc, contract.SOURCE, contract.NAMES)
