"""What inputs are drawn from: the right shape and storage, the same for the same seed, and the property each is named
for.
"""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.kernel import distributions
from kernelevo.kernel.dtypes import DTYPES, from_storage, named

F32 = named("f32", "test")
SHAPE = (37, 101)


def draw(distribution: distributions.Distribution, dtype=F32, shape=SHAPE, seed=1, dims=None) -> np.ndarray:
    return from_storage(distribution.draw(np.random.default_rng(seed), shape, dtype, dims), dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_standard_inputs_are_finite_and_reproducible_in_every_type(dtype) -> None:
    for distribution in distributions.standard(dtype):
        stored = distribution.draw(np.random.default_rng(3), SHAPE, dtype)
        again = distribution.draw(np.random.default_rng(3), SHAPE, dtype)
        assert stored.dtype == dtype.storage
        assert stored.shape == SHAPE
        assert stored.tobytes() == again.tobytes()
        assert np.isfinite(from_storage(stored, dtype).astype(np.float64)).all(), distribution.name


def test_other_seeds_and_other_distributions_give_other_numbers() -> None:
    drawn = [draw(distribution).tobytes() for distribution in distributions.standard(F32)]
    assert len(set(drawn)) == len(drawn)
    for distribution in distributions.standard(F32):
        assert draw(distribution, seed=1).tobytes() != draw(distribution, seed=2).tobytes()


def test_each_has_the_property_it_is_named_for() -> None:
    assert abs(draw(distributions.normal(3, 0.1)).mean() - 3) < 0.1
    assert draw(distributions.uniform(2, 3)).min() >= 2
    assert draw(distributions.biased(50)).min() > 40
    magnitudes = np.abs(draw(distributions.wide()))
    assert magnitudes.max() / magnitudes.min() > 2**20
    huge = np.abs(draw(distributions.rare_huge(0.001, 1000))) == 1000
    assert 1 <= huge.sum() <= 0.002 * huge.size
    rows = draw(distributions.constant_rows())
    assert (rows == rows[:, :1]).all()
    assert len(np.unique(rows[:, 0])) == SHAPE[0]
    whole = draw(distributions.integers(-2, 2))
    assert set(np.unique(whole)) == {-2, -1, 0, 1, 2}
    assert (draw(distributions.constant(7)) == 7).all()


def test_specials_come_only_when_declared() -> None:
    kinds = ["nan", "inf", "subnormal", "negative_zero"]
    values = draw(distributions.specials(kinds, 0.2)).astype(np.float32)
    assert np.isnan(values).any()
    assert np.isinf(values).any()
    assert ((values != 0) & (np.abs(values) < np.finfo(np.float32).tiny)).any()
    assert ((values == 0) & np.signbit(values)).any()
    with pytest.raises(BadInput, match="choose from nan, inf"):
        distributions.specials(["nna"])


def test_a_rare_huge_element_is_there_even_in_an_array_of_one() -> None:
    assert abs(draw(distributions.rare_huge(), shape=(1,))[0]) == 1000


def test_limits_may_name_dimensions() -> None:
    labels = draw(distributions.integers(0, "vocabulary - 1"), named("i32", "test"), dims={"vocabulary": 5})
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}
    with pytest.raises(BadInput, match="vocabulary is not known"):
        draw(distributions.integers(0, "vocabulary - 1"), named("i32", "test"))


def test_a_users_own_function_is_checked() -> None:
    ramp = distributions.custom("ramp", lambda rng, shape: np.arange(np.prod(shape)).reshape(shape))
    assert draw(ramp)[0, 5] == 5
    with pytest.raises(BadInput, match=r"flat gave shape \(3,\) where \(37, 101\)"):
        draw(distributions.custom("flat", lambda rng, shape: np.zeros(3)))
