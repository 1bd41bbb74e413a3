"""What is kept within a number of bytes."""

from __future__ import annotations

import threading

import numpy as np
from scipy import sparse

from kernelevo.backends.keeping import Keeping, anew


def test_what_was_asked_for_longest_ago_goes_first_and_is_made_again() -> None:
    keeping, made = Keeping(3 * 800), []

    def ask(key: str) -> np.ndarray:
        return keeping.of(key, lambda: (made.append(key), np.full(100, float(len(made))))[1])

    first = ask("a")
    for key in ("b", "c", "a", "d"):
        ask(key)
    assert ask("a") is first and len(keeping) == 3 and made == ["a", "b", "c", "d"]
    ask("b")
    assert made[-1] == "b" and len(keeping) == 3


def test_owners_share_the_bytes_and_no_key_and_what_is_too_large_is_given_all_the_same() -> None:
    keeping = Keeping(1000)
    one, other = keeping.under("one"), keeping.under("other")
    assert one(("x",), lambda: np.zeros(50)).sum() == 0.0 and other(("x",), lambda: np.ones(50)).sum() == 50.0
    wide = sparse.random(100, 100, 0.5, format="csr")
    assert one(("wide",), lambda: wide) is wide and len(keeping) == 1
    assert anew(("x",), lambda: np.ones(3)) is not anew(("x",), lambda: np.ones(3))


def test_two_threads_that_miss_the_same_count_it_once() -> None:
    keeping, both = Keeping(10 * 800), threading.Barrier(2)

    def make() -> np.ndarray:
        both.wait(5)
        return np.zeros(100)

    threads = [threading.Thread(target=keeping.of, args=("a", make)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for number in range(9):
        keeping.of(number, lambda: np.zeros(100))
    assert len(keeping) == 10
