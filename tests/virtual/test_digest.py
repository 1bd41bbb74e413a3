"""digest.py tells builds apart: the same launches give the same lines, and one other bit gives another line."""

from __future__ import annotations

import digest
import elementwise
import numpy as np
import pytest


def lines(parts: list[bytes]) -> str:
    return digest.line("name", parts)


def test_the_same_launches_give_the_same_lines() -> None:
    assert [lines(parts) for _, parts in digest.behaviours()] == [lines(parts) for _, parts in digest.behaviours()]


def test_another_rounding_gives_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(digest.arithmetic())["add.rn.f32"]
    run = elementwise.run
    monkeypatch.setattr(
        elementwise, "run", lambda code, *rest, **inputs: run(code.replace("add.rn.f32", "add.rz.f32"), *rest, **inputs)
    )
    after = dict(digest.arithmetic())["add.rn.f32"]
    assert np.frombuffer(before[0], np.uint32).size == np.frombuffer(after[0], np.uint32).size
    assert lines(before) != lines(after)
