"""Verdicts are kept by what they follow from, those of our own making excepted; in memory and in a folder alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernelevo.backends.kernels.memo import Memo, MemoryMemo, key_of, remembered
from kernelevo.stores.verdicts import VerdictFolder
from kernelevo.types import Check, Figure, Status, Verdict

PASSED = Verdict(
    "a", "null", Status.PASSED, "fine", Figure(2.0, "us", "null", "modelled"), checks=(Check("all", True, "fine"),)
)
WRONG = Verdict("b", "null", Status.WRONG, "one element differs")


@pytest.fixture(params=["memory", "folder"])
def memo(request: pytest.FixtureRequest, tmp_path: Path) -> Memo:
    return MemoryMemo() if request.param == "memory" else VerdictFolder(tmp_path / "verdicts")


def refusing() -> Verdict:
    raise AssertionError("judged again")


def giving(verdict: Verdict) -> Callable[[], Verdict]:
    return lambda: verdict


def test_what_was_judged_is_not_judged_again(memo: Memo) -> None:
    for verdict in (PASSED, WRONG):
        assert remembered(memo, key_of("v1", verdict.candidate), giving(verdict)) == verdict
        assert remembered(memo, key_of("v1", verdict.candidate), refusing) == verdict
    assert memo.get(key_of("v2", "a")) is None


@pytest.mark.parametrize("status", [Status.INFRA, Status.INCONCLUSIVE, Status.TIMEOUT])
def test_what_hangs_on_this_machine_is_not_kept(memo: Memo, status: Status) -> None:
    assert remembered(memo, "k", giving(Verdict("a", "null", status, "too slow"))).status is status
    assert memo.get("k") is None


def test_keys_do_not_run_into_each_other() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")


def test_a_damaged_file_counts_as_not_there(tmp_path: Path) -> None:
    memo = VerdictFolder(tmp_path)
    memo.put("abcd", PASSED)
    file = next(tmp_path.rglob("*.json.gz"))
    whole = file.read_bytes()
    for damaged in (b"", whole[:20], whole[:-5], b"nonsense"):
        file.write_bytes(damaged)
        assert memo.get("abcd") is None
    memo.put("abcd", PASSED)
    assert memo.get("abcd") == PASSED
