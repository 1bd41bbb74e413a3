"""The words for what a model took: what is not known is said to be so."""

from __future__ import annotations

from dataclasses import replace

from kernelevo.language_model import ModelUse, Usage
from kernelevo.report_model import model_json, model_lines

USE = ModelUse("openai:m", 3, 0, 10, Usage(1200, 3400, 100), 0.0125, 4600, {"program": 8, "no_code": 2}, 7, 4, "")


def told(use: ModelUse) -> str:
    return "\n".join(model_lines(use))


def test_calls_replies_programs_and_tokens_are_told() -> None:
    assert told(USE) == (
        "model openai:m: 3 calls, 10 replies, 2 without a program (2 no code); 7 programs, 4 passed\n"
        "  tokens: 4,600 (prompt 1,200, 100 of them cached; completion 3,400); cost: 0.0125"
    )


def test_an_unknown_cost_is_never_zero() -> None:
    assert "cost: unknown (--price IN OUT gives one)" in told(replace(USE, cost=None))
    assert "cost: unknown" in told(replace(USE, cost=None, replies=0))
    assert model_json(replace(USE, cost=None))["cost"] is None


def test_what_was_lost_or_estimated_or_stopped_is_said() -> None:
    words = told(replace(USE, unanswered=1, counted=9000, usage=Usage(1, 2, estimated=True), stopped="no \x1bmore"))
    assert "3 calls, 1 of them unanswered" in words and "the budget counts 9,000" in words
    assert "our own estimate" in words and "the unanswered left aside" in words and words.endswith("  no \\x1bmore")


def test_one_is_one() -> None:
    use = replace(USE, calls=1, replies=1, outcomes={"program": 1}, candidates=1, passed=1)
    assert "1 call, 1 reply, 0 without a program; 1 program, 1 passed" in told(use)
