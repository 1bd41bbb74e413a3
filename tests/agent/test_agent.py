"""The agent as a proposer: conversations over a script, their results, bounds, and that nothing is paid for twice."""

from __future__ import annotations

import dataclasses

import pytest
from conformance.proposer import ProposerContract
from policy.made import passed, variant

from agent.made import NOTHING, START, agent, call, given, harness
from kernelevo.harness import Skill
from kernelevo.interfaces import Proposer
from kernelevo.language_model import Usage
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Attempt, Candidate, Status, Verdict


class TestAgent(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return agent(*(given("submit", number) for number in range(9)), own=harness(replies=4)).proposer

    @pytest.fixture
    def parent(self) -> Attempt:
        return START


def failed(candidate: Candidate) -> Attempt:
    words = "y[17] is 3.25, expected 41.75 at n=4099 (12.5 %)"
    return Attempt(candidate, Verdict(candidate.id, "virtual:h100", Status.WRONG, words))


def test_a_conversation_reads_loads_and_submits() -> None:
    one = agent(call("read_profile"), call("load_skill", name="vector_loads"), given("submit", 1))
    (made,) = one.proposer.propose(START, NOTHING, 1)
    assert (made.text, made.proposer, made.parent) == (variant(1), "agent", START.candidate.id)
    assert made.moves == ("scripted: variant 1",)
    opening, profile, skill = (prompt.messages for prompt in one.model.asked)
    assert "load_skill" in opening[0].text and "vector_loads: when each lane" in opening[0].text
    assert "float4" not in opening[0].text + opening[1].text
    assert "The kernel you were given:\n- n=4096: 10 us (modelled), limited by DRAM bandwidth" in profile[-1].text
    assert "const float4* rows" in skill[-1].text
    assert [message.role for message in skill] == ["system", *["user", "assistant"] * 2, "user"]
    outcomes = [note["outcomes"] for note in one.store.notes("model_read")]
    assert outcomes == [["call_read_profile"], ["call_load_skill"], ["program"]]


def test_a_check_waits_for_the_search_and_goes_on_with_its_verdict() -> None:
    one = agent(given("check_candidate", 1), call("read_diagnostics"), given("submit", 2))
    (checked,) = one.proposer.propose(START, NOTHING, 1)
    one.judged.append(failed(checked))
    (submitted,) = one.proposer.propose(START, frozenset([checked.id]), 1)
    assert submitted.text == variant(2) and len(one.model.asked) == 3
    told = one.model.asked[1].messages[-1].text
    assert "It failed, wrong: " in told and "About 1e+01 % of the elements" in told
    assert "expected" not in one.shown() and "41.75" not in one.shown() and "4099" not in one.shown()


def test_while_a_check_waits_another_conversation_begins() -> None:
    texts = (given("check_candidate", 1), given("check_candidate", 2), given("submit", 3))
    one = agent(*texts, own=harness(replies=2))
    (first,) = one.proposer.propose(START, NOTHING, 1)
    (second,) = one.proposer.propose(START, frozenset([first.id]), 1)
    assert second.text == variant(2) and len(one.model.asked[1].messages) == 2
    assert one.proposer.propose(START, frozenset([first.id, second.id]), 1) == [] and len(one.model.asked) == 2
    one.judged += [passed(first, 5.0), passed(second, 20.0)]
    (third,) = one.proposer.propose(START, frozenset([first.id, second.id]), 1)
    assert third.text == variant(3) and "It passed, 5 us" in one.shown() and len(one.model.asked[2].messages) == 4


def test_a_profile_is_of_the_last_candidate_that_passed() -> None:
    one = agent(given("check_candidate", 1), call("read_profile"), given("submit", 2))
    (checked,) = one.proposer.propose(START, NOTHING, 1)
    one.judged.append(passed(checked, 2.5))
    one.proposer.propose(START, frozenset([checked.id]), 1)
    assert one.shown().startswith("Your last candidate:\n- n=4096: 2.5 us")


def test_what_was_tried_elsewhere_is_said_to_be() -> None:
    elsewhere = Candidate(variant(1))
    one = agent(given("check_candidate", 1), given("submit", 2))
    (made,) = one.proposer.propose(START, frozenset([elsewhere.id]), 1)
    assert made.text == variant(2) and "was tried elsewhere" in one.shown()


def test_a_killed_run_goes_on_in_the_middle_and_pays_for_nothing_again() -> None:
    store = MemoryStore()
    first = agent(call("read_profile"), given("check_candidate", 1), store=store)
    (checked,) = first.proposer.propose(START, NOTHING, 1)
    again = agent(given("submit", 2), store=store)
    assert again.proposer.propose(START, NOTHING, 1) == [checked] and again.model.asked == []
    again.judged.append(passed(checked))
    (submitted,) = again.proposer.propose(START, frozenset([checked.id]), 1)
    assert submitted.text == variant(2) and len(again.model.asked) == 1
    assert len(again.model.asked[0].messages) == 6


def test_calls_are_bounded_and_the_last_is_announced() -> None:
    one = agent(*[call("read_profile")] * 20, own=harness(calls=3))
    assert one.proposer.propose(START, NOTHING, 1) == []
    assert len(one.model.asked) == 6
    assert "This is your last call: submit." in one.model.asked[2].messages[-1].text
    assert "last call" not in one.model.asked[1].messages[-1].text


def test_tokens_of_a_conversation_are_bounded() -> None:
    one = agent(*[call("read_profile")] * 20, own=harness(tokens=1000), usage=Usage(400, 100))
    assert one.proposer.propose(START, NOTHING, 1) == []
    assert [len(prompt.messages) for prompt in one.model.asked] == [2, 4, 2, 4]


def test_the_budget_of_the_run_ends_it() -> None:
    one = agent(*[call("read_profile")] * 20, tokens=50)
    assert one.proposer.propose(START, NOTHING, 1) == [] and one.model.asked == []


def test_misread_replies_are_told_and_three_in_a_row_end_a_conversation() -> None:
    one = agent(*["I think.", "Hm.", "Well."] * 3, given("submit", 1))
    assert one.proposer.propose(START, NOTHING, 1) == []
    assert len(one.model.asked) == 6
    assert one.model.asked[1].messages[-1].text == "Its first line was no call in JSON. Answer with one call."
    assert one.store.notes("model_read")[0]["outcomes"] == ["no_call"]


def test_conversations_that_say_the_same_end() -> None:
    one = agent(*[given("check_candidate", 1)] * 50, own=harness(replies=8))
    (made,) = one.proposer.propose(START, NOTHING, 1)
    assert one.proposer.propose(START, frozenset([made.id]), 1) == []
    assert len(one.model.asked) <= 4


def test_the_kernel_itself_is_no_candidate() -> None:
    one = agent(f"{call('submit')}\n```cuda\n{START.candidate.text}```", given("submit", 1))
    (made,) = one.proposer.propose(START, NOTHING, 1)
    assert made.text == variant(1) and "the one that you were given" in one.shown()


def test_the_checklist_is_told_again_where_the_harness_says_so() -> None:
    one = agent(*[call("read_profile")] * 4, given("submit", 1), own=harness(checklist_every=2))
    one.proposer.propose(START, NOTHING, 1)
    told = ["# Skills\n- coalescing: " in prompt.messages[-1].text for prompt in one.model.asked]
    assert told == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "coalescing"}, "A warp's 32 lanes"),
        ({"name": "none"}, "There is no such skill; there are coalescing"),
        ({}, "no such skill"), ({"name": "../../../etc/passwd"}, "no such skill"),
        ({"name": "coalescing", "reference": "../SKILL.md"}, "has no such reference; it has more.md"),
        ({"name": "coalescing", "reference": "/etc/passwd"}, "no such reference"),
        ({"name": "coalescing", "reference": "more.md"}, "Sectors are 32 bytes."),
    ],
)  # fmt: skip
def test_skills_are_loaded_by_name_and_nothing_else_is_opened(arguments: dict[str, str], words: str) -> None:
    own = harness()
    skill: Skill = dataclasses.replace(own.skills["coalescing"], references=("more.md",))
    files = {**own.files, "skills/coalescing/references/more.md": "Sectors are 32 bytes."}
    own = dataclasses.replace(own, skills={**own.skills, "coalescing": skill}, files=files)
    one = agent(call("load_skill", **arguments), given("submit", 1), own=own)
    one.proposer.propose(START, NOTHING, 1)
    assert words in one.shown()


def test_a_script_is_found_by_name_and_given_the_kernel_at_hand() -> None:
    own = harness(names=("load_skill", "run_script", "check_candidate", "submit"))
    skill = dataclasses.replace(own.skills["coalescing"], scripts=("count.py",))
    files = {**own.files, "skills/coalescing/scripts/count.py": "print(1)"}
    own = dataclasses.replace(own, skills={**own.skills, "coalescing": skill}, files=files)
    calls = [
        call("load_skill", name="coalescing"), call("run_script", name="coalescing", script="count.py"),
        call("run_script", name="coalescing", script="../SKILL.md"), given("submit", 1),
    ]  # fmt: skip
    one = agent(*calls, own=own)
    one.proposer.propose(START, NOTHING, 1)
    told = [prompt.messages[-1].text for prompt in one.model.asked]
    assert "run_script" in one.model.asked[0].messages[0].text and told[1].endswith("Scripts: count.py")
    assert told[2] == f"count.py ran on {len(START.candidate.text)} characters: print(1)"
    assert told[3] == "There is no such script; there are coalescing: count.py."
