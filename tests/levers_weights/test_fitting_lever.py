"""The weights lever of a domain's own agent: how far it goes follows from what the gate said."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conformance.lever import Given, LeverContract, ListedRecord

from kernelevo.learning import Change, PolicyVersion
from kernelevo.learning_interfaces import Fitted
from kernelevo.levers.weights.fitting import FittingLever

HARNESS = Path(__file__).parents[2] / "harness" / "default"
POLICY = PolicyVersion("own", "harness", "before")


@dataclass
class MadeAgent:
    """Writes what it was asked with."""

    asked: list[tuple[str, Path | None, int, float]] = field(default_factory=list)

    def fit(self, text: str, adapter: Path | None, into: Path, seed: int, strength: float) -> Fitted:
        self.asked.append((text, adapter, seed, strength))
        (into / "adapter").write_text(f"{text} {seed} {strength}")
        return Fitted("trained a little", {"strength": strength})


def lever() -> FittingLever:
    return FittingLever(MadeAgent(), lambda harness: f"text of {harness.name}")  # type: ignore[arg-type]


class TestFittingLever(LeverContract):
    @pytest.fixture
    def lever(self) -> FittingLever:
        return lever()

    @pytest.fixture
    def given(self) -> Given:
        return Given(ListedRecord([()]), POLICY, HARNESS)


@pytest.mark.parametrize(
    ("said", "strength"),
    [((), 1.0), (("undecided",), 2.0), (("undecided",) * 5, 4.0), (("reject",), 0.5), (("reject",) * 5, 0.25),
     (("reject", "undecided"), 1.0)],
)  # fmt: skip
def test_the_gate_s_answers_to_this_adapter_size_the_next_step(
    tmp_path: Path, said: tuple[str, ...], strength: float
) -> None:
    own = Change("weights", "x", POLICY.adapter, "after", "why")
    others = [(Change("weights", "x", "another", "after", "why"), "reject"),
              (Change("harness", "x", POLICY.adapter, "after", "why"), "reject")]  # fmt: skip
    agent = MadeAgent()
    made = FittingLever(agent, lambda harness: harness.name)  # type: ignore[arg-type]
    record = ListedRecord([()], changes=[*others, *((own, result) for result in said)])
    change = made.draft(record, POLICY, HARNESS, tmp_path, tmp_path, 7)
    assert change is not None and agent.asked == [("default", tmp_path, 7, strength)]


def test_an_adapter_is_trained_behind_the_harness_that_goes_through_the_gate_beside_it(tmp_path: Path) -> None:
    agent, drafted, into = MadeAgent(), tmp_path / "drafted", tmp_path / "into"
    into.mkdir()
    beside = (Change("harness", str(drafted), "before", "after", "why"),)
    FittingLever(agent, lambda harness: harness.name).draft(  # type: ignore[arg-type]
        ListedRecord([()]), POLICY, HARNESS, None, into, 7, beside
    )
    assert agent.asked == [("drafted", None, 7, 1.0)]
