"""An archive has exactly one form; everything else is refused, whatever it hides."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.evidence import container
from kernelevo.evidence.container import decode, encode
from kernelevo.evidence.rows import Tampered

MEMBERS = {"manifest.json": b"{}\n", "a/b.json": b"x" * 700, "c": b""}
GOOD = encode(MEMBERS)


def archive(*heads: tuple[tarfile.TarInfo, bytes], **options: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", **options) as made:
        for head, content in heads:
            head.size = len(content)
            made.addfile(head, io.BytesIO(content))
    return out.getvalue()


def head(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def test_what_is_written_is_read_back_in_its_order() -> None:
    assert list(decode(GOOD).items()) == list(MEMBERS.items())


def test_the_same_members_make_the_same_file() -> None:
    assert encode(dict(MEMBERS)) == GOOD


def test_tar_itself_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as read:
        assert read.getnames() == list(MEMBERS)


@pytest.mark.parametrize("length", [0, 1, 511, 512, 1024, 1500, 2048, len(GOOD) - 1024, len(GOOD) - 1])
def test_one_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(Tampered):
        decode(GOOD[:length])


@pytest.mark.parametrize("place", ["before", "after", "padding", "between"])
def test_bytes_that_belong_to_no_member_are_refused(place: str) -> None:
    padded = GOOD.index(b"x" * 700) + 700
    data = {
        "before": b"#!" + GOOD,
        "after": GOOD + b"\0" * 512,
        "padding": GOOD[:padded] + b"hidden" + GOOD[padded + 6 :],
        "between": GOOD[:-600] + b"hidden" + GOOD[-594:],
    }[place]
    with pytest.raises(Tampered):
        decode(data)


LINKS = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.AREGTYPE,
         tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE]  # fmt: skip


@pytest.mark.parametrize("kind", LINKS)
def test_a_member_that_is_no_plain_file_is_refused(kind: bytes) -> None:
    with pytest.raises(Tampered):
        decode(archive((head("manifest.json"), b"{}"), (head("c", type=kind, linkname="/etc/passwd"), b"")))


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up", "a/../../up", "./c", "a//b", "C:\\x", "A", "-rf", "a\nb", "a/", "é", "x" * 99, ".."],
)
def test_a_member_of_such_a_name_is_refused(name: str) -> None:
    with pytest.raises(Tampered):
        decode(archive((head(name), b"x"), format=tarfile.USTAR_FORMAT))


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Tampered, match="twice"):
        decode(archive((head("c"), b"one"), (head("c"), b"two"), format=tarfile.USTAR_FORMAT))


@pytest.mark.parametrize("field", [{"mtime": 1}, {"mode": 0o777}, {"uid": 1}, {"uname": "me"}])
def test_other_owners_times_and_modes_are_refused(field: dict[str, object]) -> None:
    head_of = head("c", **{"mode": 0o644, **field})
    with pytest.raises(Tampered, match="bytes"):
        decode(archive((head_of, b"x"), format=tarfile.USTAR_FORMAT))


def test_headers_of_extended_formats_are_refused() -> None:
    made = archive((head("c", pax_headers={"comment": "hidden"}), b"x"), format=tarfile.PAX_FORMAT)
    with pytest.raises(Tampered):
        decode(made)


def test_a_compressed_one_is_refused_unread() -> None:
    bomb = gzip.compress(bytes(200 << 20))
    assert len(bomb) < 1 << 20
    with pytest.raises(Tampered, match="no uncompressed tar"):
        decode(bomb)


def test_one_that_declares_more_than_it_has_is_refused() -> None:
    made = bytearray(archive((head("c", mode=0o644), b"x"), format=tarfile.USTAR_FORMAT))
    made[124:136] = b"77777777777\0"
    made[148:156] = b" " * 8
    made[148:156] = f"{sum(made[:512]):06o}\0 ".encode()
    with pytest.raises(Tampered):
        decode(bytes(made))


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MOST_BYTES", 4096)
    with pytest.raises(Tampered, match="at most"):
        decode(GOOD)
    many = {f"m{number}": b"" for number in range(container.MOST_MEMBERS + 1)}
    monkeypatch.setattr(container, "MOST_BYTES", 1 << 20)
    with pytest.raises(Tampered, match="too many"):
        decode(encode(many))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed_but_in_a_content(place: int, change: int) -> None:
    """A content is what the manifest's hashes are for; anything else in the file has only one form."""
    data = bytearray(GOOD)
    data[place] ^= change
    try:
        members = decode(bytes(data))
    except Tampered:
        return
    assert members != MEMBERS and encode(members) == bytes(data)
