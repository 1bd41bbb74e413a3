"""An entry of a list or an object left out, added or put elsewhere, with all hashes put right: refused, or on the list
of what nothing else in a bundle contradicts (docs/evidence.md says it in words).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from evidence.made_bundle import matter, resealed, sealed

from kernelevo.evidence import canonical, making
from kernelevo.evidence.bundle import REQUIRED, Bundle
from kernelevo.run_evidence import examine

GOOD = sealed()
LONE = making.make(replace(matter(), start=None, chosen=None))
JUDGEMENT = {
    # Words, and what a check is called; the claim's words say how many there are of the best one's.
    "checks": {"remove", "repeat", "reverse"},
    "moves": {"remove", "repeat"},
    "not_checked": {"remove", "repeat"},
    # Each launch's figures are summed, whatever their order.
    "cases/#/steps": {"reverse"},
}
FREE = {
    "origin.json": {
        "notes": {"remove", "repeat"}, "properties": {"add", "remove"}, "versions": {"add", "remove"},
    },
    "problem/declaration.json": {
        # What reading the plan again does not need; the problem file itself says more.
        "arguments": {"reverse"}, "arguments/#/shape": {"remove", "repeat"}, "tests": {"reverse"},
    },
    "best/judgement.json": JUDGEMENT | {"checks": {"reverse"}},
    "start/judgement.json": JUDGEMENT,
    "best/chosen.json": JUDGEMENT,
}  # fmt: skip


def containers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every list and object that holds something, but for the document itself, whose fields are known."""
    if isinstance(value, dict | list):
        if path and value:
            yield path
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(inner, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def changed(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """What was done to the container, and the data then."""
    inside = at(value, path)
    for key in list(inside) if isinstance(inside, dict) else range(len(inside)):
        made = copy.deepcopy(value)
        del at(made, path)[key]
        yield "remove", made
        made = copy.deepcopy(value)
        if isinstance(inside, dict):
            at(made, path)["another"] = copy.deepcopy(inside[key])
        else:
            at(made, path).insert(key, copy.deepcopy(inside[key]))
        yield ("add" if isinstance(inside, dict) else "repeat"), made
    if isinstance(inside, list) and inside != inside[::-1]:
        made = copy.deepcopy(value)
        at(made, path).reverse()
        yield "reverse", made


def refused(data: bytes) -> bool:
    return any(row.state == "refused" for row in examine(data, None).rows)


def unnoticed(made: Bundle, name: str) -> set[tuple[str, str]]:
    value, found = json.loads(made.members[name]), set()
    for path in containers(value):
        place = "/".join("#" if isinstance(key, int) else key for key in path)
        for what, other in changed(value, path):
            if not refused(resealed({**made.members, name: canonical.written(other)})):
                found.add((place, what))
    return found


@pytest.mark.parametrize("name", [name for name in GOOD.members if name.endswith(".json")])
def test_every_entry_of_a_document_is_checked_or_known_to_be_free(name: str) -> None:
    free = {(place, what) for place, kinds in FREE.get(name, {}).items() for what in kinds}
    assert unnoticed(GOOD, name) == free


@pytest.mark.parametrize("name", [name for name in LONE.members if name.endswith(".json")])
def test_a_claim_without_a_start_has_no_more_that_is_free(name: str) -> None:
    free = {(place, what) for place, kinds in FREE.get(name, {}).items() for what in kinds}
    assert unnoticed(LONE, name) <= free


def test_of_members_only_compiled_code_can_be_left_out_and_that_is_said() -> None:
    for made in (GOOD, LONE):
        assert made.members.keys() > REQUIRED  # without one of these nothing is read (test_tampering.py)
        for name in made.members.keys() - REQUIRED:
            data = resealed({other: content for other, content in made.members.items() if other != name})
            if re.fullmatch(r"(best|start)/kernel\.ptx", name):
                rows = examine(data, None).rows
                assert any(row.part == name and row.state == "not checked" for row in rows) and not refused(data)
            else:
                assert refused(data), name


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("problem/declaration.json", ("arguments",), "argument x twice"),
        ("problem/declaration.json", ("tests",), "test n=1 twice"),
        ("best/judgement.json", ("trials",), "is there twice"),
        ("start/judgement.json", ("compiled", "kernels"), "twice twice"),
    ],
)
def test_what_is_there_twice_is_named(name: str, place: tuple[str, ...], words: str) -> None:
    value = json.loads(GOOD.members[name])
    at(value, place).append(copy.deepcopy(at(value, place)[0]))
    rows = examine(resealed({**GOOD.members, name: canonical.written(value)}), None).rows
    assert any(row.state == "refused" and words in row.words for row in rows), [row.words for row in rows]
