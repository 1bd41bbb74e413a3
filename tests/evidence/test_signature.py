"""A signature is checked by OpenSSH itself; a bundle that was changed after it was signed is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from evidence.made_bundle import sealed

from kernelevo.errors import BadInput, NotInstalled
from kernelevo.evidence import bundle, canonical, signature
from kernelevo.evidence.documents import Origin
from kernelevo.run_evidence import examine

PROGRAM = shutil.which(signature.PROGRAM)
needs_ssh = pytest.mark.skipif(PROGRAM is None, reason="no ssh-keygen")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys `mine` and `other`."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        words = ["-q", "-t", "ed25519", "-N", "", "-C", f"{name} key", "-f", str(folder / name)]
        subprocess.run([signature.PROGRAM, *words], check=True)
    return folder


def row(data: bytes, key: Path | None) -> tuple[str, str]:
    return next((row.state, row.words) for row in examine(data, key).rows if row.part == "signature")


@needs_ssh
def test_a_signature_by_the_demanded_key_holds(keys: Path) -> None:
    signed = signature.sign(sealed(), keys / "mine")
    state, words = row(signed.encode(), keys / "mine.pub")
    assert state == "holds" and "SHA256:" in words
    assert not examine(signed.encode(), keys / "mine.pub").refused
    assert signed.root == sealed().root


@needs_ssh
def test_a_signature_by_another_key_is_refused(keys: Path) -> None:
    signed = signature.sign(sealed(), keys / "mine").encode()
    assert row(signed, keys / "other.pub")[0] == "refused" and examine(signed, keys / "other.pub").refused


@needs_ssh
def test_one_of_several_keys_is_enough(keys: Path, tmp_path: Path) -> None:
    both = tmp_path / "published.keys"
    both.write_text("# a person's keys\n" + (keys / "other.pub").read_text() + (keys / "mine.pub").read_text())
    assert row(signature.sign(sealed(), keys / "mine").encode(), both)[0] == "holds"


@needs_ssh
def test_whose_key_it_is_is_not_known_until_it_is_given(keys: Path) -> None:
    state, words = row(signature.sign(sealed(), keys / "mine").encode(), None)
    assert state == "not checked" and "SHA256:" in words and "--key" in words


@needs_ssh
def test_a_bundle_that_was_changed_after_it_was_signed_is_refused(keys: Path) -> None:
    signed = signature.sign(sealed(), keys / "mine")
    origin = canonical.read("o", signed.members[bundle.ORIGIN], Origin)
    changed = {**signed.members, bundle.ORIGIN: canonical.write(origin.model_copy(update={"calibration": "on a card"}))}
    moved = bundle.seal(changed).signed(signed.signature).encode()
    assert not examine(bundle.seal(changed).encode(), None).refused
    for key in (None, keys / "mine.pub"):
        assert row(moved, key)[0] == "refused"


@needs_ssh
@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", b"\xff" * 99]
)
def test_what_is_no_signature_is_refused(keys: Path, content: bytes) -> None:
    data = sealed().signed(content).encode()
    for key in (None, keys / "mine.pub"):
        assert row(data, key)[0] == "refused"


def test_a_signature_of_a_megabyte_is_refused_unread() -> None:
    assert "bytes" in row(sealed().signed(b"x" * (1 << 20)).encode(), None)[1]


@needs_ssh
def test_a_signature_for_another_purpose_is_refused(keys: Path, tmp_path: Path) -> None:
    message = tmp_path / "manifest.json"
    message.write_bytes(sealed().manifest)
    command = [signature.PROGRAM, "-Y", "sign", "-q", "-f", str(keys / "mine"), "-n", "git", str(message)]
    subprocess.run(command, check=True)
    data = sealed().signed((tmp_path / "manifest.json.sig").read_bytes()).encode()
    for key in (None, keys / "mine.pub"):
        assert row(data, key)[0] == "refused"


@needs_ssh
def test_a_demanded_signature_that_is_not_there_is_refused(keys: Path) -> None:
    state, words = row(sealed().encode(), keys / "mine.pub")
    assert state == "refused" and "not signed" in words


def test_without_a_signature_it_is_said_what_hashes_show() -> None:
    state, words = row(sealed().encode(), None)
    assert state == "not checked" and "hashes alone show consistency only" in words


@needs_ssh
def test_keys_that_are_none_are_bad_input(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("hello\n")
    for key in (tmp_path / "none", tmp_path / "missing", keys / "mine"):
        with pytest.raises(BadInput):
            signature.check(sealed(), key)
    with pytest.raises(BadInput, match="no key file"):
        signature.sign(sealed(), tmp_path / "missing")
    with pytest.raises(BadInput, match="did not sign"):
        signature.sign(sealed(), tmp_path / "none")


def test_without_the_program_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(signature.shutil, "which", lambda _: None)
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me\n")
    signed = sealed().signed(b"x")
    assert signature.check(signed, None).state == "not checked"
    with pytest.raises(NotInstalled, match="OpenSSH"):
        signature.check(signed, key)
