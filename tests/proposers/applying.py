"""Applies rules to the test kernels, with the default settings."""

from __future__ import annotations

from pathlib import Path

from problems import all_problems, text_of

from kernelevo.kernel.problem import Problem
from kernelevo.proposers.rules import RuleSettings, RulesProposer, read_rule_settings
from kernelevo.proposers.rules.catalogue import RULES
from kernelevo.proposers.rules.subject import Rewrite, Subject
from kernelevo.types import Attempt, Candidate, Check, Figure, Status, Verdict

SETTINGS_FILE = Path(__file__).parents[2] / "harness" / "rules.toml"
PROPERTIES = {"sms": 132, "warp": 32}


def settings() -> RuleSettings:
    return read_rule_settings(SETTINGS_FILE.read_text(encoding="utf-8"), "rules.toml")


def rewrites(rule: str, text: str, problem: Problem) -> list[Rewrite]:
    """What the rule makes of the text, with its default parameters."""
    setting = settings().named(rule)
    assert setting is not None, f"{rule} is off by default"
    return list(RULES[rule][0](Subject.read(text, {}, problem, PROPERTIES), setting.parameters))


def rewrites_of(rule: str, kernel: str) -> list[Rewrite]:
    return rewrites(rule, text_of(kernel), all_problems()[kernel])


def chain(text: str, problem: Problem, *rules: str) -> str:
    """The text after one rule after the other, the first rewrite of each."""
    for rule in rules:
        found = rewrites(rule, text, problem)
        assert found, f"{rule} does not fire on\n{text}"
        text = found[0].text
    return text


def proposer(problem: Problem) -> RulesProposer:
    return RulesProposer(problem, PROPERTIES, settings())


def passed(candidate: Candidate) -> Attempt:
    """An attempt whose verdict says that it passed, with no counters."""
    score = Figure(10.0, "us", "virtual:h100", "modelled")
    checks = (Check("compare", True, "all cases"),)
    return Attempt(candidate, Verdict(candidate.id, "virtual:h100", Status.PASSED, "fine", score, checks=checks))
