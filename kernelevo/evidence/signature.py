"""An optional signature of the manifest with an SSH key, by OpenSSH's own `ssh-keygen -Y`, namespace "kernelevo".

Why SSH keys: people who write kernels have one, hosts of code publish them (as USER.keys), agents, passphrases and
hardware keys work, no package is needed, and a stranger can check a signature without this program:

    tar xf BUNDLE manifest.json manifest.json.sig
    ssh-keygen -Y check-novalidate -n kernelevo -s manifest.json.sig < manifest.json
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from kernelevo.counting import counted
from kernelevo.errors import BadInput, Infrastructure, NotInstalled
from kernelevo.evidence.bundle import SIGNATURE, Bundle
from kernelevo.evidence.rows import Row, holds, refused, unchecked

PROGRAM = "ssh-keygen"
NAMESPACE = "kernelevo"
MOST_BYTES = 16 << 10
_SECONDS = 120.0  # a person may be asked for a passphrase, or to touch a key
_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+|sk-ssh-ed25519\S*|sk-ecdsa-sha2-\S+) [A-Za-z0-9+/=]+( .*)?")
_FINGERPRINT = re.compile(r"key (SHA256:[A-Za-z0-9+/=]{1,64})")


def sign(sealed: Bundle, key: Path) -> Bundle:
    """The bundle with a signature by the private key in `key` (or by the agent, where `key` is a public key's file);
    raises BadInput, NotInstalled.
    """
    program = _program()
    if not key.is_file():
        raise BadInput(f"there is no key file {key}; give a private SSH key, such as ~/.ssh/id_ed25519")
    with tempfile.TemporaryDirectory(prefix="kernelevo-") as folder:
        message = Path(folder) / "manifest.json"
        message.write_bytes(sealed.manifest)
        # A passphrase is asked for on the terminal, so standard error stays the user's.
        done = _run([program, "-Y", "sign", "-q", "-f", str(key.absolute()), "-n", NAMESPACE, str(message)], None)
        made = message.with_name(SIGNATURE)
        if done.returncode != 0 or not made.is_file():
            raise BadInput(f"{PROGRAM} did not sign with {key} ({_words(done)}); give a private key that it accepts")
        return sealed.signed(made.read_bytes())


def check(sealed: Bundle, key: Path | None) -> Row:
    """The row of the signature; with `key` (a file of public keys) it must be there and by one of these. Raises
    BadInput for a file that holds no key, NotInstalled where one is demanded and cannot be checked.
    """
    part = "signature"
    keys = None if key is None else _public_keys(key)
    if sealed.signature is None:
        if keys is not None:
            return refused(part, f"it is not signed, and a signature by a key of {key} is demanded")
        return unchecked(part, "it is not signed: hashes alone show consistency only, not who vouches for it")
    if len(sealed.signature) > MOST_BYTES:
        return refused(part, f"it has {counted(len(sealed.signature), 'byte')}, which no signature has")
    if keys is None:
        return _by_whom(sealed) if shutil.which(PROGRAM) else unchecked(part, f"there is no {PROGRAM} to check it with")
    return _by_one_of(sealed, keys, str(key))


def _by_whom(sealed: Bundle) -> Row:
    done = _verify(sealed, ["check-novalidate"], "")
    found = _FINGERPRINT.search(_words(done))
    if done.returncode != 0 or not found:
        return refused("signature", f"it is not one of this manifest ({_words(done)})")
    words = f"it is one of this manifest, by key {found[1]}; whose that is is not known: give it with --key"
    return unchecked("signature", words)


def _by_one_of(sealed: Bundle, keys: list[str], where: str) -> Row:
    allowed = "".join(f'{NAMESPACE} namespaces="{NAMESPACE}" {key}\n' for key in keys)
    done = _verify(sealed, ["verify", "-I", NAMESPACE], allowed)
    if done.returncode != 0:
        return refused("signature", f"it is not one of this manifest by a key of {where} ({_words(done)})")
    found = _FINGERPRINT.search(_words(done))
    return holds("signature", f"by key {found[1] if found else 'given'}, of {where}")


def _verify(sealed: Bundle, words: list[str], allowed: str) -> subprocess.CompletedProcess[bytes]:
    with tempfile.TemporaryDirectory(prefix="kernelevo-") as folder:
        signature, signers = Path(folder) / SIGNATURE, Path(folder) / "signers"
        signature.write_bytes(sealed.signature or b"")
        signers.write_text(allowed, encoding="utf-8")
        known = ["-f", str(signers)] if allowed else []
        command = [_program(), "-Y", *words, *known, "-n", NAMESPACE, "-s", str(signature)]
        return _run(command, sealed.manifest)


def _public_keys(path: Path) -> list[str]:
    """The keys in a file of them, one a line as OpenSSH writes it; raises BadInput."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the key {path} cannot be read ({error}); give a file of public keys (NAME.pub)") from error
    keys = [line.strip() for line in lines if _KEY.fullmatch(line.strip())]
    if not keys:
        raise BadInput(f"{path} holds no public SSH key; give the .pub file, or a person's published keys")
    return keys


def _program() -> str:
    found = shutil.which(PROGRAM)
    if found is None:
        raise NotInstalled(f"there is no {PROGRAM} here, which makes and checks signatures; install OpenSSH's client")
    return found


def _run(command: list[str], given: bytes | None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=given, capture_output=given is not None, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Infrastructure(f"{PROGRAM} did not end within {_SECONDS:g} s; run the command again") from error


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    """What it said, as one line of printable text."""
    said = b" ".join(filter(None, (done.stdout, done.stderr))).decode(errors="replace")
    return " ".join("".join(letter for letter in said if letter.isprintable() or letter.isspace()).split())[:300]
