"""The settings of the rules: what a file may say, and in which order rules are then tried."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from applying import PROPERTIES, passed, settings
from problems import all_problems, text_of

from kernelevo.errors import BadInput
from kernelevo.proposers.rules import RuleSettings, RulesProposer, read_rule_settings
from kernelevo.proposers.rules.evidence import symptoms
from kernelevo.types import Candidate, CaseResult, Figure

VECTORS = """\
[vector_loads]
why = "Fewer instructions."
on = true
helps = ["narrow"]
then = ["keep_row"]
width = [4, 2]
"""


def test_a_table_becomes_a_setting() -> None:
    (setting,) = read_rule_settings(VECTORS, "rules.toml").rules
    assert setting.name == "vector_loads"
    assert setting.parameters == {"width": (4, 2)}
    assert (setting.helps, setting.then) == (frozenset({"narrow"}), ("keep_row",))


def test_a_rule_that_is_off_is_left_out() -> None:
    assert read_rule_settings(VECTORS.replace("on = true", "on = false"), "rules.toml").rules == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[vector_loads]", "[vector_load]", "is no rule"),
        ("width = [4, 2]", "width = [4, 0]", "positive whole numbers"),
        ("width = [4, 2]", "widths = [4]", "widths"),
        ("width = [4, 2]", "width = []", "positive whole numbers"),
        ('why = "Fewer instructions."', 'why = ""', "sentence"),
        ('helps = ["narrow"]', 'helps = ["slow"]', "scattered"),
        ('then = ["keep_row"]', "then = 3", "list of words"),
        ("on = true", "on = 1", "on = true"),
        ("[vector_loads]", "[vector_loads", "no TOML"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput, match=r"^rules\.toml: ") as refused:
        read_rule_settings(VECTORS.replace(old, new), "rules.toml")
    assert message in str(refused.value)


def test_a_rule_that_is_off_proposes_nothing() -> None:
    problem, parent = all_problems()["row_norm"], passed(Candidate(text_of("row_norm")))
    only = RuleSettings(tuple(rule for rule in settings().rules if rule.name == "row_per_warp"))
    assert len(RulesProposer(problem, PROPERTIES, only).propose(parent, frozenset(), 9)) == 1
    assert RulesProposer(problem, PROPERTIES, RuleSettings(())).propose(parent, frozenset(), 9) == []


def test_rules_that_help_with_what_was_seen_come_first() -> None:
    problem, parent = all_problems()["dot_atomic"], passed(Candidate(text_of("dot_atomic")))
    backwards = RulesProposer(problem, PROPERTIES, RuleSettings(tuple(reversed(settings().rules))))
    blind = backwards.propose(parent, frozenset(), 1)[0]
    assert not blind.moves[0].startswith("atomic_reduce")
    time = Figure(10.0, "us", "virtual:h100", "modelled")
    case = CaseResult("n=65536", {"n": 65536}, time, {"global_atomic_hottest": 65536}, "atomics", 0.0)
    seeing = replace(parent, verdict=replace(parent.verdict, cases=(case,)))
    assert backwards.propose(seeing, frozenset(), 1)[0].moves[0].startswith("atomic_reduce")


def test_symptoms_are_read_from_counters() -> None:
    problem, time = all_problems()["axpy"], Figure(10.0, "us", "virtual:h100", "modelled")
    good = {"global_load_sectors": 64, "global_load_requests": 4, "global_load_bytes": 2048}

    def shown(**changes: int) -> frozenset[str]:
        case = CaseResult("n", {"n": 1024}, time, {**good, **changes}, "dram", 0.0)
        return symptoms(replace(passed(Candidate("x")).verdict, cases=(case,)), problem)

    assert shown() == frozenset()
    assert shown(global_load_sectors=1024) == {"scattered"}
    assert shown(global_atomic_hottest=5000) == {"contended"}
    assert shown(global_load_requests=16) == {"narrow"}
    assert shown(global_load_sectors=2048, global_load_bytes=65536, global_load_requests=100) == {"rereading"}
    assert symptoms(passed(Candidate("x")).verdict, problem) == frozenset()


def test_text_that_is_not_understood_is_left_alone() -> None:
    problem = all_problems()["row_norm"]
    broken = text_of("row_norm").replace("float squares = 0;", "float squares = = 0;")
    proposer = RulesProposer(problem, PROPERTIES, settings())
    assert proposer.propose(passed(Candidate(broken)), frozenset(), 9) == []


@pytest.mark.parametrize(
    "value",
    ["(" * 3000 + "1" + ")" * 3000, "1" + " + (1" * 2000 + ")" * 2000, "- " * 4000 + "1"],
    ids=["parentheses", "sums", "signs"],
)
def test_deep_nesting_is_left_alone(value: str) -> None:
    problem = all_problems()["row_norm"]
    text = text_of("row_norm").replace("float squares = 0;", f"float squares = {value};")
    proposer = RulesProposer(problem, PROPERTIES, settings())
    assert proposer.propose(passed(Candidate(text)), frozenset(), 9) == []


@pytest.mark.parametrize("step", ["{0} * {0}", "{0} / {0}", "({0} + rows) * ({0} + cols)"])
def test_expressions_that_explode_are_left_alone_in_little_time(step: str) -> None:
    problem = all_problems()["row_norm"]
    lines = ["const int v0 = rows + cols;"]
    lines += [f"const int v{number + 1} = {step.format(f'v{number}')};" for number in range(60)]
    text = text_of("row_norm").replace("p[j], p[j]", "p[j + v60], p[j + v60]")
    text = text.replace("  const int r =", "  " + "\n  ".join(lines) + "\n  const int r =")
    began = time.monotonic()
    proposer = RulesProposer(problem, PROPERTIES, settings())
    moves = [one.moves for one in proposer.propose(passed(Candidate(text)), frozenset(), 9)]
    assert time.monotonic() - began < 5.0
    assert not any(move[0].startswith("row_per") for move in moves)
