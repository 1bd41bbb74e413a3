"""What a loop may use, and who says no: one account for evaluations, tokens, money, seconds and seconds of a GPU.

Every call is asked for before it is made, with a forecast of the most it may take. A generation's evaluations are split
among tasks here; the harness weighs the split and has no say in its size.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kernelevo.errors import BadInput
from kernelevo.learning import Spending

DEFAULT_EVALUATIONS = 2000
_WHOLE = ("evaluations", "tokens")


@dataclass(frozen=True)
class LoopLimits:
    """Of a whole run, sessions that were resumed included; None: no limit."""

    evaluations: int = DEFAULT_EVALUATIONS
    tokens: int | None = None
    money: float | None = None
    seconds: float | None = None
    gpu_seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise BadInput(f"--budget {name}={value:g} leaves nothing to be used; give a positive number")


def read_limits(text: str) -> LoopLimits:
    """The limits that `evaluations=400,seconds=600` says; raises BadInput for what is no limit."""
    names = [field.name for field in dataclasses.fields(LoopLimits)]
    given: dict[str, float] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = word.partition("=")
        name = name.strip().replace("-", "_")
        if name not in names:
            raise BadInput(f"--budget {word!r}: there is no such limit; write {', '.join(names)}, as in seconds=600")
        if name in given:
            raise BadInput(f"--budget names {name} twice; give it once")
        given[name] = _number(name, value, word)
    if not given:
        raise BadInput(f"--budget {text!r} names no limit; write {', '.join(names)}, as in seconds=600")
    return LoopLimits(**given)  # type: ignore[arg-type]


def _number(name: str, value: str, word: str) -> float:
    try:
        return int(value) if name in _WHOLE else float(value)
    except ValueError:
        kind = "a whole number" if name in _WHOLE else "a number"
        raise BadInput(f"--budget {word!r}: {value!r} is not {kind}; write, say, {name}=400") from None


class Account:
    """What is left. `spent` tells what the record says was used, this session's seconds included; `unasked` why the
    model that acts was not asked its last question (nothing if it was): too little was left for one.
    """

    def __init__(
        self, limits: LoopLimits, spent: Callable[[], Spending], unasked: Callable[[], str] = lambda: ""
    ) -> None:
        self.limits = limits
        self._spent = spent
        self._unasked = unasked
        self.stopped = ""
        """Why the last round was not begun or not made larger; nothing if it was."""

    def spent(self) -> Spending:
        return self._spent()

    def left(self) -> dict[str, float | None]:
        """Of each limit what is left; None where there is no limit."""
        spent = vars(self._spent())
        return {
            name: None if limit is None else max(0.0, limit - (spent[name] or 0.0))
            for name, limit in vars(self.limits).items()
        }

    def evaluations_left(self) -> int:
        return max(0, self.limits.evaluations - self._spent().evaluations)

    def forecast(self, evaluations: int) -> Spending:
        """What so many more take, by what those before have taken on average."""
        spent = self._spent()
        share = evaluations / spent.evaluations if spent.evaluations else 0.0
        return Spending(evaluations, seconds=spent.seconds * share, gpu_seconds=spent.gpu_seconds * share)

    def stops(self, evaluations: int) -> str:
        """Why a round of so many may not be made, or nothing; it is remembered as `stopped`."""
        self.stopped = self.refusal(self.forecast(evaluations))
        return self.stopped

    def refusal(self, forecast: Spending) -> str:
        """Why a call of this size may not be made, or nothing."""
        spent, after = self._spent(), self._spent() + forecast
        for name, limit in vars(self.limits).items():
            if limit is None:
                continue
            used, then = getattr(spent, name), getattr(after, name)
            if then is None:
                return f"money is limited to {limit:g}, and nobody knows what a reply costs: give --price IN OUT"
            if then > limit or used >= limit:
                return f"the budget is used up: {used:,.6g} of {limit:,.6g} {name.replace('_', ' ')}"
        return self._unasked()


def split_evaluations(
    total: int, families: Sequence[str], shares: Mapping[str, float], turn: int = 0
) -> list[int]:
    """`total` evaluations among tasks of these families, by the families' weights (1 where none is given), whole
    numbers that sum to `total`. What does not divide goes to the largest remainders; equal ones take turns.
    """
    if not families:
        return []
    weights = [max(0.0, shares.get(family, 1.0)) for family in families]
    whole = sum(weights)
    if whole <= 0:
        weights, whole = [1.0] * len(families), float(len(families))
    exact = [total * weight / whole for weight in weights]
    given = [math.floor(each) for each in exact]
    count = len(families)
    order = sorted(range(count), key=lambda at: (-(round(exact[at] - given[at], 9)), (at - turn) % count))
    for at in order[: total - sum(given)]:
        given[at] += 1
    return given
