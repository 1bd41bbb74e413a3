"""The audit: what each change changes and leaves, and that it finds out who goes by what no judge goes by."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.backends.agents import Networks
from kernelevo.backends.legal.auditing import CHANGES, TELLINGS, audited, every_telling, rare, told_otherwise
from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.network import Reader, make_base
from kernelevo.backends.legal.pipeline import SPACE
from kernelevo.backends.legal.session import ChargeSession, Encoder, Told
from kernelevo.learning import Split

FACT = "2016年被告人赵某甲在青冈县中和镇偷了123元。赵某甲、李2某逃到哈尔市，该村村民未见。第三句在超市附近。"
BACKEND = ChargeBackend(sample())


def changed(name: str) -> str:
    found = told_otherwise(FACT, name, 3)
    assert found == told_otherwise(FACT, name, 3) and found != FACT
    return found


def test_every_change_has_a_test_below() -> None:
    assert set(CHANGES) == {
        "names masked", "names swapped", "places masked", "places swapped", "numbers changed", "sentences shuffled",
    }  # fmt: skip


def test_masked_names_and_places() -> None:
    assert changed("names masked") == FACT.replace("赵某甲", "某某").replace("李2某", "某某")
    assert changed("places masked") == FACT.replace("青冈", "某某").replace("中和", "某某").replace("哈尔", "某某")


def test_swapped_names_are_one_name_for_one_person_and_change_nothing_else() -> None:
    found = changed("names swapped")
    (first, second) = (found[8], found[FACT.index("李2某")])
    assert first != "赵" and second != "李"
    assert found == FACT.replace("赵某甲", f"{first}某甲").replace("李2某", f"{second}2某")


def test_swapped_places_keep_their_units_and_common_words() -> None:
    found = changed("places swapped")
    place = FACT.index("青冈")
    assert found[place : place + 2] != "青冈" and "县" in found and "镇偷了123元" in found and "市，该村村民" in found
    assert len(found) == len(FACT) and found.endswith("第三句在超市附近。")


def test_numbers_keep_their_digits_and_sentences_their_words() -> None:
    found = changed("numbers changed")
    assert "123" not in found and len(found) == len(FACT) and "2016" not in found
    assert [letter for letter in found if not letter.isdigit()] == [letter for letter in FACT if not letter.isdigit()]
    shuffled = changed("sentences shuffled")
    assert sorted(shuffled.split("。")) == sorted(FACT.split("。"))


def test_tellings_are_the_facts_and_then_each_change() -> None:
    found = every_telling([FACT, "甲。乙。"], 5)
    assert len(found) == 2 * TELLINGS and found[:2] == [FACT, "甲。乙。"]
    assert found[2::2] == [told_otherwise(FACT, change, 5) for change in CHANGES]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("赵李某甲2１30元在青冈县和中镇超市。；，\n x"), max_size=60), st.integers(0, 9))
def test_no_text_is_too_odd_to_be_told_otherwise(fact: str, seed: int) -> None:
    for change in CHANGES:
        assert told_otherwise(fact, change, seed) == told_otherwise(fact, change, seed)
    assert sorted(told_otherwise(fact, "sentences shuffled", seed)) == sorted(fact)
    assert len(told_otherwise(fact, "numbers changed", seed)) == len(fact)
    for change in ("names swapped", "places swapped", "places masked"):
        assert len(told_otherwise(fact, change, seed)) == len(fact)


def test_figures_by_hand() -> None:
    """Three cases: all told right unchanged but the last; by the first change none, by the others the first alone."""
    wanted, often = np.array([0, 1, 2]), np.array([9, 9, 4])
    told = np.array([[0, 1, 0], [2, 2, 1], *([[0, 0, 0]] * (TELLINGS - 2))])
    found = audited(told, wanted, often)
    assert found.unchanged == pytest.approx(2 / 3) and found.rare == 0.0
    assert list(found.by_change.values()) == pytest.approx([0.0, *([1 / 3] * (TELLINGS - 2))])
    assert found.accuracy == pytest.approx((TELLINGS - 2) / 3 / TELLINGS)


def test_rare_charges_are_told_less_often_than_the_median_one() -> None:
    wanted = np.array([0, 0, 1, 2, 3, 4])
    assert rare(wanted, np.array([9, 1, 2, 9, 9, 0])).tolist() == [False, False, True, True, False, False]
    assert rare(wanted, np.full(5, 5)).all(), "where all are told alike often, all are"


def planted(clue: Callable[[int, int, random.Random], str]) -> ChargeSession:
    """Words at random, among which only the clue tells the charge: clue(charge, sentence, source) begins a sentence."""
    source = random.Random(9)
    facts, labels = [], []
    for charge in range(6):
        for _ in range(30):
            sentences = []
            for number in range(4):
                words = "".join(chr(source.randrange(0x4E00, 0x4E40)) for _ in range(12))
                sentences.append(clue(charge, number, source) + words)
            facts.append("。".join(sentences) + "。")
            labels.append(charge)
    return session_of(facts, np.array(labels))


def session_of(facts: list[str], labels: np.ndarray) -> ChargeSession:
    """Two of three cases are told."""
    told, asked = (
        Told(tuple(facts[place] for place in places), labels[places])
        for places in (np.flatnonzero(np.arange(len(facts)) % 3), np.arange(0, len(facts), 3))
    )
    reader = functools.cache(lambda: Reader(told.facts))
    names = [str(number) for number in range(6)]
    encoder = Encoder(reader, Networks(None, "planted", lambda: make_base(reader(), 0)), names)
    return ChargeSession("t", "t", "device", BACKEND.grammar, told, asked, names, "key", encoder)


NAMES = "赵钱孙李周吴"
PLACES = ["遂溪", "洞口", "沭阳", "临潼", "宝应", "奉节"]


@pytest.mark.parametrize(
    ("clue", "lost"),
    [
        (lambda charge, number, source: f"{NAMES[charge]}某某", {"names masked", "names swapped"}),
        (lambda charge, number, source: f"到{PLACES[charge]}县", {"places masked", "places swapped"}),
        (lambda charge, number, source: f"偷{charge + 1}{charge + 1}{charge + 1}{charge + 1}元", {"numbers changed"}),
    ],
    ids=["names", "places", "numbers"],
)
def test_a_classifier_that_goes_by_a_clue_is_found_out_by_its_change_alone(
    clue: Callable[[int, int, random.Random], str], lost: set[str]
) -> None:
    session = planted(clue)
    pipeline = SPACE.pipeline({"centroid": 1}, begin=400)
    figures = session.scored(pipeline, "audit", 1).figures
    assert figures["accuracy unchanged"] > 0.95
    for change in CHANGES:
        assert (figures[f"accuracy with {change}"] < 0.6) is (change in lost), change
    assert figures["accuracy"] < session.scored(pipeline, "reward", 1).figures["accuracy"]


def test_a_classifier_that_reads_the_beginning_alone_is_found_out_by_the_order() -> None:
    """The first sentence tells the charge; whoever reads all of it finds it anywhere."""
    clues = ["坤垂城埋壁壮", "墙夏夜大失夷", "奈契奏女如妄", "姑姿娃婪媒媳", "嫁嬉孔存季孤", "孵宁守安宏宝"]
    session = planted(lambda charge, number, source: clues[charge] * 14 if number == 0 else "众人无言" * 21)
    shuffled = "accuracy with sentences shuffled"
    naive = session.scored(SPACE.pipeline({"centroid": 1}, begin=100), "audit", 1).figures
    whole = session.scored(SPACE.pipeline({"centroid": 1}, begin=1000), "audit", 1).figures
    assert naive["accuracy unchanged"] > 0.95 and naive[shuffled] < 0.6
    assert whole["accuracy unchanged"] > 0.95 and whole[shuffled] > 0.95


def test_an_audit_tells_each_figure_by_name_and_the_same_cases_as_the_reward() -> None:
    session = BACKEND.open(BACKEND.tasks(Split.REWARD)[0])
    verdict = session.audit(session.start, 2)
    for name in (*(f"accuracy with {change}" for change in CHANGES), "accuracy on rare charges", "macro-F1"):
        assert f"{name} 0." in verdict.feedback or f"{name} 1." in verdict.feedback
    reward = session.judge(session.start, 2)
    said = dict(part.rsplit(" ", 1) for part in verdict.feedback.split(", "))
    assert f"accuracy {said['accuracy unchanged']}" in reward.feedback
    assert session.reward(verdict) == 1.0
