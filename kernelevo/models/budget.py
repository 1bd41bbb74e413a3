"""What a run may spend on a model, and what the next call may take of it: decided before the call, from a forecast.

A call whose end is not known (the program was killed, or the connection broke before a figure came) counts as its
forecast, so that a limit holds whatever happened to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.language_model import Price, Usage

LEAST_REPLY = 256
"""Tokens below which a reply is not worth asking for."""


@dataclass(frozen=True)
class Forecast:
    """What a call of `n` replies of at most `max_tokens` takes at most."""

    n: int
    max_tokens: int
    usage: Usage
    cost: float | None


@dataclass(frozen=True)
class Spent:
    """Tokens, and money (None: not known)."""

    tokens: int = 0
    cost: float | None = 0.0

    def plus(self, tokens: int, cost: float | None) -> Spent:
        return Spent(self.tokens + tokens, None if self.cost is None or cost is None else self.cost + cost)


@dataclass(frozen=True)
class TokenBudget:
    """Limits of a whole run; money is limited only where there is a price."""

    max_tokens: int
    max_cost: float | None = None
    price: Price | None = None

    def forecast(self, spent: Spent, prompt_tokens: int, n: int, max_tokens: int) -> Forecast | str:
        """The largest call that fits: fewer replies first, then a shorter one. If none does, the sentence that says
        so.
        """
        for count in range(n, 0, -1):
            if fits := self._call(spent, prompt_tokens, count, max_tokens):
                return fits
        for shorter in (max_tokens // 2, max_tokens // 4, LEAST_REPLY):
            if LEAST_REPLY <= shorter < max_tokens and (fits := self._call(spent, prompt_tokens, 1, shorter)):
                return fits
        return self._refusal(spent)

    def _call(self, spent: Spent, prompt_tokens: int, n: int, max_tokens: int) -> Forecast | None:
        usage = Usage(prompt_tokens, n * max_tokens, estimated=True)
        cost = None if self.price is None else self.price.of(usage)
        if spent.tokens + usage.total > self.max_tokens:
            return None
        if self.max_cost is not None and (cost is None or spent.cost is None or spent.cost + cost > self.max_cost):
            return None
        return Forecast(n, max_tokens, usage, cost)

    def _refusal(self, spent: Spent) -> str:
        money = ""
        if self.max_cost is not None and spent.cost is not None:
            money = f", and {spent.cost:.4g} of {self.max_cost:g} spent"
        return f"no further call fits the budget: {spent.tokens:,} of {self.max_tokens:,} tokens were used{money}"
