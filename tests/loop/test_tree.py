"""PUCT on trees made by hand."""

from __future__ import annotations

import math

import pytest

from kernelevo.loop.tree import Tree, TreeSettings


def tree(reward: float = 1.0, **settings) -> Tree:
    return Tree("s", reward, TreeSettings(**settings))


def test_the_value_is_the_best_child_s_or_the_own_where_nothing_passed() -> None:
    made = tree()
    assert made.nodes["s"].value == 1.0
    made.add_reply("s", "bad", 0.0)
    assert made.nodes["s"].value == 1.0 and "bad" not in made.nodes
    made.add_reply("s", "slow", 0.5)
    assert made.nodes["s"].value == 0.5
    made.add_reply("s", "fast", 3.0)
    assert made.nodes["s"].value == 3.0 and made.best().name == "fast"


def test_scores_are_those_of_the_formula() -> None:
    made = tree(exploration=2.0, group=2)
    for child, reward in (("a", 3.0), ("b", 2.0), (None, None)):
        made.add_reply("s", child, reward)
    made.add_reply("a", "aa", 2.5)
    # T = 4, n(s) = 4, n(a) = 1; ranks by own reward: a, aa, b, s, so that P = 4, 3, 2, 1 over 10; scale = 3 - 1.
    root = math.sqrt(1 + 4 / 2)
    expected = {
        "s": 3.0 + 2 * 2 * 0.1 * root / (1 + 4 / 2), "a": 2.5 + 2 * 2 * 0.4 * root / (1 + 1 / 2),
        "b": 2.0 + 2 * 2 * 0.2 * root, "aa": 2.5 + 2 * 2 * 0.3 * root,
    }  # fmt: skip
    assert made.scores() == pytest.approx(expected)
    assert made.choose(1) == [max(expected, key=lambda name: expected[name])]


def test_failed_replies_count_as_visits_of_all_ancestors() -> None:
    made = tree()
    made.add_reply("s", "a", 2.0)
    made.add_reply("a", "b", 3.0)
    made.add_reply("b", None, None)
    made.add_reply("b", "c", 0.0)
    assert [made.nodes[name].visits for name in ("s", "a", "b")] == [4, 3, 2]


def test_no_two_of_a_batch_are_of_one_lineage() -> None:
    made = tree()
    for parent, child, reward in (("s", "a", 4.0), ("a", "aa", 5.0), ("s", "b", 2.0), ("b", "bb", 2.5)):
        made.add_reply(parent, child, reward)
    chosen = made.choose(9)
    assert len(chosen) == 2
    for one in chosen:
        assert not set(made.lineage(one)[1:]) & set(chosen)


def test_only_the_best_children_are_kept_and_the_start_always() -> None:
    made = tree(most_children=2)
    for child, reward in (("a", 2.0), ("b", 1.5), ("c", 3.0)):
        made.add_reply("s", child, reward)
    assert set(made.nodes) == {"s", "a", "c"}
    capped = tree(reward=0.1, most_nodes=3)
    for number in range(6):
        capped.add_reply("s", f"n{number}", 1.0 + number)
    assert set(capped.nodes) == {"s", "n4", "n5"}
    assert not capped.add_reply("s", "n0", 1.0), "what was made is known, also where it is not kept"


def test_what_is_dropped_takes_along_what_was_made_of_it() -> None:
    made = tree(most_children=1)
    made.add_reply("s", "a", 2.0)
    made.add_reply("a", "aa", 2.1)
    made.add_reply("s", "b", 5.0)
    assert set(made.nodes) == {"s", "b"}
    made.add_reply("aa", None, None)
    assert made.nodes["s"].visits == 4, "visits of what was dropped still count for those above"


def test_closed_and_deep_attempts_are_not_chosen() -> None:
    made = tree(depth=1)
    made.add_reply("s", "a", 9.0)
    assert made.choose(3) == ["s"]
    made.close("s")
    assert made.choose(3) == []


def test_the_less_visited_of_equals_is_next() -> None:
    made = tree()
    made.add_reply("s", "a", 2.0)
    made.add_reply("s", "b", 2.0)
    for _ in range(6):
        made.add_reply("a", None, None)
    assert made.choose(1) == ["b"]


def test_the_same_replies_make_the_same_tree() -> None:
    replies = [("s", "a", 2.0), ("s", None, None), ("a", "b", 0.0), ("a", "c", 2.5), ("s", "d", 1.1)]
    trees = []
    for _ in range(2):
        made = tree()
        for reply in replies:
            made.add_reply(*reply)
        trees.append((made.scores(), made.choose(4)))
    assert trees[0] == trees[1]
