"""The same on a real card, where there is one: honest kernels pass, cheats do not, a kernel is as fast as itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import judged
from test_caches import CHEATS, HONEST, PROBLEM, Cheat
from test_styles import RUDE, STYLES, scale_problem

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.devices.cuda import CudaDevice
from kernelevo.errors import NotInstalled
from kernelevo.joining_cards import open_card
from kernelevo.kernel.problem import load_problem
from kernelevo.types import Status

pytestmark = pytest.mark.gpu
KERNELS = Path(__file__).parents[2] / "kernels"


@pytest.fixture(scope="module")
def card(compiler: NvrtcCompiler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CudaDevice]:
    try:
        device = open_card("cuda:0", "cupy", compiler, tmp_path_factory.mktemp("cache"), unsafe=False)
    except NotInstalled as missing:
        pytest.skip(f"no card to measure on: {missing}")
    yield device
    device.close()


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_kernel_passes_on_the_card(compiler: NvrtcCompiler, card: CudaDevice, style: str) -> None:
    problem, text = STYLES[style]
    verdict = judged(compiler, text, problem, mode="final", device=card)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert verdict.score is not None and verdict.score.how == "measured"


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_a_kernel_that_remembers_is_caught_on_the_card(compiler: NvrtcCompiler, card: CudaDevice, cheat: Cheat) -> None:
    assert judged(compiler, cheat.text, PROBLEM, mode="final", device=card).status in cheat.caught


@pytest.mark.parametrize("what", sorted(set(RUDE) - {"an endless loop"}))
def test_a_rude_kernel_gets_what_it_earns_on_the_card(compiler: NvrtcCompiler, card: CudaDevice, what: str) -> None:
    text, status, _ = RUDE[what]
    assert judged(compiler, text, scale_problem(), mode="final", device=card).status is status
    # And the next one is none the worse for it.
    assert judged(compiler, HONEST, PROBLEM, device=card).status is Status.PASSED


def test_a_kernel_is_as_fast_as_itself(compiler: NvrtcCompiler, card: CudaDevice) -> None:
    """A/A: start and candidate differ in a comment only."""
    problem = load_problem(KERNELS / "softmax.problem.py")
    text = (KERNELS / "softmax.cu").read_text()
    verdict = judged(compiler, text + "\n// a comment\n", problem, mode="final", device=card, start=text)
    assert verdict.status is Status.PASSED and verdict.measurements is not None, verdict.feedback
    for case in verdict.measurements.cases:
        assert case.ratio is not None and 0.97 < case.ratio.value < 1.03, case
        assert case.floor is None or case.us.value > case.floor.us
