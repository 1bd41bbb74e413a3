"""Pipelines as texts and decisions, and a domain of a few lines over them."""

from __future__ import annotations

import pytest
from conformance.backend import BackendContract

from kernelevo.backends.pipelines import (
    NoPipeline,
    Pipeline,
    PipelineBackend,
    PipelineSession,
    Scored,
    Space,
    Unsound,
)
from kernelevo.decisions import DecisionSettings
from kernelevo.learning import Split
from kernelevo.types import Candidate, Status

SPACE = Space(
    parts=("plain", "smooth", "broken"), weights=(0, 1, 2),
    choices={"width": (3, 1, 9), "kind": ("mean", "median"), "blend": ("linear", "log")},
    start={"plain": 1}, used_by={"width": ("smooth",)}, blends=("blend",), networked=("smooth",),
)  # fmt: skip


class Smoothing(PipelineSession):
    def scored(self, pipeline: Pipeline, level: str, seed: int) -> Scored:
        if pipeline.weights.get("broken"):
            raise Unsound("row 3: it is broken")
        gain = pipeline.weights.get("smooth", 0) / pipeline["width"] + (pipeline["kind"] == "median") + seed % 3 / 100
        return Scored(2.0 / (1.0 + gain), {"gain": gain})


class Smoother(PipelineBackend):
    name = "smoother"
    facts = ("gain",)

    def session(self, task: str, split: Split, group: str) -> Smoothing:
        return Smoothing(task, group, self.device, self.grammar, self.space)


BACKEND = Smoother("smoother", "1", SPACE, ("one", "two"))


class TestSmoother(BackendContract):
    @pytest.fixture
    def backend(self) -> Smoother:
        return BACKEND

    @pytest.fixture
    def session(self) -> PipelineSession:
        return BACKEND.open(BACKEND.tasks(Split.REWARD)[0])

    @pytest.fixture
    def settings(self) -> DecisionSettings:
        return DecisionSettings(dict.fromkeys(SPACE.rules, 0.0))


def test_a_pipeline_passes_as_text_and_leaves_out_what_does_not_matter() -> None:
    pipeline = SPACE.pipeline({"plain": 1, "smooth": 2}, width=9, blend="log")
    assert SPACE.text(pipeline) == "weigh plain = 1\nweigh smooth = 2\nwidth = 9\nkind = mean\nblend = log\n"
    assert SPACE.text(SPACE.read(SPACE.text(pipeline))) == SPACE.text(pipeline)
    assert SPACE.text(SPACE.read("weigh plain = 1  # as it is\nwidth = 9\n\n")) == "weigh plain = 1\nkind = mean\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no part weighs anything"),
        ("weigh plain = 0", "no part weighs anything"),
        ("weigh magic = 1", "line 1: 'magic' is none of plain, smooth"),
        ("weigh plain = 1\nwidth = 7", "line 2: '7' is none of 3, 1, 9"),
        ("weigh plain = 1\nimport os", "line 2: 'import os' is none of"),
        ("weigh plain = 1\nweigh plain = 1e9", "line 2: '1e9' is none of 0, 1"),
        ("#" * 3000, "3,000 characters"),
    ],
)
def test_what_is_no_pipeline_is_told_by_its_line(text: str, words: str) -> None:
    with pytest.raises(NoPipeline, match=words):
        SPACE.read(text)
    verdict = BACKEND.open("reward-one").judge(Candidate(text or "\n"), 1)
    assert verdict.status is Status.BUILD_ERROR


def test_a_network_is_named_where_a_part_asks_it_and_kept_by_every_move() -> None:
    text = "weigh smooth = 1\nwidth = 3\nkind = mean\nnetwork = 00112233445566ff\n"
    pipeline = SPACE.read(text)
    assert pipeline.network == "00112233445566ff" and SPACE.text(pipeline) == text
    assert all(made.network == pipeline.network for _, made in SPACE.legal(pipeline))
    plain = SPACE.read("weigh plain = 1\nnetwork = 00112233445566ff\n")
    assert "network" not in SPACE.text(plain)
    for word in ("../../x", "00112233445566FF", "0011", ""):
        with pytest.raises(NoPipeline, match=r"line 2: .* names no network"):
            SPACE.read(f"weigh smooth = 1\nnetwork = {word}\n")


def test_every_legal_decision_makes_another_program_and_no_two_the_same() -> None:
    for start in (SPACE.pipeline(), SPACE.pipeline({"plain": 1, "smooth": 2}), SPACE.pipeline({"smooth": 2})):
        made = [SPACE.text(pipeline) for _, pipeline in SPACE.legal(start)]
        assert SPACE.text(start) not in made
        assert {decision.rule for decision, _ in SPACE.legal(start)} <= set(SPACE.rules)
        decisions = [str(decision) for decision, _ in SPACE.legal(start)]
        assert len(set(decisions)) == len(decisions)


def test_what_cannot_be_scored_is_wrong_and_seeds_are_told_apart() -> None:
    session = BACKEND.open("gate-two")
    wrong = session.judge(Candidate("weigh broken = 1\n"), 1)
    assert wrong.status is Status.WRONG and wrong.feedback == "row 3: it is broken" and session.reward(wrong) == 0.0
    better = Candidate("weigh smooth = 2\nkind = median\n")
    rewards = [session.reward(session.judge(better, seed)) for seed in (0, 1)]
    assert rewards[0] != rewards[1] and all(reward > 1.5 for reward in rewards)
