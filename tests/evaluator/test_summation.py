"""A reference evaluated in a style adds up in that style's order and rounds at its precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelevo.evaluators.contractions import EXACT_TERMS
from kernelevo.evaluators.styles import LANES, PRECISIONS, STYLES
from kernelevo.evaluators.summation import Rounded

F32 = np.float32
Sum = Callable[[np.ndarray], np.float32]


def one_by_one(terms: np.ndarray) -> np.float32:
    total = F32(0)
    for term in terms:
        total = F32(total + term)
    return total


def by_lanes(terms: np.ndarray, lanes: int) -> np.float32:
    partial = [one_by_one(terms[lane::lanes]) for lane in range(lanes)]
    while len(partial) > 1:
        half = len(partial) // 2
        partial = [F32(partial[place] + partial[place + half]) for place in range(half)]
    return partial[0]


BY_HAND: dict[str, Sum] = {
    "sequential": one_by_one,
    "reversed": lambda terms: one_by_one(terms[::-1]),
    "lanes": lambda terms: by_lanes(terms, LANES),
    "fours": lambda terms: by_lanes(terms, 4),
}


def styled(array: np.ndarray, style: str, precision: str = "f32") -> Rounded:
    return Rounded.of(array, STYLES[style](PRECISIONS[precision]))


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(3.0, 5.0, shape).astype(F32)


@pytest.mark.parametrize("style", BY_HAND)
@pytest.mark.parametrize("count", [1, 3, 32, 77, 1000])
def test_a_sum_is_added_up_in_its_order(style: str, count: int) -> None:
    terms = numbers(count)
    assert styled(terms, style).sum() == BY_HAND[style](terms)


@pytest.mark.parametrize("style", BY_HAND)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_sum_over_any_axis_is_added_up_in_its_order(style: str, axis: int) -> None:
    table = numbers(67, 41)
    wanted = np.apply_along_axis(BY_HAND[style], axis, table)
    assert np.array_equal(np.asarray(styled(table, style).sum(axis=axis)), wanted)
    assert styled(table, style).sum(axis=axis, keepdims=True).ndim == 2


def test_the_orders_differ_where_floating_point_does() -> None:
    terms = numbers(4096)
    assert len({float(styled(terms, style).sum()) for style in STYLES}) >= 4


@pytest.mark.parametrize("style", ["sequential", "lanes"])
def test_a_mean_and_a_variance_use_the_order(style: str) -> None:
    terms = numbers(999)
    assert styled(terms, style).mean() == F32(BY_HAND[style](terms) / F32(999))
    assert np.mean(styled(terms, style)) == styled(terms, style).mean()
    centred = terms - F32(BY_HAND[style](terms) / F32(999))
    assert styled(terms, style).var() == F32(BY_HAND[style](centred * centred) / F32(999))


@pytest.mark.parametrize("style", BY_HAND)
def test_a_short_product_of_matrices_adds_rounded_products_in_order(style: str) -> None:
    left, right = numbers(3, EXACT_TERMS), numbers(EXACT_TERMS, 2)
    wanted = np.array([[BY_HAND[style](row * column) for column in right.T] for row in left])
    for product in (
        styled(left, style) @ right,
        np.dot(styled(left, style), right),
        left @ styled(right, style),
        np.einsum("ik,kj->ij", styled(left, style), right),
        np.tensordot(styled(left, style), right, axes=1),
        styled(left, style).dot(right),
    ):
        assert np.array_equal(np.asarray(product), wanted)


def test_a_long_product_has_the_error_of_its_order() -> None:
    left, right = numbers(8, 1024), numbers(1024, 8)
    exact = left.astype(np.float64) @ right.astype(np.float64)
    by_hand = np.array([[one_by_one(row * column) for column in right.T] for row in left])
    real = np.sqrt(np.mean((by_hand - exact) ** 2))
    shown = np.sqrt(np.mean((np.asarray(styled(left, "sequential") @ right) - exact) ** 2))
    assert real / 3 < shown < real * 3


@pytest.mark.parametrize(("precision", "bits"), [("f64", 53), ("f32", 24), ("f16", 11), ("bf16", 8)])
def test_every_result_is_rounded_to_the_precision(precision: str, bits: int) -> None:
    values = np.random.default_rng(3).uniform(1.0, 2.0, 500)
    for result in (styled(values, "lanes", precision) * 0.7, np.sqrt(styled(values, "lanes", precision))):
        mantissa, _ = np.frexp(np.asarray(result).astype(np.float64))
        scaled = mantissa * 2.0**bits
        assert np.array_equal(scaled, np.rint(scaled))
        if bits < 53:
            assert not np.array_equal(scaled / 4, np.rint(scaled / 4))


def test_bf16_rounds_to_nearest_even() -> None:
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, np.nan, np.inf, -np.inf, 0.0])
    rounded = np.asarray(styled(ties, "lanes", "bf16"))
    assert rounded[:3].tolist() == [1.0, 1 + 2**-6, 1 + 2**-7]
    assert np.isnan(rounded[3]) and rounded[4:].tolist() == [np.inf, -np.inf, 0.0]


def test_a_reference_that_asks_for_float64_does_not_get_it() -> None:
    values = numbers(100)
    assert np.asarray(styled(values, "lanes").astype(np.float64) / 3).dtype == F32
    assert np.asarray(styled(values, "lanes") * np.arange(100)).dtype == F32


def test_jitter_moves_results_by_an_ulp_and_leaves_exact_ones_alone() -> None:
    values = numbers(20000)
    moved = np.asarray(styled(values, "jitter") + F32(1))
    plain = values + F32(1)
    relative = np.abs(moved / plain.astype(np.float64) - 1)
    assert 2**-24 < relative.max() < 2**-22
    assert (moved > plain).any() and (moved < plain).any()
    assert np.array_equal(np.asarray(np.maximum(styled(values, "jitter"), F32(0))), np.maximum(values, 0))


def test_functions_that_forget_the_class_do_not_lose_the_style() -> None:
    values = numbers(4096)
    chosen = np.where(styled(values, "sequential") > -100, styled(values, "sequential"), F32(0))
    assert chosen.sum() == one_by_one(values)


def test_in_place_operations_and_masked_sums_work() -> None:
    values = numbers(50)
    array = styled(values.copy(), "sequential")
    array -= F32(1)
    assert np.array_equal(np.asarray(array), values - F32(1))
    mask = values > 0
    assert styled(values, "sequential").sum(where=mask) == one_by_one(values[mask])
    assert styled(values, "sequential").sum(initial=2.0) == F32(one_by_one(values) + F32(2))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(4, 100), (100, 3)]), ("bij,bjk->bik", [(2, 3, 70), (2, 70, 4)]),
        ("ij,ij->i", [(5, 90), (5, 90)]), ("ij->j", [(90, 4)]), ("ii->i", [(6, 6)]), ("ii,ij->j", [(6, 6), (6, 3)]),
        ("i,i->", [(80,), (80,)]), ("ij,j,jk->ik", [(3, 66), (66,), (66, 2)]),
    ],
)  # fmt: skip
def test_every_einsum_means_what_numpy_means_by_it(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [np.random.default_rng(8).normal(size=shape) for shape in shapes]
    got = np.einsum(subscripts, *(styled(array, "lanes", "f64") for array in arrays))
    assert np.allclose(np.asarray(got), np.einsum(subscripts, *arrays), rtol=1e-12)


@pytest.mark.parametrize("shapes", [((3, 70), (70,)), ((70,), (70, 2)), ((70,), (70,)), ((2, 3, 70), (70, 4))])
def test_products_of_any_rank_mean_what_numpy_means_by_them(shapes: tuple[tuple[int, ...], ...]) -> None:
    left, right = (np.random.default_rng(8).normal(size=shape) for shape in shapes)
    assert np.allclose(np.asarray(styled(left, "fours", "f64") @ right), left @ right, rtol=1e-12)
    assert np.allclose(np.asarray(np.dot(left, styled(right, "fours", "f64"))), np.dot(left, right), rtol=1e-12)
    assert np.allclose(np.asarray(np.inner(styled(left, "fours", "f64"), left)), np.inner(left, left), rtol=1e-12)
