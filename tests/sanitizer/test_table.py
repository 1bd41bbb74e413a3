"""The numbers of docs/sanitizer-table.md are true (its costs are a machine's own, and only have to be there)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sanitizer.planted_kernel import planted_kernels
from sanitizer.table import DOCUMENT, RESULTS, KindRow, kind_row

RECORDED: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
AGAIN = "run `python -m tests.sanitizer.table --write`"


def test_every_planted_kind_is_recorded() -> None:
    assert [row["kind"] for row in RECORDED["kinds"]] == sorted({each.fault for each in planted_kernels()}), AGAIN


@pytest.mark.parametrize("recorded", RECORDED["kinds"], ids=lambda row: row["kind"])
def test_the_recorded_numbers_of_a_kind_are_true(recorded: dict[str, Any]) -> None:
    planted = [each for each in planted_kernels() if each.fault == recorded["kind"]]
    expected = KindRow(**{**recorded, "missed": tuple(recorded["missed"]), "accused": tuple(recorded["accused"])})
    assert kind_row(recorded["kind"], planted) == expected, AGAIN


def test_the_document_shows_what_is_recorded() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for row in RECORDED["kinds"]:
        assert f"| `{row['kind']}` | {row['planted']} | {row['found']} | {row['clean']} |" in document, AGAIN
    found = sum(row["found"] for row in RECORDED["kinds"])
    assert f"{found} are found at their line" in document, AGAIN
    assert len(RECORDED["costs"]) == 9 and all(f"| `{row['kernel']}` |" in document for row in RECORDED["costs"])
