"""What a model that chooses is told, and how its replies are read and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal.asking import Reading, answers, pipeline_reads
from kernelevo.backends.legal.choosing import READ, choose, offers, question, read_choice, shortlists
from kernelevo.backends.legal.data import Cases, sample
from kernelevo.backends.legal.pipeline import SPACE
from kernelevo.backends.legal.replies import KeptReplies, alone_with, ask_all, key_of
from kernelevo.errors import BadInput
from kernelevo.joining_choices import ChoiceRequest
from kernelevo.language_model import Reply, Sampling, Stop, Usage
from kernelevo.models.scripted import ScriptedModel
from kernelevo.settings import ModelRequest

CHARGES = ("盗窃", "诈骗", "信用卡诈骗", "[走私、贩卖、运输、制造]毒品", "抢劫", "故意伤害")
OFFERED = (1, 0, 3)
SAMPLING = Sampling(8, 0.0)
CANARY = "金丝雀"


def said(text: str, stop: Stop = Stop.COMPLETE) -> Reply:
    return Reply(text, stop, Usage(10, 2))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("2", 0), (" 2。\n", 0), ("编号：２", 0), ("2. 盗窃", 0), ("盗窃罪", 0), ("构成诈骗罪。", 1),
        ("走私、贩卖、运输、制造毒品罪", 3), ("[走私、贩卖、运输、制造]毒品", 3),
        ("<think>是1还是2？盗窃？</think>\n3", 3), ("2（涉案15600元）", 0),
        ("", None), ("4", None), ("0", None), ("12", None), ("2.5", None), ("1或2", None), ("1. 盗窃", None),
        ("信用卡诈骗", None), ("2. 抢劫", None), ("盗窃和诈骗", None), ("我不知道", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_a_reply_names_one_candidate_or_is_not_read(text: str, place: int | None) -> None:
    assert read_choice(said(text), OFFERED, CHARGES) == place


@pytest.mark.parametrize("stop", [each for each in Stop if each is not Stop.COMPLETE])
def test_a_reply_that_is_not_whole_is_not_read(stop: Stop) -> None:
    assert read_choice(said("1", stop), OFFERED, CHARGES) is None


def test_names_with_numbers_are_no_numbers_of_candidates() -> None:
    charges = tuple(f"罪{number + 1}" for number in range(12))
    assert read_choice(said("罪3"), (5, 2, 9), charges) == 2
    assert read_choice(said("罪12"), (0, 1, 5), charges) is None, "it is none of these, though 罪1 stands in it"
    assert read_choice(said("罪13"), (0, 1, 5), charges) is None


def test_lists_hold_the_likeliest_that_is_told_first() -> None:
    votes = np.array([[0.1, 0.4, 0.1, 0.4], [0.7, 0.0, 0.3, 0.0]])
    assert shortlists(votes, np.arange(4), 3).tolist() == [[1, 3, 0], [0, 2, 1]]
    assert shortlists(votes, np.array([0, 2, 3]), 2).tolist() == [[3, 0], [0, 2]]


def test_what_is_chosen_is_told_with_its_own_vote_and_the_rest_is_kept() -> None:
    votes = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
    facts = ("甲", "乙", "丙", " ")
    own = answers(votes, facts, CHARGES[:3])
    told = Cases("x", facts, np.array([0, 1, 2, 0]), CHARGES[:3], "k")
    given = offers(told, facts, Reading(votes, np.eye(4), np.eye(4)), 2)
    assert given[3] is None and [each.candidates for each in given[:3]] == [(0, 1), (1, 2), (2, 0)]
    found = choose(own, votes, given, [said("2"), said("?"), said("1"), None])
    assert found.answers.told.tolist() == [1, 1, 2, -1]
    assert found.answers.confidence.tolist() == [0.3, 0.5, 0.6, 0.0]
    assert (found.asked, found.unread, found.changed) == (3, 1, 1)


def test_a_question_is_numbered_short_and_has_the_nearest_told_cases() -> None:
    prompt = question("事" * 9000 + "末", [("盗窃", ["短案"]), ("诈骗", ["长" * 900])])
    text = prompt.messages[-1].text
    assert "1. 盗窃\n   案例：短案\n2. 诈骗\n   案例：长长" in text and "末\n" in text
    assert text.count("事" * READ) == 1 and len(text) < 3000
    told = Cases("x", ("远", "近", "中"), np.array([0, 0, 0]), ("盗窃", "诈骗"), "k")
    places = np.array([[0.0, 1.0], [1.0, 0.0], [0.8, 0.6]])
    (offer,) = offers(told, ["问"], Reading(np.array([[0.9, 0.1]]), places, np.array([[1.0, 0.0]])), 1)
    assert offer is not None
    text = offer.prompt.messages[-1].text
    assert text.index("近") < text.index("中") and "远" not in text


def prompts_of(told: Cases, asked: Cases, votes: np.ndarray | None = None) -> list[str]:
    pipeline = SPACE.pipeline({"centroid": 1}, begin=1000)
    reading = pipeline_reads(pipeline)(told, asked.facts)
    reading = reading if votes is None else replace(reading, votes=votes)
    return ["\n".join(m.text for m in each.prompt.messages) for each in offers(told, asked.facts, reading, 3) if each]


def test_a_charge_of_asked_cases_alone_stands_in_no_question_whatever_is_voted() -> None:
    whole = sample(6, 30)
    half = np.arange(180) % 2 == 0
    charges = (*whole.charges, CANARY)
    told, asked = (
        replace(whole, facts=tuple(np.array(whole.facts)[each]), labels=whole.labels[each], charges=charges)
        for each in (half, ~half)
    )
    asked = replace(asked, labels=np.full(90, 6))
    votes = np.tile(np.linspace(0.1, 0.2, 7), (90, 1))
    assert not any(CANARY in text for text in prompts_of(told, asked, votes))
    known = replace(told, labels=np.where(np.arange(90) == 0, 6, told.labels))
    assert all(CANARY in text for text in prompts_of(known, asked, votes)), "the hunt finds it where it is told"


def test_questions_are_the_same_whatever_the_charges_of_the_asked_cases_are() -> None:
    whole = sample(6, 30)
    half = np.arange(180) % 2 == 0
    told, asked = (
        replace(whole, facts=tuple(np.array(whole.facts)[each]), labels=whole.labels[each]) for each in (half, ~half)
    )
    other = replace(asked, labels=np.random.default_rng(0).permutation(asked.labels))
    shuffled = replace(told, labels=np.random.default_rng(0).permutation(told.labels))
    assert prompts_of(told, asked) == prompts_of(told, other) != prompts_of(shuffled, asked)


def test_replies_are_kept_as_they_come_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    prompts = [question(text, [("盗窃", ["案"])]) for text in ("一", "二", "三")]
    path = tmp_path / "kept.jsonl"
    with pytest.raises(BadInput, match="has no more replies"):
        ask_all(ScriptedModel([said("1"), said("2")]), "m", prompts, SAMPLING, KeptReplies(path), 5.0)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2
    later = ScriptedModel([said("3"), said("4")])
    kept = KeptReplies(path)
    ask_all(later, "m", prompts, SAMPLING, kept, 5.0)
    assert [prompt.key for prompt in later.asked] == [prompts[2].key]
    texts = [KeptReplies(path).get(key_of("m", prompt, SAMPLING)).text for prompt in prompts]
    assert texts == ["1", "2", "3"]
    other = ScriptedModel([said("5")] * 3)
    ask_all(other, "another", prompts, SAMPLING, kept, 5.0)
    assert len(other.asked) == 3, "another model has its own replies"


def test_a_line_that_was_cut_off_is_asked_for_again_and_other_files_are_refused(tmp_path: Path) -> None:
    prompts = [question(text, [("盗窃", ["案"])]) for text in ("一", "二")]
    path = tmp_path / "kept.jsonl"
    ask_all(ScriptedModel([said("1"), said("2", Stop.CUT_OFF)]), "m", prompts, SAMPLING, KeptReplies(path), 5.0)
    whole = path.read_bytes()
    for cut in (whole[:3], whole[:40], whole[:-5], whole):
        path.write_bytes(cut)
        again = ScriptedModel([said("7"), said("8")])
        ask_all(again, "m", prompts, SAMPLING, KeptReplies(path), 5.0)
        assert len(again.asked) == (1 if cut.count(b"\n") else 2)
        assert all(KeptReplies(path).get(key_of("m", each, SAMPLING)) for each in prompts)
    for other in (b"id,label\n1,2\n", b"no line", b'{"key": 1}\n', b"[]\n", b"\xff\n"):
        path.write_bytes(other)
        with pytest.raises(BadInput, match="holds no replies of a model"):
            KeptReplies(path)
        assert path.read_bytes() == other


def test_one_command_at_a_time_writes_replies_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    with alone_with(path):
        with pytest.raises(BadInput, match="another command writes replies to"), alone_with(path):
            pass
        ask_all(ScriptedModel([said("1")]), "m", [question("一", [("盗窃", ["案"])])], SAMPLING, KeptReplies(path), 5.0)
    with alone_with(path):
        assert len(path.read_bytes().splitlines()) == 1
    with pytest.raises(BadInput, match="cannot be written"), alone_with(tmp_path):
        pass


def test_servers_and_folders_of_one_name_have_replies_of_their_own(tmp_path: Path) -> None:
    def asked(name: str, **words: str) -> str:
        return ChoiceRequest(ModelRequest(name, **words)).asked

    one, two = (asked("vllm:m", base_url=f"http://localhost:{port}/v1") for port in (8000, 8001))
    assert len({one, two, asked("openai:m")}) == 3 and one == asked("vllm:m", base_url="http://localhost:8000/v1")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    before = asked(f"hf:{tmp_path}/model")
    assert asked(f"hf:{tmp_path}/x/../model") == before
    (tmp_path / "model" / "config.json").write_text('{"layers": 2}')
    assert asked(f"hf:{tmp_path}/model") != before
