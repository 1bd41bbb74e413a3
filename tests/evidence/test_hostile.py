"""Whatever a stranger writes into a bundle, with every hash put right, is refused or holds, and nothing is raised."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from evidence.made_bundle import leaves, resealed, sealed
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.evidence import canonical
from kernelevo.evidence.manifest import sha256
from kernelevo.run_evidence import examine
from kernelevo.types import Candidate

GOOD = sealed()
DOCUMENTS = {name: json.loads(content) for name, content in GOOD.members.items() if name.endswith(".json")}
PLACES = [(name, path) for name, value in DOCUMENTS.items() for path in leaves(value)]
VALUES: list[Any] = [
    None, True, 0, 0.0, -0.0, -1, -1.0, 1e308, 5e-324, 2**63, 2**200, "", "x" * 1000, "\x00", "\x1b[2J", [], {},
    "1<<63", "ceildiv(n, 0)", "n=1", "../../etc/passwd",
]  # fmt: skip


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return made


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(VALUES))
def test_no_value_anywhere_raises(place: tuple[str, tuple[Any, ...]], new: Any) -> None:
    name, path = place
    changed = canonical.written(with_value(DOCUMENTS[name], path, new))
    assert isinstance(examine(resealed({**GOOD.members, name: changed}), None).refused, bool)


@pytest.mark.parametrize("name", ["best/judgement.json", "start/judgement.json", "best/chosen.json"])
@pytest.mark.parametrize("time", [0.0, -0.0, -1.0, 5e-324, 1e308])
def test_a_judgement_without_a_sensible_time_is_refused(name: str, time: float) -> None:
    said = copy.deepcopy(DOCUMENTS[name])
    said["score_us"] = time
    for case in said["cases"]:
        case["time_us"] = time
        for step in case["steps"]:
            step["time_us"] = time
    assert examine(resealed({**GOOD.members, name: canonical.written(said)}), None).refused


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(b"()<>{}[],;*/\\\"'#0aZ\xff\x00\n")), max_size=4))
def test_no_text_of_a_kernel_raises(changes: list[tuple[int, int]]) -> None:
    text = bytearray(GOOD.members["best/kernel"])
    for place, letter in changes:
        text[place % len(text)] = letter
    said = copy.deepcopy(DOCUMENTS["best/judgement.json"])
    said["text_sha256"] = sha256(bytes(text))
    said["candidate"] = Candidate(bytes(text).decode(errors="replace")).id
    changed = {"best/kernel": bytes(text), "best/judgement.json": canonical.written(said)}
    assert isinstance(examine(resealed({**GOOD.members, **changed}), None).refused, bool)
