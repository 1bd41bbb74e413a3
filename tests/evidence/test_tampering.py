"""A bundle of which anything was changed is refused, and the words say which part."""

from __future__ import annotations

import pytest
from evidence.made_bundle import sealed

from kernelevo.evidence import bundle, container, manifest
from kernelevo.run_evidence import examine

GOOD = sealed()
NAMES = [manifest.NAME, *GOOD.members]


def everything() -> dict[str, bytes]:
    return {manifest.NAME: GOOD.manifest, **GOOD.members}


def refusal(data: bytes) -> str:
    examined = examine(data, None)
    assert examined.refused and examined.contents is None
    (row,) = examined.rows
    return f"{row.part}: {row.words}"


def test_the_bundle_itself_is_not_refused() -> None:
    examined = examine(GOOD.encode(), None)
    assert not examined.refused, [row for row in examined.rows if row.state == "refused"]
    assert examined.sealed == GOOD
    assert {row.part for row in examined.rows if row.state == "holds"} >= {"integrity", "claim.json", "winner's curse"}


def test_equal_evidence_is_an_equal_file() -> None:
    assert sealed().encode() == GOOD.encode()


@pytest.mark.parametrize("place", [0, -2])
@pytest.mark.parametrize("name", NAMES)
def test_a_changed_byte_in_any_member_is_found_and_the_member_named(name: str, place: int) -> None:
    members = everything()
    content = bytearray(members[name])
    content[place] ^= 1
    assert name in refusal(container.encode({**members, name: bytes(content)}))


@pytest.mark.parametrize("name", NAMES)
def test_a_member_that_was_taken_out_is_named(name: str) -> None:
    members = everything()
    del members[name]
    assert name in refusal(container.encode(members))


@pytest.mark.parametrize("name", GOOD.members)
def test_a_member_that_was_emptied_or_cut_is_named(name: str) -> None:
    for content in (b"", everything()[name][:-1]):
        assert name in refusal(container.encode({**everything(), name: content}))


def test_a_member_that_was_put_in_is_named() -> None:
    assert "best/more.json" in refusal(container.encode({**everything(), "best/more.json": b"{}"}))


def test_a_member_that_no_bundle_has_is_named_even_if_the_manifest_does() -> None:
    members = {**GOOD.members, "best/more.json": b"{}"}
    made = manifest.manifest_of(members)
    data = container.encode({manifest.NAME: bundle.canonical.write(made), **dict(sorted(members.items()))})
    assert "best/more.json" in refusal(data)


def test_another_order_is_refused() -> None:
    names = list(everything())
    for order in (names[::-1], [names[0], *names[:0:-1]]):
        assert refusal(container.encode({name: everything()[name] for name in order}))


def test_two_members_that_were_exchanged_are_found() -> None:
    members = everything()
    members["best/kernel"], members["start/kernel"] = members["start/kernel"], members["best/kernel"]
    assert "best/kernel" in refusal(container.encode(members))


def test_a_root_that_is_not_its_own_is_refused() -> None:
    members = everything()
    members[manifest.NAME] = members[manifest.NAME].replace(GOOD.root.encode(), b"0" * 64)
    assert "root" in refusal(container.encode(members))


def test_a_manifest_of_another_schema_is_refused_in_words() -> None:
    content = GOOD.manifest.replace(b'"schema_version": 2', b'"schema_version": 1')
    assert "schema 1" in refusal(container.encode({**everything(), manifest.NAME: content}))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"root": NaN}'])
def test_a_manifest_that_is_none_is_refused(content: bytes) -> None:
    assert manifest.NAME in refusal(container.encode({**everything(), manifest.NAME: content}))


def test_half_a_start_is_refused() -> None:
    members = {name: content for name, content in GOOD.members.items() if name != "start/kernel"}
    assert "start" in refusal(bundle.seal(members).encode())
