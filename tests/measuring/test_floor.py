"""The physics floor: worked examples, and that no honest kernel of a roofline's making is ever under it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo import Input, Output, Problem
from kernelevo.devices import gpus
from kernelevo.devices.ceilings import PEAKS, measured_ceilings, modelled_ceilings, row_of
from kernelevo.evaluators.floor import physics_floor
from kernelevo.measurement import Card, Ceilings

COPY = Problem(arguments=[Input("x", "f32[n]"), Output("y", "f32[n]")], reference=lambda x: x, benchmarks=["n=1000000"])
H200 = Card("NVIDIA H200", "GPU-1", "sm_90", {"l2_bytes": 50 << 20})


def test_outputs_may_stay_in_l2_and_inputs_come_from_dram() -> None:
    """4 MB in, 4 MB out, 1 MB of L2, 1000 bytes per us: 7 MB must pass, which is 7000 us, less 1 us of resolution."""
    floor = physics_floor(COPY, COPY.benchmarks[0], Ceilings(1000.0, 1_000_000, {}, "a table"))
    assert floor is not None and floor.us == pytest.approx(6999.0) and "7,000,000 bytes" in floor.reason
    large = physics_floor(COPY, COPY.benchmarks[0], Ceilings(1000.0, 50_000_000, {}, "a table"))
    assert large is not None and large.us == pytest.approx(3999.0)
    warm = physics_floor(COPY, COPY.benchmarks[0], Ceilings(1000.0, 50_000_000, {}, "a table", 50_000_000))
    assert warm is None


def test_operations_count_at_the_declared_precision() -> None:
    problem = Problem(
        arguments=[Input("a", "f16[n, n]"), Output("c", "f16[n, n]")], reference=lambda a: a @ a,
        benchmarks=["n=1000"], flops="2 * n * n * n", compute_dtype="f16",
    )  # fmt: skip
    ceilings = Ceilings(None, 0, {"f16": 1e6, "f32": 1e3}, "a table")
    floor = physics_floor(problem, problem.benchmarks[0], ceilings)
    # 2e9 operations, of which two levels of Strassen's method need three quarters, at 1e6 per us.
    assert floor is not None and floor.us == pytest.approx(1499.0) and "f16" in floor.reason


def test_nothing_known_is_no_floor() -> None:
    assert physics_floor(COPY, COPY.benchmarks[0], Ceilings(None, 0, {}, "nothing")) is None


@given(st.integers(1, 10**9), st.sampled_from(sorted(PEAKS)))
def test_a_copy_at_the_full_bandwidth_of_the_data_sheet_is_possible(n: int, row: str) -> None:
    """Nobody reaches it; whoever did would have read cold inputs and left in L2 what it holds of the outputs."""
    gpu = gpus.gpu(row)
    problem = Problem(
        arguments=[Input("x", "f32[n]"), Output("y", "f32[n]")], reference=lambda x: x, benchmarks=["n=1"]
    )
    case = type(problem.benchmarks[0])(f"n={n}", {"n": n})
    read, written = 4 * n, max(0, 4 * n - gpu.l2_bytes)
    best = (read + written) / (gpu.dram_gbps * 1e3)
    floor = physics_floor(problem, case, modelled_ceilings(row))
    assert floor is None or floor.us <= best


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("NVIDIA H200", "h200"), ("NVIDIA H100 80GB HBM3", "h100"), ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA L4", "l4"), ("NVIDIA GeForce RTX 4090", "rtx4090"), ("NVIDIA L40S", ""), ("NVIDIA H100 NVL", ""),
        ("NVIDIA GH200 480GB", ""), ("Quadro RTX 4000", ""),
    ],
)  # fmt: skip
def test_cards_are_known_by_their_names_and_others_are_not_guessed(name: str, row: str) -> None:
    assert row_of(Card(name, "", "sm_90", {})) == row


def test_an_unknown_card_has_no_ceilings_and_says_so() -> None:
    unknown = measured_ceilings(Card("NVIDIA B300", "", "sm_103", {"l2_bytes": 1 << 20}))
    assert unknown.dram_bytes_per_us is None and not unknown.flops_per_us and "B300" in unknown.source


def test_ceilings_of_a_known_card_are_no_lower_than_its_data_sheet() -> None:
    ceilings = measured_ceilings(H200)
    assert ceilings.dram_bytes_per_us == 4_800_000
    assert ceilings.flops_per_us["bf16"] >= 989e6 and ceilings.flops_per_us["f32"] >= 989e6 / 3
    assert ceilings.warm_bytes == round(0.05 * (50 << 20))
