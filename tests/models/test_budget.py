"""Budgets: a call that does not fit is made smaller, or is not made; what is not known counts as its forecast."""

from __future__ import annotations

import pytest

from kernelevo.language_model import Price, Usage
from kernelevo.models.budget import LEAST_REPLY, Forecast, Spent, TokenBudget


def test_what_fits_is_left_as_it_was_asked() -> None:
    forecast = TokenBudget(10_000).forecast(Spent(), 1000, 4, 1000)
    assert forecast == Forecast(4, 1000, Usage(1000, 4000, estimated=True), None)


def test_fewer_replies_come_first_then_shorter_ones() -> None:
    budget = TokenBudget(10_000)
    forecasts = [budget.forecast(Spent(spent), 1000, 4, 2000) for spent in (0, 2000, 6500, 7500, 8200, 8700)]
    assert [(one.n, one.max_tokens) for one in forecasts if isinstance(one, Forecast)] == [
        (4, 2000), (3, 2000), (1, 2000), (1, 1000), (1, 500), (1, LEAST_REPLY),
    ]  # fmt: skip


@pytest.mark.parametrize("spent", [0, 1, 999, 5000, 8743, 8744, 8745, 9999, 10_000, 20_000])
@pytest.mark.parametrize("n", [1, 4])
def test_no_forecast_is_beyond_the_limit(spent: int, n: int) -> None:
    forecast = TokenBudget(10_000).forecast(Spent(spent), 1000, n, 2000)
    if isinstance(forecast, str):
        assert spent + 1000 + LEAST_REPLY > 10_000 and "tokens were used" in forecast
    else:
        assert spent + forecast.usage.total <= 10_000


def test_money_is_a_limit_of_its_own() -> None:
    budget = TokenBudget(10**9, max_cost=0.01, price=Price(1.0, 2.0))
    forecast = budget.forecast(Spent(0, 0.0), 1000, 4, 1000)
    assert isinstance(forecast, Forecast) and forecast.n == 4 and forecast.cost == pytest.approx(0.009)
    less = budget.forecast(Spent(0, 0.004), 1000, 4, 1000)
    assert isinstance(less, Forecast) and less.n == 2
    none = budget.forecast(Spent(0, 0.0099), 1000, 4, 1000)
    assert isinstance(none, str) and "0.0099 of 0.01 spent" in none


def test_what_is_not_known_stays_unknown() -> None:
    assert Spent(1, 0.5).plus(2, None) == Spent(3, None)
    assert isinstance(TokenBudget(10**9, 1.0, Price(1, 1)).forecast(Spent(0, None), 1, 1, 300), str)
